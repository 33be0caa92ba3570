"""Operators of graph, point cloud and sparse convolution libraries, and of mmcv, against naive loops."""

from __future__ import annotations

import itertools

import pytest
import torch
from opcalls import cost_of, meta
from test_formulas_libraries import by_place, operator

import archscope
from archscope.formulas import DEFAULT_FORMULAS


def test_a_scatter_combines_each_element_once():
    source, index = meta(6, 3), meta(6, 1)
    for kind in ("sum", "mul", "min", "max"):
        assert cost_of(f"torch_scatter::scatter_{kind}", (4, 3), **by_place(source, index, 0, None, 4)).flops == 18
    mean = cost_of("torch_scatter::scatter_mean", (4, 3), **by_place(source, index, 0, None, 4))
    assert mean.flops == 18 + 12 + 6
    assert cost_of("torch_scatter::segment_sum_csr", (4, 3), **by_place(source, meta(5), None)).flops == 18
    assert DEFAULT_FORMULAS.find("torch_scatter::gather_csr").kind == "free"


@pytest.mark.parametrize("valued", [False, True])
def test_a_sparse_product_works_where_values_are(valued):
    """Rows of 2, 0 and 3 values, times 4 features."""
    macs = 0
    for row in (2, 0, 3):
        for _value, _feature in itertools.product(range(row), range(4)):
            macs += 1
    values = meta(5) if valued else None
    given = by_place(None, meta(4), meta(5), values, None, None, meta(7, 4))
    cost = cost_of("torch_sparse::spmm_sum", (3, 4), **given)
    assert (cost.macs, cost.flops) == ((macs, 2 * macs) if valued else (0, macs))
    given = by_place(None, meta(4), meta(5), values, None, None, None, meta(7, 4))
    mean = cost_of("torch_sparse::spmm_mean", (3, 4), **given)
    assert mean.flops == cost.flops + 12
    extreme = cost_of("torch_sparse::spmm_max", (3, 4), (3, 4), **by_place(meta(4), meta(5), values, meta(7, 4)))
    assert extreme.flops == macs * (2 if valued else 1)
    batched = by_place(None, meta(4), meta(5), values, None, None, meta(2, 7, 4))
    assert cost_of("torch_sparse::spmm_sum", (2, 3, 4), **batched).flops == 2 * cost.flops
    batched = by_place(meta(4), meta(5), values, meta(2, 7, 4))
    assert cost_of("torch_sparse::spmm_min", (2, 3, 4), **batched).flops == 2 * extreme.flops


def test_searches_among_points_meet_every_pair():
    points, queries, one, two = meta(8, 3), meta(6, 3), None, meta(3)  # offsets of two clouds
    distance = 3 * 3
    assert cost_of("torch_cluster::fps", (4,), **by_place(points, one, 0.5, True)).flops == 4 * 8 * (distance + 2)
    assert cost_of("torch_cluster::fps", (4,), **by_place(points, two, 0.5, True)).flops == 2 * 8 * (distance + 2)
    knn = cost_of("torch_cluster::knn", (2, 24), **by_place(points, queries, one, one, 4, False, 1))
    assert knn.flops == 48 * (distance + 1 + 2)
    assert cost_of("torch_cluster::knn", (2, 24), **by_place(points, queries, two, two, 4, False, 1)).flops == 24 * 12
    assert cost_of("torch_cluster::radius", (2, 9), **by_place(points, queries, one, one, 0.1)).flops == 48 * 10
    assert cost_of("torch_cluster::nearest", (8,), **by_place(points, queries, two, two)).flops == 24 * 10
    ranked = by_place(points, queries, meta(1), one, 4, False, 1)
    assert cost_of("torch_cluster::knn", (2, 24), **ranked).flops == 48 * 12  # offsets of no cloud at all
    with_weights = by_place(points, meta(3), None, None)
    assert cost_of("torch_cluster::grid", (8,), **with_weights).flops == 24 * 5
    assert cost_of("torch_cluster::grid", (8,), **by_place(points, meta(3), None, None)).flops == 24 * 5


def test_products_of_graph_layers():
    cost = cost_of("torch_spline_conv::spline_weighting", (6, 5), **by_place(meta(6, 4), meta(9, 4, 5), meta(6, 8)))
    assert (cost.macs, cost.flops) == (6 * 8 * 4 * 5, 3 * 6 * 8 * 4 * 5)
    more = by_place(meta(6, 4), meta(9, 4, 5), meta(6, 8), meta(6, 8))
    assert cost_of("torch_spline_conv::spline_weighting", (6, 5), **more) == cost
    assert cost_of("pyg::segment_matmul", (6, 5), **by_place(meta(6, 4), meta(3), meta(2, 4, 5))).macs == 6 * 4 * 5
    lists = by_place([meta(6, 4), meta(2, 3)], [meta(4, 5), meta(3, 7)])
    assert cost_of("pyg::grouped_matmul", (6, 5), (2, 7), **lists).macs == 6 * 4 * 5 + 2 * 3 * 7


def pairs_of(sites, kernel):
    """For each weight of the kernel, the active outputs that have an active input under it (the same sites)."""
    reach = range(-(kernel // 2), kernel // 2 + 1)
    return [sum((x + dx, y + dy) in sites for x, y in sites) for dx, dy in itertools.product(reach, reach)]


SITES = {(0, 0), (0, 1), (5, 5), (6, 6), (6, 7)}


def sparse_convolution(**more):
    return {"features": meta(5, 4), "filters": meta(3, 3, 4, 6), **more}


def test_a_convolution_over_sites_takes_each_pair_of_active_ones():
    counts = pairs_of(SITES, 3)
    macs = 0
    for pairs in counts:
        for _pair, _in, _out in itertools.product(range(pairs), range(4), range(6)):
            macs += 1
    for name in ("indicePairNum", "indice_pair_num"):
        cost = cost_of("spconv::indice_conv_fp32", (5, 6), **sparse_convolution(**{name: counts}))
        assert (cost.macs, cost.partial) == (macs, False)
    back = cost_of(
        "spconv::indice_conv_backward_fp32", (5, 4), (3, 3, 4, 6), **sparse_convolution(indicePairNum=counts)
    )
    assert (back.macs, back.partial) == (2 * macs, False)
    pool = cost_of("spconv::indice_maxpool", (5, 4), features=meta(5, 4), indicePairNum=counts)
    assert (pool.flops, pool.partial) == (sum(counts) * 4, False)


def test_where_nobody_knows_the_pairs_it_is_the_least_and_says_so():
    unknown = sparse_convolution(indicePairNum=meta(9))
    cost = cost_of("spconv::indice_conv_fp32", (7, 6), **unknown)
    assert (cost.macs, cost.partial) == (7 * 4 * 6, True)
    assert cost_of("spconv::indice_conv_fp32", **unknown, numActOut=3).macs == 3 * 4 * 6
    engine = {"in_feat": meta(5, 4), "kernel": meta(9, 4, 6)}
    cost = cost_of("MinkowskiEngine::ConvolutionForwardGPU", (5, 6), **engine)
    assert (cost.macs, cost.partial) == (5 * 4 * 6, True)
    back = {"in_feat": meta(5, 4), "kernel": meta(9, 6, 4)}  # the weight with its features out first
    assert cost_of("MinkowskiEngine::ConvolutionBackwardCPU", (5, 4), **back).macs == 2 * 5 * 4 * 6
    turned = {"features": meta(5, 4), "filters": meta(6, 3, 3, 4)}  # as spconv 2 keeps it
    assert cost_of("spconv::implicit_gemm", (7, 6), **turned).macs == 7 * 4 * 6
    pool = cost_of("spconv::indice_maxpool", (7, 4), features=meta(5, 4), indicePairNum=meta(9))
    assert (pool.flops, pool.partial) == (7 * 4, True)
    assert cost_of("spconv::indice_maxpool", features=meta(5, 4), num_activate_out=3).flops == 3 * 4
    assert (cost + cost).partial
    assert (cost + archscope.Cost.of(macs=1)).partial


def test_a_report_with_such_a_convolution_is_a_lower_bound():
    schema = (
        "spconv::indice_conv(Tensor features, Tensor filters, Tensor indice_pairs, Tensor indice_pair_num, "
        "int num_activate_out, bool inverse, bool subm) -> Tensor"
    )
    op = operator(schema, lambda features, filters, *_: features.new_empty(5, filters.shape[-1]))

    class Sites(torch.nn.Module):
        def forward(self, x):
            return op(x, x.new_ones(9, 4, 6), x.new_ones(9, 2, 5), x.new_ones(9), 5, False, True).relu()

    report = archscope.analyze(Sites(), torch.rand(5, 4))
    assert report.totals.macs == 5 * 4 * 6
    assert not report.totals.complete
    assert [row.op for row in report.uncounted] == ["spconv::indice_conv"]


def test_the_kernels_of_mmcv_by_hand():
    given = {"input": meta(1, 4, 6, 6), "weight": meta(8, 4, 3, 3), "output": meta(1, 8, 4, 4)}
    sampled = 4 * 9 * 16
    plain = cost_of("mmcv::deform_conv_forward", **given)
    assert (plain.macs, plain.flops - 2 * plain.macs) == (8 * 16 * 36, 7 * sampled)
    masked = cost_of("mmcv::modulated_deform_conv_forward", **given, mask=meta(1, 9, 4, 4), with_bias=True)
    assert masked.flops - 2 * masked.macs == 8 * sampled + 128
    boxes = {"input": meta(1, 4, 6, 7), "output": meta(5, 4, 2, 2), "aligned_height": 2, "aligned_width": 2}
    assert cost_of("mmcv::roi_align_forward", **boxes, sampling_ratio=2).flops == 80 * 4 * 8
    assert cost_of("mmcv::roi_align_forward", **boxes, sampling_ratio=3).flops == 80 * 9 * 8
    assert cost_of("mmcv::roi_align_forward", **boxes, sampling_ratio=1).flops == 80 * 8
    assert cost_of("mmcv::roi_align_forward", **boxes, sampling_ratio=0).flops == 80 * 3 * 4 * 8
    assert cost_of("mmcv::nms", (3,), boxes=meta(5, 4), scores=meta(5)).flops == 5 * 3 + 15 + 13 * 10
    assert cost_of("mmcv::nms_rotated", (3,), dets=meta(5, 5)).flops == 5 * 3 + 15 + 118 * 10
    pair = 4 * 4 * 5 + 4 * 6 + 4 * 3 + 2
    two = {"boxes1": meta(5, 5), "boxes2": meta(6, 5)}
    assert cost_of("mmcv::box_iou_rotated", **two, aligned=False).flops == 30 * pair
    assert cost_of("mmcv::box_iou_rotated", **two, aligned=True).flops == 5 * pair
    assert cost_of("mmcv::box_iou_rotated", **two).flops == 30 * pair
    crowd = {"boxes1": meta(5, 5), "boxes2": meta(6, 5), "other": meta(9, 5)}
    assert cost_of("mmcv::box_iou_rotated", **crowd).flops == 30 * pair
    loss = {"input": meta(5, 3), "weight": None}
    assert cost_of("mmcv::sigmoid_focal_loss_forward", **loss).flops == 15 * (1 + 1 + 1 + 1 + 3)
    loss["weight"] = meta(0)
    assert cost_of("mmcv::sigmoid_focal_loss_forward", **loss).flops == 15 * 7
    loss["weight"] = meta(1)
    assert cost_of("mmcv::sigmoid_focal_loss_forward", **loss).flops == 15 * 8
    loss["weight"] = meta(3)
    assert cost_of("mmcv::sigmoid_focal_loss_forward", **loss).flops == 15 * 8
    assert cost_of("mmcv::carafe_forward", output=meta(1, 4, 6, 6), kernel_size=5).macs == 144 * 25
    assert DEFAULT_FORMULAS.find("mmcv::masked_im2col_forward").kind == "free"
