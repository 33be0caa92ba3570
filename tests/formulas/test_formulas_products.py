"""Formulas with MACs against naive loops: convolutions, matrix products, attention, recurrent layers."""

from __future__ import annotations

import itertools
import warnings
from math import prod

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opcalls import Count, cost, cost_of, meta, record, total
from torch import nn

small = st.integers(1, 4)
examples = settings(max_examples=25, deadline=None)


def grid(*sizes):
    return itertools.product(*map(range, sizes))


def convolve(batch, outputs, positions, inputs_per_group, taps, *, bias):
    """A convolution's loop: every output element, then every weight of its filter."""
    count = Count()
    for _ in grid(batch, outputs, positions):
        for _ in grid(inputs_per_group, taps):
            count.macs += 1
        count.other += bias
    return count


@examples
@given(st.data(), st.integers(1, 3), small, small, small, st.booleans())
def test_a_convolution_costs_what_its_loop_does(data, dims, groups, per_group_in, per_group_out, bias):
    draw = lambda low, high: [data.draw(st.integers(low, high)) for _ in range(dims)]
    kernel, stride, padding, dilation = draw(1, 3), draw(1, 3), draw(0, 2), draw(1, 2)
    sizes = [data.draw(st.integers(1, 5)) + d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    x = torch.empty(2, groups * per_group_in, *sizes, device="meta")
    weight = torch.empty(groups * per_group_out, per_group_in, *kernel, device="meta")
    shift = torch.empty(groups * per_group_out, device="meta") if bias else None
    function = (F.conv1d, F.conv2d, F.conv3d)[dims - 1]
    y = function(x, weight, shift, stride, padding, dilation, groups)
    loop = convolve(2, y.shape[1], prod(y.shape[2:]), per_group_in, prod(kernel), bias=bias)
    ours = cost(function, x, weight, shift, stride, padding, dilation, groups)
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)


@examples
@given(st.data(), st.integers(1, 3), small, small, small, st.booleans())
def test_a_transposed_convolution_costs_what_its_loop_does(data, dims, groups, per_group_in, per_group_out, bias):
    draw = lambda low, high: [data.draw(st.integers(low, high)) for _ in range(dims)]
    kernel, stride, sizes = draw(1, 3), draw(1, 3), draw(1, 4)
    x = torch.empty(2, groups * per_group_in, *sizes, device="meta")
    weight = torch.empty(groups * per_group_in, per_group_out, *kernel, device="meta")
    shift = torch.empty(groups * per_group_out, device="meta") if bias else None
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[dims - 1]
    y = function(x, weight, shift, stride=stride, groups=groups)
    count = Count()
    for _ in grid(2, groups * per_group_in, prod(sizes)):  # every input element is spread by its filter
        for _ in grid(per_group_out, prod(kernel)):
            count.macs += 1
    count.other = y.numel() if bias else 0
    ours = cost(function, x, weight, shift, stride=stride, groups=groups)
    assert (ours.macs, ours.flops) == (count.macs, count.flops)


@pytest.mark.parametrize("name", ["cudnn_convolution", "mkldnn_convolution", "slow_conv_dilated2d", "conv_depthwise3d"])
def test_every_backend_of_a_convolution_costs_the_same(name):
    weight, x = meta(6, 2, 3, 3), meta(2, 4, 8, 8)
    backend = cost_of(f"aten::{name}", (2, 6, 6, 6), self=x, weight=weight, bias=meta(6))
    plain = cost_of("aten::convolution", (2, 6, 6, 6), input=x, weight=weight, bias=meta(6), transposed=False)
    assert backend == plain
    assert plain.macs == 2 * 6 * 36 * 2 * 9
    assert plain.flops - 2 * plain.macs == 2 * 6 * 36


def test_what_is_fused_with_a_convolution_adds_to_it():
    given_ = {"self": meta(2, 4, 8, 8), "weight": meta(6, 4, 3, 3), "bias": None}
    macs = 2 * 6 * 36 * 4 * 9
    elements = 2 * 6 * 36
    assert cost_of("aten::cudnn_convolution_relu", (2, 6, 6, 6), **given_).flops == 2 * macs + elements
    fused = {"z": meta(2, 6, 6, 6), **given_}
    for alpha, extra in ((None, 2), (1, 2), (0.5, 3)):
        added = cost_of("aten::cudnn_convolution_add_relu", (2, 6, 6, 6), alpha=alpha, **fused)
        assert (added.macs, added.flops) == (macs, 2 * macs + extra * elements)
    transposed = cost_of(
        "aten::cudnn_convolution_transpose", (2, 6, 10, 10), self=meta(2, 4, 8, 8), weight=meta(4, 6, 3, 3)
    )
    assert (transposed.macs, transposed.flops) == (2 * 4 * 64 * 6 * 9, 2 * 2 * 4 * 64 * 6 * 9)


def test_a_convolution_over_time_batch_channel_costs_what_its_loop_does():
    ours = cost(torch.conv_tbc, torch.rand(7, 2, 3), torch.rand(4, 3, 5), torch.rand(5), 1)
    loop = convolve(2, 5, 6, 3, 4, bias=True)  # 7 + 2 x 1 - 4 + 1 = 6 positions
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)


@examples
@example(2, 2, 2, 3, 3, True, True)
@example(2, 2, 2, 3, 3, False, False)
@given(small, st.integers(1, 2), st.integers(1, 2), small, st.integers(1, 3), st.booleans(), st.booleans())
def test_a_deformable_convolution_costs_what_its_loop_does(batch, groups, per_group, outputs, kernel, masked, bias):
    height = width = 4
    count = Count()
    for _ in grid(batch, height, width, groups * per_group, kernel * kernel):
        count.other += 4 + 3 + masked  # four corners weighted and added; the mask
    for _ in grid(batch, groups * outputs, height * width, per_group, kernel * kernel):
        count.macs += 1
    count.other += batch * groups * outputs * height * width if bias else 0
    ours = cost_of(
        "torchvision::deform_conv2d",
        (batch, groups * outputs, height, width),
        input=meta(batch, groups * per_group, height + kernel - 1, width + kernel - 1),
        weight=meta(groups * outputs, per_group, kernel, kernel),
        use_mask=masked,
        bias=meta(groups * outputs) if bias else meta(0),
    )
    assert (ours.macs, ours.flops) == (count.macs, count.flops)


def multiply(*sizes):
    """Rows x columns dot products over the last size."""
    count = Count()
    for _ in grid(*sizes):
        count.macs += 1
    return count


@examples
@example(2, 3, 5, 7)
@given(small, small, small, small)
def test_products_cost_what_their_loops_do(b, m, k, n):
    left, right = torch.rand(m, k), torch.rand(k, n)
    assert cost(torch.mm, left, right).macs == multiply(m, n, k).macs
    assert cost(torch.mv, left, right[:, 0]).macs == multiply(m, k).macs
    assert cost(torch.dot, left[0], right[:, 0]).macs == multiply(k).macs
    batches = torch.rand(b, m, k), torch.rand(b, k, n)
    assert cost(torch.bmm, *batches).macs == multiply(b, m, n, k).macs
    if k > 1:  # of size 1 it multiplies instead
        assert total(torch.einsum, "bmk,bkn->bmn", *batches).macs == multiply(b, m, n, k).macs
    assert total(torch.matmul, batches[0], right).macs == multiply(b, m, n, k).macs
    assert cost(torch.mm, left, right).flops == 2 * m * n * k
    linear = cost(F.linear, left, right.T.contiguous(), torch.rand(n))
    assert (linear.macs, linear.flops) == (m * n * k, 2 * m * n * k + m * n)


@examples
@example(2, 3, 5, 7, 0.5, 2)
@example(2, 3, 5, 7, 0, 1)
@example(2, 3, 5, 7, 1, 1)
@given(small, small, small, small, st.sampled_from([0, 1, 0.5]), st.sampled_from([1, 2]))
def test_products_with_an_addend_cost_what_their_loops_do(b, m, k, n, beta, alpha):
    def loop(rows, depth):
        count = multiply(rows, n, depth)
        for _ in grid(rows, n):
            if beta != 0:
                count.other += 1 if beta == 1 else 2  # the sum, and the factor of the addend
            count.other += 0 if alpha == 1 else 1
        return count.macs, count.flops

    options = {"beta": beta, "alpha": alpha}
    left, right, batches = torch.rand(m, k), torch.rand(k, n), (torch.rand(b, m, k), torch.rand(b, k, n))
    for ours, theirs in (
        (cost(torch.addmm, torch.rand(m, n), left, right, **options), loop(m, k)),
        (cost(torch.baddbmm, torch.rand(b, m, n), *batches, **options), loop(b * m, k)),
        (cost(torch.addbmm, torch.rand(m, n), *batches, **options), loop(m, b * k)),
    ):
        assert (ours.macs, ours.flops) == theirs
    vector = cost(torch.addmv, torch.rand(m), left, right[:, 0], **options)
    extra = (0 if beta == 0 else 1 if beta == 1 else 2) + (alpha != 1)
    assert (vector.macs, vector.flops) == (m * k, 2 * m * k + m * extra)
    outer = cost(torch.addr, torch.rand(m, n), torch.rand(m), torch.rand(n), **options)
    scalings = (beta not in {0, 1}) + (alpha != 1)
    assert (outer.macs, outer.flops) == (m * n, 2 * m * n + scalings * m * n)


def test_a_linear_layer_that_is_not_taken_apart_costs_its_product_and_its_bias():
    for op in ("aten::linear", "aten::mkldnn_linear"):
        plain = cost_of(op, (2, 3, 7), input=meta(2, 3, 5), weight=meta(7, 5), bias=None)
        assert (plain.macs, plain.flops) == (2 * 3 * 7 * 5, 2 * 2 * 3 * 7 * 5)
        biased = cost_of(op, (2, 3, 7), input=meta(2, 3, 5), weight=meta(7, 5), bias=meta(7))
        assert (biased.macs, biased.flops) == (plain.macs, plain.flops + 2 * 3 * 7)


def test_a_product_with_an_activation_adds_it():
    given_ = {"self": meta(5), "mat1": meta(3, 4), "mat2": meta(4, 5), "beta": 1, "alpha": 1}
    plain = 2 * 60 + 15
    assert cost_of("aten::_addmm_activation", (3, 5), use_gelu=False, **given_).flops == plain + 15
    assert cost_of("aten::_addmm_activation", (3, 5), use_gelu=True, **given_).flops == plain + 8 * 15
    assert cost_of("aten::_addmm_activation", (3, 5), use_gelu=True, **given_).macs == 60


def test_products_of_narrow_numbers_cost_their_product_and_their_scales():
    given_ = {"self": meta(3, 4), "mat2": meta(4, 5)}
    scaled = cost_of("aten::_scaled_mm", (3, 5), **given_, scale_a=meta(1), scale_b=meta(1), bias=None)
    assert (scaled.macs, scaled.flops) == (60, 120 + 15)
    biased = cost_of("aten::_scaled_mm", (3, 5), **given_, scale_a=meta(1), scale_b=meta(1), bias=meta(5))
    assert biased.flops == 120 + 30
    weight_only = cost_of("aten::_weight_int8pack_mm", (3, 5), self=meta(3, 4), mat2=meta(5, 4), scales=meta(5))
    assert (weight_only.macs, weight_only.flops) == (60, 135)
    assert cost(torch._int_mm, *(torch.ones(32, 32, dtype=torch.int8),) * 2).macs == 32**3


@examples
@example([3, 4], 5, 7)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), small, small)
def test_a_grouped_product_costs_what_its_loop_does(rows_of_group, k, n):
    groups, rows = len(rows_of_group), sum(rows_of_group)
    count = Count()
    for group in rows_of_group:  # each row meets the matrix of its own group alone
        for _ in grid(group, n, k):
            count.macs += 1
    offsets = meta(groups, dtype="int32")
    rows_by_matrices = cost_of(
        "aten::_grouped_mm", (rows, n), self=meta(rows, k), mat2=meta(groups, k, n), offs=offsets, bias=None
    )
    assert (rows_by_matrices.macs, rows_by_matrices.flops) == (count.macs, 2 * count.macs)
    by_columns = cost_of(
        "aten::_grouped_mm", (n, rows), self=meta(groups, n, k), mat2=meta(k, rows), offs=offsets, bias=None
    )
    assert by_columns.macs == count.macs
    by_depth = cost_of(
        "aten::_grouped_mm", (groups, n, k), self=meta(n, rows), mat2=meta(rows, k), offs=offsets, bias=None
    )
    assert by_depth.macs == count.macs
    batched = cost_of("aten::_grouped_mm", (groups, 2, n), self=meta(groups, 2, k), mat2=meta(groups, k, n), offs=None)
    assert batched.macs == multiply(groups, 2, n, k).macs
    biased = cost_of(
        "aten::_grouped_mm", (rows, n), self=meta(rows, k), mat2=meta(groups, k, n), offs=offsets, bias=meta(n)
    )
    assert biased.flops == 2 * count.macs + rows * n


def test_a_grouped_product_is_counted_on_meta_in_any_dtype_as_on_the_cpu():
    offsets = torch.tensor([4, 16], dtype=torch.int32)
    x, weight = torch.rand(16, 8), torch.rand(2, 8, 16)
    on_cpu = record(F.grouped_mm, x, weight, offs=offsets)
    on_meta = record(F.grouped_mm, x.to("meta"), weight.to("meta"), offs=offsets.to("meta"))
    assert [(c.op, c.outputs[0].shape, c.outputs[0].dtype) for c in on_cpu] == [
        (c.op, c.outputs[0].shape, c.outputs[0].dtype) for c in on_meta
    ]


@examples
@example(2, 3, 5, 7)
@given(small, small, small, small)
def test_a_bilinear_form_costs_what_its_loop_does(batch, left, right, outputs):
    layer = nn.Bilinear(left, right, outputs, bias=False)
    count = Count()
    for _ in grid(batch, outputs, left, right):
        count.other += 1  # x_i times w_oij
        count.macs += 1  # times y_j, added
    ours = total(layer, torch.rand(batch, left), torch.rand(batch, right))
    assert (ours.macs, ours.flops) == (count.macs, count.flops)


def attend(batch, heads, queries, keys, features, values, *, masked):
    """The textbook loop: scores, scale, mask, softmax of every row, weighted sum of the values."""
    count = Count()
    for _ in grid(batch, heads, queries, keys):
        count.macs += features
        count.other += 1 + masked  # scale, mask
        count.other += 5  # maximum, subtract, exp, sum, divide
    for _ in grid(batch, heads, queries, values):
        count.macs += keys
    return count


FUSED = [
    ("_scaled_dot_product_flash_attention_for_cpu", "attn_mask"),
    ("_scaled_dot_product_flash_attention", "attn_mask"),
    ("_scaled_dot_product_efficient_attention", "attn_bias"),
    ("_scaled_dot_product_cudnn_attention", "attn_bias"),
    ("_scaled_dot_product_fused_attention_overrideable", "attn_bias"),
    ("scaled_dot_product_attention", "attn_mask"),
]


@examples
@example(2, 3, 5, 7, 11, 13, FUSED[0], "mask")
@example(2, 3, 5, 7, 11, 13, FUSED[2], "mask")
@example(2, 3, 5, 7, 11, 13, FUSED[1], "causal")
@given(small, small, small, small, small, small, st.sampled_from(FUSED), st.sampled_from(["", "mask", "causal"]))
def test_fused_attention_costs_what_its_loop_does(b, h, queries, keys, e, ev, fused, mask):
    name, mask_name = fused
    given_ = {"query": meta(b, h, queries, e), "key": meta(b, 1, keys, e), "value": meta(b, 1, keys, ev)}
    given_ |= {mask_name: meta(queries, keys) if mask == "mask" else None, "is_causal": mask == "causal"}
    ours = cost_of(f"aten::{name}", (b, h, queries, ev), **given_)
    loop = attend(b, h, queries, keys, e, ev, masked=bool(mask))
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)
    dropped = cost_of(f"aten::{name}", (b, h, queries, ev), **given_, dropout_p=0.1)
    assert dropped.flops - ours.flops == 4 * b * h * queries * keys  # drawn, compared, multiplied, scaled


@examples
@example(2, 3, 5, 7, 11)
@given(small, small, small, small, small)
def test_attention_with_the_heads_inside_costs_what_its_loop_does(b, h, queries, keys, e):
    flash = {"query": meta(b, queries, h, e), "key": meta(b, keys, h, e), "value": meta(b, keys, h, e)}
    plain = cost_of("aten::_flash_attention_forward", (b, queries, h, e), **flash, cum_seq_q=None, is_causal=False)
    loop = attend(b, h, queries, keys, e, e, masked=False)
    assert (plain.macs, plain.flops) == (loop.macs, loop.flops)
    packed = {"query": meta(b * queries, h, e), "key": meta(b * keys, h, e), "value": meta(b * keys, h, e)}
    offsets = {"cum_seq_q": meta(b + 1), "max_q": queries, "max_k": keys, "is_causal": True}
    ours = cost_of("aten::_flash_attention_forward", (b * queries, h, e), **packed, **offsets)
    assert ours.flops == attend(b, h, queries, keys, e, e, masked=True).flops
    efficient = {"cu_seqlens_q": meta(b + 1), "max_seqlen_q": queries, "max_seqlen_k": keys, "bias": None}
    ours = cost_of("aten::_efficient_attention_forward", (b * queries, h, e), **packed, **efficient)
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)
    biased = cost_of("aten::_efficient_attention_forward", (b, queries, h, e), **flash, cu_seqlens_q=None, bias=meta(1))
    assert biased.flops == attend(b, h, queries, keys, e, e, masked=True).flops


def test_flex_attention_costs_the_full_matrix():
    places = {"0": meta(2, 4, 6, 8), "1": meta(2, 4, 5, 8), "2": meta(2, 4, 5, 3), "3": "causal", "4": [meta(1)]}
    ours = cost_of("higher_order::flex_attention", (2, 4, 6, 3), **places)
    loop = attend(2, 4, 6, 5, 8, 3, masked=True)
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_costs_the_same_macs_fused_and_in_parts(causal):
    tensors = [torch.rand(2, 4, n, 8) for n in (6, 6, 6)]
    fused = total(F.scaled_dot_product_attention, *tensors, is_causal=causal)
    parts = total(F.scaled_dot_product_attention, *(t.to("meta") for t in tensors), is_causal=causal)
    assert fused.macs == parts.macs == 2 * 4 * 6 * 6 * 16


def project(tokens, features):
    count = Count()
    for _ in grid(tokens, features):
        count.macs += features
        count.other += 1
    return count


@examples
@example(2, 5, 7, 3, 4, True)
@given(small, small, small, st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_multi_head_attention_costs_its_projections_and_its_attention(b, queries, keys, heads, size, masked):
    features = heads * size
    loop = attend(b, heads, queries, keys, size, size, masked=masked)
    for tokens in (b * queries, b * keys, b * keys, b * queries):
        projection = project(tokens, features)
        loop.macs += projection.macs
        loop.other += projection.other
    tensors = {"query": meta(b, queries, features), "key": meta(b, keys, features), "value": meta(b, keys, features)}
    ours = cost_of(
        "aten::_native_multi_head_attention",
        (b, queries, features),
        **tensors,
        embed_dim=features,
        num_head=heads,
        mask=meta(queries, keys) if masked else None,
    )
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)


@examples
@example(2, 5, 3, 4, 11, True)
@example(2, 5, 3, 4, 11, False)
@given(small, small, st.integers(1, 3), st.integers(1, 3), small, st.booleans())
def test_an_encoder_layer_costs_its_attention_its_two_layers_and_its_norms(b, length, heads, size, hidden, gelu):
    features, tokens = heads * size, b * length
    loop = attend(b, heads, length, length, size, size, masked=False)
    for _ in range(4):
        projection = project(tokens, features)
        loop.macs += projection.macs
        loop.other += projection.other
    for _ in range(tokens):
        loop.macs += 2 * features * hidden
        loop.other += hidden + features  # biases
        loop.other += hidden * (4 if gelu else 1)
        loop.other += 2 * (7 * features + 2)  # two layer norms with weight and bias
        loop.other += 2 * features  # two residual sums
    ours = cost_of(
        "aten::_transformer_encoder_layer_fwd",
        (b, length, features),
        src=meta(b, length, features),
        embed_dim=features,
        num_heads=heads,
        use_gelu=gelu,
        ffn_weight_1=meta(hidden, features),
        mask=None,
    )
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)


def test_the_bias_and_the_scale_before_attention():
    ours = cost_of("aten::_transform_bias_rescale_qkv", *[(2, 2, 3, 4)] * 3, qkv=meta(2, 3, 24), qkv_bias=meta(24))
    assert (ours.macs, ours.flops) == (0, 144 + 48)


GATES = {"LSTM": (4, 13), "GRU": (3, 10), "RNN": (1, 2)}


def recur(kind, steps, batch, features, hidden, layers, directions, *, bias, projection=0):
    gates, each = GATES[kind]
    count = Count()
    handed_on = projection or hidden
    for layer in range(layers):
        below = features if layer == 0 else directions * handed_on
        for _ in grid(directions, steps, batch, hidden):
            count.macs += gates * (below + handed_on)
            count.other += each + (2 * gates if bias else 0)
        for _ in grid(directions, steps, batch, projection):
            count.macs += hidden
    return count


@settings(max_examples=40, deadline=None)
@example("LSTM", 2, 3, 5, 7, 3, True, True)
@example("GRU", 2, 3, 5, 7, 3, True, True)
@example("RNN", 2, 3, 5, 7, 3, True, True)
@given(
    st.sampled_from(["LSTM", "GRU", "RNN"]), small, small, small, small, st.integers(1, 3), st.booleans(), st.booleans()
)
def test_a_recurrent_layer_costs_what_its_loop_does(kind, steps, batch, features, hidden, layers, both, bias):
    directions = 2 if both else 1
    loop = recur(kind, steps, batch, features, hidden, layers, directions, bias=bias)
    module = getattr(nn, kind)(features, hidden, layers, bidirectional=both, bias=bias)
    parts = total(module, torch.rand(steps, batch, features))
    assert parts.macs == loop.macs  # whatever operators this machine's backend takes
    weights = [meta(*p.shape) for p in module.parameters()]
    states = meta(layers * directions, batch, hidden)
    name = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}[kind]
    hx = [states, states] if kind == "LSTM" else states
    x = meta(steps, batch, features)
    whole = cost_of(f"aten::{name}.input", (steps, batch, directions * hidden), input=x, hx=hx, params=weights)
    assert (whole.macs, whole.flops) == (loop.macs, loop.flops)
    cudnn = cost_of(
        "aten::_cudnn_rnn",
        (steps, batch, directions * hidden),
        input=x,
        weight=weights,
        hx=states,
        hidden_size=hidden,
        mode={"LSTM": 2, "GRU": 3, "RNN": 1}[kind],
    )
    assert cudnn == whole
    assert (
        kind != "RNN"
        or cost_of("aten::_cudnn_rnn", (1,), input=x, weight=weights, hx=states, hidden_size=hidden, mode=0) == whole
    )
    if kind != "RNN" and bias:
        quantized = cost_of(
            f"aten::quantized_{name}.input",
            (steps, batch, directions * hidden),
            input=x,
            hx=hx,
            num_layers=layers,
            bidirectional=both,
        )
        assert quantized == whole


@examples
@given(small, small, small, st.integers(2, 4), st.integers(1, 2))
def test_an_lstm_with_projections_costs_what_its_loop_does(steps, batch, features, hidden, layers):
    loop = recur("LSTM", steps, batch, features, hidden, layers, 2, bias=True, projection=1)
    module = nn.LSTM(features, hidden, layers, bidirectional=True, proj_size=1)
    weights = [meta(*p.shape) for p in module.parameters()]
    hx = [meta(2 * layers, batch, 1), meta(2 * layers, batch, hidden)]
    ours = cost_of("aten::lstm.input", (1,), input=meta(steps, batch, features), hx=hx, params=weights)
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)
    assert total(module.to("meta"), torch.empty(steps, batch, features, device="meta")).macs == loop.macs


@examples
@example(2, 3, 5, 7, ("LSTM", 2), True)
@example(2, 3, 5, 7, ("GRU", 3), False)
@given(small, small, small, small, st.sampled_from([("LSTM", 2), ("GRU", 3)]), st.booleans())
def test_one_layer_of_onednn_costs_what_its_loop_does(steps, batch, features, hidden, kind, bias):
    name, mode = kind
    gates = GATES[name][0]
    shapes = [(gates * hidden, features), (gates * hidden, hidden)]
    shapes += [(gates * hidden,)] * 2 if bias else shapes  # torch fills the places of absent biases so
    weights = {f"weight{k}": meta(*shape) for k, shape in enumerate(shapes)}
    given_ = {"input": meta(steps, batch, features), **weights, "hidden_size": hidden, "mode": mode, "has_biases": bias}
    ours = cost_of("aten::mkldnn_rnn_layer", (steps, batch, hidden), **given_)
    loop = recur(name, steps, batch, features, hidden, 1, 1, bias=bias)
    assert (ours.macs, ours.flops) == (loop.macs, loop.flops)


@pytest.mark.parametrize(("op", "gates", "each"), [("_thnn_fused_lstm_cell", 4, 13), ("_thnn_fused_gru_cell", 3, 10)])
def test_the_fused_gates_of_a_cell(op, gates, each):
    for biases in (0, 2):
        bias = meta(gates * 5) if biases else None
        ours = cost_of(f"aten::{op}", (2, 5), (2, 5), input_bias=bias, hidden_bias=bias)
        assert (ours.macs, ours.flops) == (0, 10 * (each + biases * gates))


def test_a_cell_in_parts_costs_what_the_whole_layer_costs_for_one_step():
    for kind in ("LSTM", "GRU"):
        cell = total(getattr(nn, f"{kind}Cell")(4, 5), torch.rand(3, 4))
        loop = recur(kind, 1, 3, 4, 5, 1, 1, bias=True)
        assert (cell.macs, cell.flops) == (loop.macs, loop.flops)


@pytest.fixture
def quantized_engine():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's eager quantisation is deprecated, and still in use
        yield


@pytest.mark.usefixtures("quantized_engine")
def test_quantised_layers_cost_what_plain_ones_do():
    from torch.ao.nn import quantized
    from torch.ao.nn.quantized import dynamic

    plain = cost(nn.Linear(4, 3), torch.rand(2, 4))
    assert cost(dynamic.Linear(4, 3), torch.rand(2, 4)) == plain
    x = torch.quantize_per_tensor(torch.rand(1, 4, 8, 8), 0.1, 0, torch.quint8)
    convolution = total(nn.Conv2d(4, 6, 3, groups=2), torch.rand(1, 4, 8, 8))
    assert cost(quantized.Conv2d(4, 6, 3, groups=2), x) == convolution
    transposed = total(nn.ConvTranspose2d(4, 6, 3), torch.rand(1, 4, 8, 8))
    assert cost(quantized.ConvTranspose2d(4, 6, 3), x).macs == transposed.macs
    for kind in ("LSTM", "GRU"):
        layer = getattr(dynamic, kind)(4, 5, num_layers=2, bidirectional=True)
        loop = recur(kind, 7, 2, 4, 5, 2, 2, bias=True)
        assert total(layer, torch.rand(7, 2, 4)).macs == loop.macs
        cell = cost(getattr(dynamic, f"{kind}Cell")(4, 5), torch.rand(3, 4))
        loop = recur(kind, 1, 3, 4, 5, 1, 1, bias=True)
        assert (cell.macs, cell.flops) == (loop.macs, loop.flops)
    rows = cost(quantized.Embedding(10, 4), torch.tensor([1, 2, 3]))
    assert (rows.macs, rows.flops) == (0, 2 * 3 * 4)
    bags = cost(quantized.EmbeddingBag(10, 4), torch.tensor([1, 2, 3]), torch.tensor([0, 2]))
    assert (bags.macs, bags.flops) == (0, 3 * 3 * 4)


def test_what_is_fused_with_quantised_layers_adds_to_them():
    x, weights = meta(2, 4), [meta(3, 4), meta(3)]
    linear = {"X": x, "W_prepack": weights}
    flops = {name: cost_of(f"quantized::{name}", (2, 3), **linear).flops for name in (
        "linear", "linear_relu", "linear_tanh", "linear_leaky_relu", "linear_dynamic_fp16", "linear_relu_dynamic",
    )}  # fmt: skip
    assert flops == {
        "linear": 48 + 6,
        "linear_relu": 48 + 12,
        "linear_tanh": 48 + 12,
        "linear_leaky_relu": 48 + 18,
        "linear_dynamic_fp16": 48 + 6,
        "linear_relu_dynamic": 48 + 12,
    }
    without = cost_of("quantized::linear", (2, 3), X=x, W_prepack=[meta(3, 4), None])
    assert (without.macs, without.flops) == (24, 48)
    convolution = {"qx": meta(1, 4, 5, 5), "packed_weight": [meta(6, 4, 3, 3), None]}
    macs = 6 * 9 * 4 * 9
    extras = {"conv2d": 0, "conv2d_relu": 54, "conv2d_add": 54, "conv2d_add_relu": 108, "conv2d_dynamic": 0}
    for name, extra in extras.items():
        ours = cost_of(f"quantized::{name}", (1, 6, 3, 3), **convolution)
        assert (ours.macs, ours.flops) == (macs, 2 * macs + extra)
    spread = {"qx": meta(1, 4, 3, 3), "packed_weight": [meta(4, 6, 3, 3), meta(6)]}
    ours = cost_of("quantized::conv_transpose2d", (1, 6, 5, 5), **spread)
    assert (ours.macs, ours.flops) == (36 * 54, 2 * 36 * 54 + 150)
    assert cost_of("quantized::matmul", (2, 5), qa=meta(2, 3), qb=meta(3, 5)).macs == 30
    assert cost_of("quantized::quantized_rnn_tanh_cell_dynamic", (2, 5), input=meta(2, 4)).flops == 2 * 90 + 10 * 4
    # gates x hidden x (inputs + hidden) per row; per hidden element two biases a gate, and 13 or 10 for the gates
    lstm = cost_of("quantized::quantized_lstm_cell_dynamic", (2, 5), (2, 5), input=meta(2, 4))
    assert (lstm.macs, lstm.flops) == (2 * 4 * 5 * 9, 2 * 2 * 4 * 5 * 9 + 2 * 5 * (2 * 4 + 13))
    gru = cost_of("quantized::quantized_gru_cell_dynamic", (2, 5), input=meta(2, 4))
    assert (gru.macs, gru.flops) == (2 * 3 * 5 * 9, 2 * 2 * 3 * 5 * 9 + 2 * 5 * (2 * 3 + 10))


@examples
@example(2, 3, 5, ("input",), True)
@given(small, small, small, st.sampled_from([(), ("input",), ("input", "linear_weight")]), st.booleans())
def test_a_linear_layer_with_its_cross_entropy_costs_what_its_loop_does(rows, classes, features, gradients, bias):
    count = Count()
    for _ in grid(rows, classes):
        count.macs += features * (1 + len(gradients))
        count.other += 5 + bias + (3 if gradients else 0)
    count.other += 2 * rows
    wanted = {f"compute_{name}_grad": name in gradients for name in ("input", "linear_weight")}
    ours = cost_of(
        "torch_nn::_linear_cross_entropy_batch_chunked",
        (),
        input=meta(rows, features),
        linear_weight=meta(classes, features),
        linear_bias=meta(classes) if bias else None,
        **wanted,
    )
    assert (ours.macs, ours.flops) == (count.macs, count.flops)


@examples
@given(small, small, small, small)
def test_grouped_convolutions_cost_the_dense_one_divided_by_the_groups(groups, per_group, outputs, kernel):
    channels = groups * per_group
    dense = cost_of(
        "aten::convolution",
        (1, groups * outputs, 5, 5),
        input=meta(1, channels, 8, 8),
        weight=meta(groups * outputs, channels, kernel, kernel),
        bias=None,
    )
    grouped = cost_of(
        "aten::convolution",
        (1, groups * outputs, 5, 5),
        input=meta(1, channels, 8, 8),
        weight=meta(groups * outputs, per_group, kernel, kernel),
        bias=None,
    )
    assert grouped.macs * groups == dense.macs


@examples
@given(small, st.integers(1, 3), st.sampled_from([2, 3]))
def test_an_affine_grid_costs_its_product(batch, size, dims):
    theta = torch.rand(batch, dims, dims + 1)
    shape = [batch, 3, *[size] * dims]
    ours = total(F.affine_grid, theta, shape, align_corners=False)
    assert ours.macs == batch * size**dims * dims * (dims + 1)
