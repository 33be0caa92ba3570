"""Calls at the edges of a formula: an argument missing or one too many, sizes of 1, operands of unequal sizes."""

from __future__ import annotations

import itertools

import pytest
from opcalls import cost_of, meta
from test_formulas_graphs_and_sites import sparse_convolution
from test_formulas_libraries import by_place


def others(cost):
    """The operations besides the multiply-accumulates."""
    return cost.flops - 2 * cost.macs


def test_the_gated_products_of_xformers_are_told_by_their_first_result():
    given = {"x": meta(5, 4), "w1": meta(6, 4), "b1": None, "w2": meta(6, 4), "b2": None}
    cost = cost_of("xformers::dual_gemm_silu_identity_mul", (5, 6), **given)
    assert (cost.macs, others(cost)) == (2 * 5 * 6 * 4, 5 * 6 * 3)


def test_a_product_with_sums_may_be_given_the_tensors_that_it_writes_to():
    given = {"a": meta(5, 4), "b": meta(4, 6), "out1": meta(5, 6), "out2": meta(5)}
    cost = cost_of("xformers::gemm_fused_operand_sum", (5, 6), (5,), **given)
    assert (cost.macs, others(cost)) == (5 * 4 * 6, 5 * 4)


def test_the_gradient_of_a_gate_is_told_by_what_it_gates():
    assert cost_of("xformers::silu_bw_fused", (5, 12), x1=meta(5, 6)).flops == 10 * 5 * 6


def test_products_of_graph_layers_take_no_more_than_their_operands():
    given = by_place(meta(6, 4), meta(3), meta(2, 4, 5), None)
    assert cost_of("pyg::segment_matmul", (6, 5), **given).macs == 6 * 4 * 5
    given = by_place([meta(6, 4)], [meta(4, 5)], [meta(5)])
    assert cost_of("pyg::grouped_matmul", (6, 5), **given).macs == 6 * 4 * 5
    assert cost_of("pyg::grouped_matmul", (6, 5), **by_place([meta(6, 4), meta(2, 3)], [meta(4, 5)])).partial


def test_neighbours_may_be_asked_for_without_offsets():
    """Each of 48 pairs of points in 3 dimensions: 9 for the distance, and 1 + log2 4 comparisons in the heap."""
    given = by_place(meta(8, 3), meta(6, 3), 4)
    assert cost_of("torch_cluster::knn", (2, 24), **given).flops == 48 * (9 + 1 + 2)


@pytest.mark.parametrize(("aligned", "pairs"), [(False, 3 * 4), (True, 3)])
def test_rotated_boxes_are_counted_by_their_number_and_not_by_their_coordinates(aligned, pairs):
    given = {"boxes1": meta(3, 5), "boxes2": meta(3 if aligned else 4, 5), "aligned": aligned}
    assert cost_of("mmcv::box_iou_rotated", (pairs,), **given).flops == pairs * (4 * 4 * 5 + 4 * 6 + 4 * 3 + 2)


def test_a_norm_over_single_elements_has_as_many_rows_as_elements():
    """5 per element and 2 per row."""
    given = {"input": meta(3, 8), "normalized_shape": [1]}
    assert cost_of("apex::fused_layer_norm_fwd", (3, 8), **given).flops == 7 * 24


def test_a_product_of_transformer_engine_without_its_last_arguments_has_no_bias():
    given = [meta(4, 5), None, 0, 0, True, meta(6, 5), None, 0, 0, False, meta(4, 6), None, None, 0, meta(6), 0]
    cost = cost_of("tex_ts::te_gemm_ts", **by_place(*given))
    assert (cost.macs, cost.flops) == (4 * 6 * 5, 2 * 4 * 6 * 5)


def test_a_memory_changes_by_rank_one_where_both_factors_are_given():
    """1 batch, 3 tokens, 2 heads, 4 keys, 5 values: two products for each, and a scale for each of the query."""
    given = {"q": meta(1, 3, 2, 4), "k": meta(1, 3, 2, 4), "v": meta(1, 3, 2, 5), "K": 4, "V": 5}
    plain = cost_of("triton::fused_recurrent_fwd_kernel", **given)
    for name in ("a", "b", "alpha"):
        assert cost_of("triton::fused_recurrent_fwd_kernel", **given, **{name: meta(1, 3, 2, 4)}) == plain
    assert plain.macs == 2 * 3 * 2 * 4 * 5


def test_step_sizes_have_no_softplus_unless_it_is_asked_for():
    assert cost_of("triton::_chunk_cumsum_fwd_kernel", dt_ptr=meta(2, 6, 4)).flops == 48 * 2


def test_a_convolution_over_sites_tells_its_weight_by_dtype_and_dimensions():
    """Neither its indices nor a bias is a weight; nothing else told, it makes as many sites as it was given."""
    convolution = sparse_convolution(indicePairNum=meta(9))
    indices = {"indices": meta(5, 3, dtype="int32"), "bias": meta(6)}
    cost = cost_of("spconv::indice_conv_fp32", (7, 6), **indices, **convolution)
    assert (cost.macs, cost.partial) == (7 * 4 * 6, True)
    assert cost_of("spconv::indice_conv_fp32", **convolution).macs == 5 * 4 * 6


def test_gates_are_told_by_their_first_result():
    """13 and 10 operations for each hidden element."""
    given = {"input_gates": meta(3, 20), "hidden_gates": meta(3, 20), "input_bias": None, "hidden_bias": None}
    assert cost_of("aten::_thnn_fused_lstm_cell", (3, 5), **given).flops == 15 * 13
    assert cost_of("aten::_thnn_fused_gru_cell", (3, 5), **given).flops == 15 * 10


def test_an_attention_s_bias_and_scale_are_told_by_the_query():
    """1 for each of Q, K and V, and 1 more for each of Q."""
    cost = cost_of("aten::_transform_bias_rescale_qkv", (2, 4, 5, 8), qkv=meta(2, 5, 96))
    assert (cost.macs, cost.flops) == (0, 2 * 5 * 96 + 2 * 4 * 5 * 8)


def test_a_linear_layer_without_a_bias_is_its_product():
    cost = cost_of("aten::linear", (5, 6), input=meta(5, 4), weight=meta(6, 4), bias=None)
    assert (cost.macs, cost.flops) == (5 * 4 * 6, 2 * 5 * 4 * 6)


def test_a_dot_product_takes_each_element_once():
    assert cost_of("aten::dot", (), self=meta(7)).macs == 7


def test_the_space_of_a_trilinear_product_is_that_of_all_three_tensors():
    """4 rows that the first tensor alone has, 3 x 5 x 6 places of the second."""
    points = sum(1 for _ in itertools.product(range(4), range(3), range(5), range(6)))
    given = {"i1": meta(4, 5), "i2": meta(3, 5, 6), "i3": meta(1, 6)}
    spread = {"expand1": [1, 3], "expand2": [0], "expand3": [1, 2], "sumdim": [2, 3]}
    cost = cost_of("aten::_trilinear", (4, 3), **given, **spread)
    assert (cost.macs, cost.flops) == (points, 3 * points)
    with pytest.raises(ValueError, match=r"longer|shorter"):
        cost_of("aten::_trilinear", (4, 3), **given, **spread | {"expand3": [1]})
