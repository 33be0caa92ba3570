"""Formulas without MACs against naive loops: norms, pooling, softmax, resampling, reductions, sorting, losses."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opcalls import Count, cost, cost_of, meta, total

small = st.integers(1, 4)
examples = settings(max_examples=25, deadline=None)


def grid(*sizes):
    return itertools.product(*map(range, sizes))


def mean(count, n):
    """n - 1 additions and a division."""
    count.other += n - 1 + 1


def variance(count, n):
    """Subtract the mean, square, add up, divide."""
    for _ in range(n):
        count.other += 2
    mean(count, n)


@examples
@example(2, 3, 5, True, False)
@example(2, 3, 5, False, True)
@given(small, small, small, st.booleans(), st.booleans())
def test_a_layer_norm_costs_what_its_loop_does(rows, columns, n, weight, bias):
    count = Count()
    for _ in grid(rows, columns):
        mean(count, n)
        variance(count, n)
        count.other += 2  # plus eps, rsqrt
        for _ in range(n):
            count.other += 1 + weight + bias  # scale; weight; bias
    tensors = torch.rand(rows, columns, n), torch.rand(n) if weight else None, torch.rand(n) if bias else None
    ours = cost(F.layer_norm, tensors[0], [n], *tensors[1:])
    assert (ours.macs, ours.flops) == (0, count.flops)


@examples
@example(2, 3, 2, 5, True, False)
@given(small, st.integers(1, 3), st.integers(1, 3), small, st.booleans(), st.booleans())
def test_a_group_norm_costs_what_its_loop_does(batch, groups, per_group, size, weight, bias):
    count, n, channels = Count(), per_group * size, groups * per_group
    for _ in grid(batch, groups):
        mean(count, n)
        variance(count, n)
        count.other += 2
        for _ in range(n):
            count.other += 1 + weight + bias
    x, ones = torch.rand(batch, channels, size), torch.ones(channels)
    ours = cost(torch.group_norm, x, groups, ones if weight else None, ones if bias else None)
    assert (ours.macs, ours.flops) == (0, count.flops)


@examples
@example(3, 5, True)
@given(small, small, st.booleans())
def test_an_rms_norm_costs_what_its_loop_does(rows, n, weight):
    count = Count()
    for _ in range(rows):
        for _ in range(n):
            count.other += 1  # square
        mean(count, n)
        count.other += 2
        for _ in range(n):
            count.other += 1 + weight
    scale = meta(n) if weight else None
    ours = cost_of("aten::_fused_rms_norm", (rows, n), input=meta(rows, n), normalized_shape=[n], weight=scale)
    assert (ours.macs, ours.flops) == (0, count.flops)


@examples
@given(small, small, small)
def test_a_batch_norm_costs_what_its_loop_does(batch, channels, size):
    x, stats = torch.rand(batch, channels, size), torch.rand(channels)
    in_eval, in_training = Count(), Count()
    for _ in range(channels):
        mean(in_training, batch * size)
        variance(in_training, batch * size)
        for _ in grid(batch, size):
            in_eval.other += 2  # times a, plus b: folded from the statistics
            in_training.other += 2
    assert cost(F.batch_norm, x, stats, stats).flops == in_eval.flops
    assert cost_of("aten::native_batch_norm", (1,), input=meta(*x.shape), training=False).flops == in_eval.flops
    assert cost_of("aten::native_batch_norm", (1,), input=meta(*x.shape), training=True).flops == in_training.flops
    assert cost_of("aten::_batch_norm_with_update", (1,), input=meta(*x.shape)).flops == in_training.flops


def test_the_norm_of_weights():
    ours = cost_of("aten::_weight_norm_interface", (6, 5), v=meta(6, 5), g=meta(6, 1), dim=0)
    count = Count()
    for _ in range(6):
        count.other += 5 + 5 + 2 + 5  # squares, sum, root and g / |v|, scale
    assert ours.flops == count.flops
    assert cost(torch.renorm, torch.rand(6, 5), 2, 0, 1.0).flops == 6 * (5 + 5 + 3 + 5)


@examples
@given(small, small)
def test_a_softmax_costs_what_its_loop_does(rows, n):
    count = Count()
    for _ in range(rows):
        count.other += n  # maximum (n - 1 comparisons and a start)
        for _ in range(n):
            count.other += 2  # subtract, exp
        count.other += n  # sum
        for _ in range(n):
            count.other += 1  # divide, or subtract the logarithm
    x = torch.rand(rows, n)
    assert cost(F.softmax, x, -1).flops == cost(F.log_softmax, x, -1).flops == count.flops
    assert cost_of("aten::_masked_softmax", (rows, n)).flops == count.flops + rows * n  # and a select
    assert cost_of("aten::_safe_softmax", (rows, n)).flops == count.flops + 3 * rows * n  # compare, all, select


def pool(count, n, *, average):
    count.other += n if average else n - 1


@examples
@given(st.data(), st.integers(1, 3), small, st.booleans())
def test_a_pooling_costs_what_its_loop_does(data, dims, planes, average):
    kernel = [data.draw(st.integers(1, 3)) for _ in range(dims)]
    sizes = [k + data.draw(st.integers(0, 4)) for k in kernel]
    kind = "avg" if average else "max"
    function = getattr(F, f"{kind}_pool{dims}d")
    x = torch.empty(1, planes, *sizes, device="meta")
    count = Count()
    for _ in range(function(x, kernel, 1).numel()):
        pool(count, math.prod(kernel), average=average)
    ours = total(function, x, kernel, 1)
    assert (ours.macs, ours.flops) == (0, count.flops)
    op = f"aten::{kind}_pool{dims}d" + ("_with_indices" if not average and dims > 1 else "")
    one_number = cost_of(op, (planes, 5), kernel_size=[3])
    assert one_number.flops == planes * 5 * (3**dims if average else 3**dims - 1)


@examples
@given(st.data(), st.integers(2, 3), st.booleans())
def test_an_adaptive_pooling_costs_what_its_loop_does(data, dims, average):
    before = [data.draw(st.integers(1, 6)) for _ in range(dims)]
    after = [data.draw(st.integers(1, size)) for size in before]
    count = Count()
    for place in grid(2, *after):
        window = 1
        for i, n, outputs in zip(place[1:], before, after, strict=True):
            window *= math.ceil((i + 1) * n / outputs) - math.floor(i * n / outputs)
        pool(count, window, average=average)
    kind, name = ("_adaptive_avg", "adaptive_avg") if average else ("adaptive_max", "adaptive_max")
    ours = cost_of(f"aten::{kind}_pool{dims}d", (1, 2, *after), self=meta(1, 2, *before), output_size=after)
    assert ours.flops == count.flops
    if any(size != 1 for size in after):  # torch takes a plain mean otherwise
        assert total(getattr(F, f"{name}_pool{dims}d"), torch.rand(1, 2, *before), after).flops == count.flops


RESAMPLED = {"linear": 2, "bilinear": 4, "trilinear": 8, "bicubic": 16}


@pytest.mark.parametrize(("mode", "neighbours"), RESAMPLED.items())
def test_an_interpolation_weighs_and_adds_its_neighbours(mode, neighbours):
    dims = {"linear": 1, "trilinear": 3}.get(mode, 2)
    x = torch.rand(2, 3, *[4] * dims)
    ours = cost(F.interpolate, x, scale_factor=2, mode=mode)
    assert ours.flops == 6 * 8**dims * (neighbours + neighbours - 1)


@examples
@example(9, 7, 4, 3)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_an_antialiased_interpolation_costs_what_its_passes_do(height, width, out_height, out_width):
    for mode, radius in (("bilinear", 1), ("bicubic", 2), ("lanczos", 3)):
        count = Count()
        for _ in grid(6, height, out_width):  # rows first
            taps = math.ceil(2 * radius * max(width / out_width, 1))
            count.other += taps + taps - 1
        for _ in grid(6, out_height, out_width):
            taps = math.ceil(2 * radius * max(height / out_height, 1))
            count.other += taps + taps - 1
        output = (2, 3, out_height, out_width)
        assert cost_of(f"aten::_upsample_{mode}2d_aa", output, self=meta(2, 3, height, width)).flops == count.flops


def test_nearest_interpolation_and_sampling_copy():
    x, grid_ = torch.rand(1, 2, 4, 4), torch.rand(1, 3, 5, 2)
    assert total(F.interpolate, x, scale_factor=2, mode="nearest").flops == 0
    for mode, each in (("bilinear", 7), ("nearest", 0), ("bicubic", 31)):
        assert total(F.grid_sample, x, grid_, mode=mode, align_corners=False).flops == each * 2 * 15
    volume, places = torch.rand(1, 2, 4, 4, 4), torch.rand(1, 3, 5, 2, 3)
    for mode, each in (("bilinear", 15), ("nearest", 0)):
        assert total(F.grid_sample, volume, places, mode=mode, align_corners=False).flops == each * 2 * 30


ONE_EACH = ["sum", "mean", "prod", "amax", "amin", "argmax", "argmin", "any", "all", "max", "min"]


@examples
@given(small, small, st.sampled_from(ONE_EACH))
def test_a_reduction_costs_one_for_each_element(rows, n, name):
    x = torch.rand(rows, n)
    assert total(getattr(torch, name), x).flops == rows * n
    assert total(getattr(torch, name), x, dim=-1).flops == rows * n
    assert total(torch.max, x, x).flops == rows * n
    assert cost_of("aten::max.other", (rows, n), self=meta(rows, n), other=meta(n)).flops == rows * n


@examples
@given(small, st.integers(2, 5))
def test_other_reductions_cost_what_their_loops_do(rows, n):
    x, elements = torch.rand(rows, n), rows * n
    expected = {
        lambda: torch.cumsum(x, 1): elements,
        lambda: torch.cumprod(x, 1): elements,
        lambda: torch.cummax(x, 1): elements,
        lambda: torch.logcumsumexp(x, 1): 7 * elements,
        lambda: torch.logsumexp(x, 1): 4 * elements + 2 * rows,
        lambda: torch.var(x, 1): 4 * elements,  # a mean, then subtract, square, add
        lambda: torch.std(x, 1): 4 * elements + rows,
        lambda: torch.count_nonzero(x): 2 * elements,
        lambda: torch.aminmax(x): 2 * elements,
        lambda: torch.nansum(x): 2 * elements,
        lambda: torch.linalg.vector_norm(x, 2, dim=1): 2 * elements + rows,
        lambda: torch.linalg.vector_norm(x, 1, dim=1): 2 * elements,
        lambda: torch.linalg.vector_norm(x, 0, dim=1): 2 * elements,
        lambda: torch.linalg.vector_norm(x, math.inf, dim=1): 2 * elements,
        lambda: torch.linalg.vector_norm(x, -math.inf, dim=1): 2 * elements,
        lambda: torch.linalg.vector_norm(x, 3, dim=1): 3 * elements + rows,
        lambda: torch.trace(x): min(rows, n),
        lambda: torch.ops.aten.allclose(x, x): 7 * elements,
    }
    for function, flops in expected.items():
        assert cost(function).flops == flops
    assert cost_of("aten::norm.ScalarOpt_dim", (rows,), self=meta(rows, n), p=2).flops == 2 * elements + rows
    assert cost_of("aten::native_norm", (), self=meta(rows, n)).flops == 2 * elements + 1
    assert cost_of("aten::norm.Scalar", (), self=meta(rows, n), p=3).flops == 3 * elements + 1
    assert cost_of("aten::dist", (), self=meta(rows, n), other=meta(n), p=2).flops == 3 * elements + 1


def levels(n):
    """How often n elements can be halved, rounded up."""
    return math.ceil(math.log2(n)) if n else 0


@examples
@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))
def test_sorting_and_searching_cost_their_comparisons(rows, n, k):
    x = torch.rand(rows, n)
    assert cost(torch.sort, x, 1).flops == rows * n * levels(n)
    assert cost(torch.sort, x, 0).flops == rows * n * levels(rows)
    assert cost(torch.argsort, x).flops == rows * n * levels(n)
    assert cost(torch.median, x).flops == rows * n * levels(rows * n)
    assert cost(torch.kthvalue, x, 1).flops == rows * n * levels(n)
    k = min(k, n)
    assert cost(torch.topk, x, k).flops == rows * n * (1 + levels(k))
    edges = torch.arange(float(n))
    assert cost(torch.searchsorted, edges, x).flops == rows * n * levels(n + 1)
    assert cost(torch.bucketize, x, edges).flops == rows * n * levels(n + 1)
    assert cost_of("aten::_unique2", (3,), self=meta(rows, n)).flops == rows * n * (levels(rows * n) + 1)
    assert cost_of("aten::unique_dim", (3,), self=meta(rows, n), dim=0).flops == rows * n * (levels(rows) + 1)
    assert cost_of("aten::unique_consecutive", (3,), self=meta(rows, n), dim=None).flops == rows * n
    assert cost_of("aten::sort", (), (), self=meta(), dim=-1).flops == 0
    assert cost(torch.bincount, torch.arange(n)).flops == n
    assert cost(torch.histc, x).flops == 3 * rows * n
    assert cost(torch.nonzero, x).flops == rows * n
    assert cost_of("aten::isin.Tensor_Tensor", (rows,), elements=meta(rows), test_elements=meta(n)).flops == rows * (
        2 * n - 1
    )
    assert cost_of("aten::isin.Tensor_Scalar", (rows,), elements=meta(rows), test_element=3).flops == rows
    assert cost_of("aten::_histogramdd_bin_edges", (3,), self=meta(rows, n)).flops == 2 * rows * n


def test_writes_cost_what_they_combine():
    x, index, source = torch.zeros(4, 5), torch.zeros(2, 5, dtype=torch.long), torch.rand(3, 5)
    rows = torch.tensor([0, 1, 1])
    assert cost(x.scatter_add, 0, index, source).flops == 10
    assert cost(x.scatter, 0, index, source).flops == 0
    assert cost_of("aten::scatter.reduce", (4, 5), index=meta(2, 5), src=meta(3, 5), reduce="add").flops == 10
    assert cost(x.index_add, 0, rows, source).flops == 15
    assert cost(x.index_add, 0, rows, source, alpha=2).flops == 30
    assert cost(x.scatter_reduce, 0, index, source[:2], "sum").flops == 10
    assert cost(x.scatter_reduce, 0, index, source[:2], "mean").flops == 10 + 20
    assert cost_of("aten::index_reduce", (4, 5), index=meta(3), source=meta(3, 5), reduce="prod").flops == 15
    assert cost_of("aten::index_reduce", (4, 5), index=meta(3), source=meta(3, 5), reduce="mean").flops == 15 + 20
    assert cost(x.index_put, (rows,), source).flops == 0
    assert cost(x.index_put, (rows,), source, accumulate=True).flops == 15
    assert cost(F.fold, torch.rand(1, 8, 12), (4, 5), (2, 2)).flops == 96
    assert cost(torch.segment_reduce, source, "sum", lengths=torch.tensor([1, 2])).flops == 15
    assert cost(torch.segment_reduce, source, "mean", lengths=torch.tensor([1, 2])).flops == 15 + 10
    assert cost_of("aten::_unsafe_masked_index", (4, 5), self=meta(9)).flops == 20
    masked = {"self": meta(9), "mask": meta(3, 5), "indices": [meta(3)], "values": meta(3, 5)}
    assert cost_of("aten::_unsafe_masked_index_put_accumulate", (9,), **masked).flops == 30


@pytest.mark.parametrize(("mode", "mean_"), [("sum", 0), ("mean", 1), ("max", 0)])
def test_an_embedding_bag_costs_what_its_loop_does(mode, mean_):
    count = Count()
    for bag in (2, 3):  # offsets 0 and 2 of 5 indices
        for _ in grid(bag, 4):
            count.other += 1
        for _ in range(4):
            count.other += mean_
    table, indices, offsets = torch.rand(10, 4), torch.arange(5), torch.tensor([0, 2])
    assert cost(F.embedding_bag, indices, table, offsets, mode=mode).flops == count.flops
    if mode == "sum":
        weighted = cost(F.embedding_bag, indices, table, offsets, mode=mode, per_sample_weights=torch.rand(5))
        assert weighted.flops == 2 * count.flops
    assert cost_of("aten::embedding_renorm_", (10, 4), self=meta(10, 4), indices=meta(5)).flops == 5 * (3 * 4 + 3)


@pytest.mark.parametrize(("reduction", "summed"), [("none", 0), ("mean", 1), ("sum", 1)])
def test_losses_cost_their_terms_and_their_sum(reduction, summed):
    x, y, weights = torch.rand(3, 4), torch.rand(3, 4), torch.rand(4)
    how = {"reduction": reduction}
    expected = {
        lambda: F.mse_loss(x, y, **how): 2,  # subtract, square
        lambda: F.smooth_l1_loss(x, y, **how): 8,
        lambda: F.huber_loss(x, y, **how): 8,
        lambda: F.soft_margin_loss(x, y, **how): 4,
        lambda: F.binary_cross_entropy(x, y, **how): 8,
        lambda: F.binary_cross_entropy(x, y, weights, **how): 9,
    }
    for function, each in expected.items():
        assert total(function).flops == 12 * (each + summed)
    code = {"none": 0, "mean": 1, "sum": 2}[reduction]
    pair = {"self": meta(3, 4), "target": meta(3, 4), "weight": None, "pos_weight": None, "reduction": code}
    with_logits = "aten::binary_cross_entropy_with_logits"
    assert cost_of(with_logits, (3, 4), **pair).flops == 12 * (10 + summed)
    assert cost_of(with_logits, (3, 4), **{**pair, "pos_weight": meta(4)}).flops == 12 * (11 + summed)
    targets = torch.tensor([0, 1, 2])
    assert cost(F.nll_loss, x, targets, **how).flops == 3 * (1 + summed)
    assert cost(F.nll_loss, x, targets, weights, **how).flops == 3 * 2 * (1 + summed)
    margin = {"self": meta(3, 4), "target": meta(3), "p": 1, "weight": None, "reduction": code}
    assert cost_of("aten::multi_margin_loss", (), **margin).flops == 12 * 4 + 3 * (1 + summed)
    assert cost_of("aten::multi_margin_loss", (), **{**margin, "p": 2}).flops == 12 * 5 + 3 * (1 + summed)
    assert cost_of("aten::multi_margin_loss", (), **{**margin, "weight": meta(4)}).flops == 12 * 5 + 3 * (1 + summed)
    assert cost_of("aten::multilabel_margin_loss_forward", (), (3, 4), self=meta(3, 4)).flops == 4 * 3 * 4 * 4


@examples
@example(5, 2, 3, True)
@example(5, 2, 3, False)
@given(small, small, small, st.booleans())
def test_a_ctc_loss_costs_what_its_loop_does(steps, batch, labels, packed):
    count = Count()
    for _ in grid(steps, batch, 2 * labels + 1):  # blanks between labels
        count.other += 2 + 3 + 3 + 2 + 1 + 1 + 1  # maxima, subtract, exp, add, log, add the maximum, the probability
    targets = meta(batch * labels) if packed else meta(batch, labels)
    ours = cost_of("aten::_ctc_loss", (batch,), (1,), log_probs=meta(steps, batch, 7), targets=targets)
    assert ours.flops == count.flops


@examples
@example(3, 4, 2)
@given(small, small, st.integers(1, 4))
def test_distances_cost_what_their_loops_do(left, right, features):
    a, b = torch.rand(left, features), torch.rand(right, features)
    pairs = left * right
    per_pair = {
        2.0: 3 * features + 1,
        1.0: 3 * features,
        math.inf: 3 * features,
        0.0: 3 * features,
        3.0: 4 * features + 1,
    }
    for order, each in per_pair.items():
        ours = total(torch.cdist, a, b, p=order, compute_mode="donot_use_mm_for_euclid_dist")
        assert ours.flops == pairs * each
        assert ours.macs == 0
        if left > 1:
            assert total(F.pdist, a, order).flops == left * (left - 1) // 2 * each
    product = total(torch.cdist, a, b, compute_mode="use_mm_for_euclid_dist")
    assert product.macs == pairs * (features + 2)
    assert product.flops == 2 * product.macs + 3 * a.numel() + 2 * b.numel() + 2 * pairs


def test_random_numbers_cost_one_each():
    assert cost(torch.randn, 3, 4).flops == 12
    assert cost(torch.rand_like, torch.rand(5)).flops == 5
    assert cost(torch.bernoulli, torch.rand(5)).flops == 5
    assert cost(torch.multinomial, torch.rand(4), 2).flops in {12, 16}  # torch may draw and compare in parts
    assert cost_of("aten::multinomial", (2,), self=meta(4)).flops == 12
    assert cost_of("aten::native_dropout", (6,), (6,), input=meta(6), p=0.5, train=True).flops == 24
    assert cost_of("aten::native_dropout", (6,), (6,), input=meta(6), p=0.5, train=False).flops == 0
    assert cost_of("aten::_fused_dropout", (6,), (6,), self=meta(6), p=0.5).flops == 24  # always in training


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_conversions_of_quantised_numbers():
    x = torch.rand(3, 4)
    narrow = torch.quantize_per_tensor(x, 0.1, 0, torch.quint8)
    assert cost(torch.quantize_per_tensor, x, 0.1, 0, torch.quint8).flops == 5 * 12
    assert cost(narrow.dequantize).flops == 2 * 12
    assert cost(torch.fake_quantize_per_tensor_affine, x, 0.1, 0, 0, 255).flops == 7 * 12
    for name, each in (
        ("add", 1),
        ("add_relu", 2),
        ("hardswish", 5),
        ("sigmoid", 1),
        ("batch_norm2d", 2),
        ("softmax", 5),
    ):
        assert cost_of(f"quantized::{name}", (3, 4)).flops == each * 12
    for name, each in (
        ("mul_relu", 2),
        ("relu6", 2),
        ("elu", 4),
        ("batch_norm_relu", 3),
        ("layer_norm", 7),
        ("mul", 1),
    ):
        assert cost_of(f"quantized::{name}", (3, 4)).flops == each * 12


def test_operators_of_torchvision_by_hand():
    boxes = cost_of("torchvision::nms", (3,), dets=meta(10, 4), scores=meta(10))
    assert boxes.flops == 10 * 4 + 3 * 10 + 13 * 45
    regions = {"input": meta(1, 2, 16, 12), "pooled_height": 7, "pooled_width": 5}
    output = (3, 2, 7, 5)
    assert cost_of("torchvision::roi_align", output, **regions, sampling_ratio=2).flops == 210 * 4 * 8
    assert cost_of("torchvision::roi_align", output, **regions, sampling_ratio=3).flops == 210 * 9 * 8
    assert cost_of("torchvision::roi_align", output, **regions, sampling_ratio=0).flops == 210 * (3 * 3) * 8
    assert cost_of("torchvision::roi_pool", output, **regions).flops == 210 * (3 * 3 - 1)
    assert cost_of("torchvision::ps_roi_pool", output, **regions).flops == 210 * 3 * 3
