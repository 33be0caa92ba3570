"""Operators of onnxruntime's own domain by hand: inputs by place, each optional one given and left out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_graphs import model, saved, value
from opcalls import cost_of, meta
from test_formulas_products import attend, convolve, multiply

import archscope

small = st.integers(1, 4)
examples = settings(max_examples=25, deadline=None)


def counted(op, output, *inputs, **attributes):
    """MACs and the operations besides of an operator of com.microsoft; None stands for an input that is left out."""
    given_ = {f"input_{place}": tensor for place, tensor in enumerate(inputs)}
    cost = cost_of(f"com.microsoft::{op}", output, **given_, **attributes)
    return cost.macs, cost.flops - 2 * cost.macs


EACH = {
    "QuickGelu": 3,  # alpha * x, sigmoid, product
    "BiasSplitGelu": 2 + 4 + 1,  # a bias on each half, GELU, product
    "BiasSoftmax": 1 + 5,
    "BiasAdd": 2,
    "Gelu": 4,
    "BiasGelu": 1 + 4,
    "FastGelu": 8,
    "QLinearAdd": 1,
    "QLinearMul": 1,
    "QLinearSigmoid": 1,
    "QLinearLeakyRelu": 2,
    "QLinearSoftmax": 5,
    "GatherBlockQuantized": 2,  # subtract, multiply
    "QuantizeLinear": 5,  # divide, round, add, two bounds
    "DequantizeLinear": 2,
}


@pytest.mark.parametrize("op", EACH)
def test_operators_on_single_elements_of_onnxruntime(op):
    assert counted(op, (3, 5), meta(3, 10)) == (0, 15 * EACH[op])


def test_a_bias_of_a_fast_gelu_adds_one():
    assert counted("FastGelu", (3, 5), meta(3, 5), meta(5)) == (0, 15 * 9)


def test_a_mean_over_each_channel_takes_each_input_once():
    assert counted("QLinearGlobalAveragePool", (2, 3, 1, 1), meta(2, 3, 5, 7)) == (0, 210)


FUSED = {"": 0, "Relu": 1, "Tanh": 1, "Sigmoid": 1, "LeakyRelu": 2, "Clip": 2, "HardSigmoid": 4}


@pytest.mark.parametrize("activation", FUSED)
@pytest.mark.parametrize(("bias", "added"), [(False, False), (True, False), (False, True), (True, True)])
def test_what_is_fused_with_a_convolution_of_onnxruntime_adds_to_it(activation, bias, added):
    """2 images, 6 channels of 4 x 5 outputs, filters of 3 channels by 2 x 3."""
    loop = convolve(2, 6, 20, 3, 6, bias=bias)
    inputs = (meta(2, 6, 5, 7), meta(6, 3, 2, 3), meta(6) if bias else None, meta(2, 6, 4, 5) if added else None)
    settings_ = {"activation": activation} if activation else {}
    expected = loop.macs, loop.other + 240 * (FUSED[activation] + added)
    assert counted("FusedConv", (2, 6, 4, 5), *inputs, **settings_) == expected


@pytest.mark.parametrize("bias", [False, True])
def test_a_quantised_convolution_of_onnxruntime_costs_its_plain_form(bias):
    loop = convolve(2, 6, 20, 3, 6, bias=bias)
    scale = meta(1)
    inputs = [meta(2, 6, 5, 7), scale, scale, meta(6, 3, 2, 3), scale, scale, scale, scale]
    assert counted("QLinearConv", (2, 6, 4, 5), *inputs, meta(6) if bias else None) == (loop.macs, loop.other)


@pytest.mark.parametrize("op", ["FusedMatMul", "TransposeMatMul"])
def test_a_product_may_be_transposed_and_scaled(op):
    macs = multiply(2, 3, 5, 4).macs
    assert counted(op, (2, 3, 5), meta(2, 3, 4), meta(2, 4, 5)) == (macs, 0)
    assert counted(op, (2, 3, 5), meta(2, 3, 4), meta(2, 4, 5), alpha=1) == (macs, 0)
    assert counted(op, (2, 3, 5), meta(2, 4, 3), meta(2, 4, 5), transA=1, alpha=0.5) == (macs, 30)


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize(
    ("options", "addend", "each"),
    [
        ({}, False, 0),
        ({}, True, 1),
        ({"beta": 0.0}, True, 0),
        ({"beta": 0.5}, True, 2),
        ({"beta": 0.5}, False, 0),
        ({"alpha": 2.0}, True, 2),
        ({"alpha": 2.0, "beta": 2.0, "activation": "LeakyRelu"}, True, 5),
    ],
)
def test_a_fused_product_takes_its_sum_and_its_scales(transposed, options, addend, each):
    left = meta(4, 3) if transposed else meta(3, 4)
    found = counted("FusedGemm", (3, 5), left, meta(4, 5), meta(5) if addend else None, transA=transposed, **options)
    assert found == (3 * 5 * 4, 15 * each)


def test_products_of_packed_weights():
    """60 multiply-accumulates; 15 outputs scaled, 12 inputs quantised by their range: 2 to find it and 5."""
    x, one = meta(3, 4), meta(1)
    for op in ("MatMulNBits", "MatMulBnb4", "MatMulFpQ4"):
        assert counted(op, (3, 5), x, meta(5, 1, 2), meta(5)) == (60, 15)
    integers = (x, meta(4, 5), one, one, one, one)
    assert counted("MatMulIntegerToFloat", (3, 5), *integers) == (60, 15)
    assert counted("MatMulIntegerToFloat", (3, 5), *integers, meta(5)) == (60, 30)
    assert counted("DynamicQuantizeMatMul", (3, 5), x, meta(4, 5), one, one) == (60, 7 * 12 + 15)
    assert counted("DynamicQuantizeMatMul", (3, 5), x, meta(4, 5), one, one, meta(5)) == (60, 7 * 12 + 30)
    packed = (x, one, one, meta(4, 5), one, one)
    assert counted("QGemm", (3, 5), *packed) == (60, 0)
    assert counted("QGemm", (3, 5), *packed, meta(5)) == (60, 15)
    assert counted("QLinearMatMul", (3, 5), *packed) == (60, 0)


def layer_norm(rows, n, affine):
    """Mean, subtract, square, sum, scale; weight and bias; eps and root."""
    return rows * (n * (5 + affine) + 2)


def rms_norm(rows, n, affine):
    return rows * (n * (3 + affine) + 2)


def test_norms_with_what_is_fused_into_them():
    """2 x 3 rows of 5."""
    x, one = meta(2, 3, 5), meta(5)
    assert counted("SkipLayerNormalization", (2, 3, 5), x, x, one) == (0, layer_norm(6, 5, 1) + 30)
    assert counted("SkipLayerNormalization", (2, 3, 5), x, meta(3, 5), one) == (0, layer_norm(6, 5, 1) + 30)
    assert counted("SkipLayerNormalization", (2, 3, 5), x, x, one, one) == (0, layer_norm(6, 5, 2) + 30)
    assert counted("SkipLayerNormalization", (2, 3, 5), x, x, one, one, one) == (0, layer_norm(6, 5, 2) + 60)
    assert counted("SkipSimplifiedLayerNormalization", (2, 3, 5), x, x, one) == (0, rms_norm(6, 5, 1) + 30)
    assert counted("SkipSimplifiedLayerNormalization", (2, 3, 5), x, meta(3, 5), one) == (0, rms_norm(6, 5, 1) + 30)
    assert counted("SkipSimplifiedLayerNormalization", (2, 3, 5), x, x, one, one) == (0, rms_norm(6, 5, 1) + 60)
    words, table = meta(2, 3, dtype="int32"), meta(100, 5)
    embedded = (words, words, table, table)
    assert counted("EmbedLayerNormalization", (2, 3, 5), *embedded, table, one, one) == (0, layer_norm(6, 5, 2) + 60)
    assert counted("EmbedLayerNormalization", (2, 3, 5), *embedded, None, one, one) == (0, layer_norm(6, 5, 2) + 30)
    grouped = (meta(2, 7, 7, 6), meta(6), meta(6))
    by_hand = 2 * 3 * (49 * 2 * 7 + 2)  # groups of 49 places and 2 channels
    assert counted("GroupNorm", (2, 7, 7, 6), *grouped, groups=3, activation=0) == (0, by_hand)
    assert counted("GroupNorm", (2, 7, 7, 6), *grouped, groups=3, activation=1) == (0, by_hand + 2 * 588)
    for op in ("SimplifiedLayerNormalization", "RMSNormalization"):
        assert counted(op, (2, 3, 5), x, one) == (0, rms_norm(6, 5, 1))
    assert counted("LayerNormalization", (2, 3, 5), x, one, one, axis=1) == (0, layer_norm(2, 15, 2))


@examples
@example(2, 3, 5, 7, 4, True, True, False)
@example(2, 3, 5, 7, 4, False, False, True)
@given(small, small, small, st.integers(0, 4), small, st.booleans(), st.booleans(), st.booleans())
def test_attention_with_its_projection_costs_what_its_loops_do(b, heads, tokens, past, size, bias, masked, quantised):
    features, hidden = 6, heads * size
    loop = attend(b, heads, tokens, tokens + past, size, size, masked=masked)
    projection = convolve(b, 3 * hidden, tokens, features, 1, bias=bias)
    mask, before = meta(b, tokens) if masked else None, meta(2, b, heads, past, size) if past else None
    shift = meta(3 * hidden) if bias else None
    inputs = [meta(b, tokens, features), meta(features, 3 * hidden), shift]
    inputs += [meta(1), meta(1), mask, meta(1), meta(1), before] if quantised else [mask, before]
    found = counted("QAttention" if quantised else "Attention", (b, tokens, hidden), *inputs, num_heads=heads)
    assert found == (loop.macs + projection.macs, loop.other + projection.other)


def test_attention_with_its_projection_tells_its_sizes_and_its_masks():
    """2 x 5 tokens of 6 features; 2 heads of 3 for Q and K, of 4 for V."""
    loop = attend(2, 2, 5, 5, 3, 4, masked=True)
    projected = 2 * 5 * 6 * (6 + 6 + 8)
    x, weight = meta(2, 5, 6), meta(6, 20)
    sizes = {"num_heads": 2, "qkv_hidden_sizes": [6, 6, 8]}
    expected = loop.macs + projected, loop.other
    assert counted("Attention", (2, 5, 8), x, weight, None, unidirectional=1, **sizes) == expected
    assert counted("Attention", (2, 5, 8), x, weight, None, None, None, meta(2, 2, 5, 5), **sizes) == expected
    plain = counted("Attention", (2, 5, 8), x, weight, None, unidirectional=0, **sizes)
    assert plain == (loop.macs + projected, loop.other - 2 * 2 * 5 * 5)


@examples
@example(2, 3, 5, 7, 4, True)
@example(2, 3, 5, 7, 4, False)
@given(small, small, small, small, small, st.booleans())
def test_attention_of_heads_side_by_side_costs_what_its_loop_does(b, heads, tokens, source, size, bias):
    hidden, values = heads * size, heads * (size + 1)
    loop = attend(b, heads, tokens, source, size, size + 1, masked=False)
    biases = (
        sum(1 for _ in itertools.product(range(b), range(tokens * hidden + source * (hidden + values)))) if bias else 0
    )
    shift = meta(2 * hidden + values) if bias else None
    apart = meta(b, tokens, hidden), meta(b, source, hidden), meta(b, source, values)
    output = b, tokens, values
    assert counted("MultiHeadAttention", output, *apart, shift, num_heads=heads) == (loop.macs, loop.other + biases)
    by_head = apart[0], meta(b, heads, source, size), meta(b, heads, source, size + 1)
    assert counted("MultiHeadAttention", output, *by_head, shift, num_heads=heads) == (loop.macs, loop.other + biases)
    paired = apart[0], meta(b, source, heads, 2, size)
    evenly = attend(b, heads, tokens, source, size, size, masked=False)
    assert counted("MultiHeadAttention", (b, tokens, hidden), *paired, num_heads=heads) == (evenly.macs, evenly.other)
    itself = attend(b, heads, tokens, tokens, size, size, masked=False)
    packed = (meta(b, tokens, heads, 3, size),)
    assert counted("MultiHeadAttention", (b, tokens, hidden), *packed, num_heads=heads) == (itself.macs, itself.other)


@pytest.mark.parametrize("place", [4, 5])
def test_a_mask_of_heads_side_by_side_takes_one_for_each_score(place):
    inputs = [meta(2, 5, 6), meta(2, 7, 6), meta(2, 7, 6), None, None, None, meta(2, 3, 4, 2)]
    loop = attend(2, 3, 5, 7 + 4, 2, 2, masked=False)
    assert counted("MultiHeadAttention", (2, 5, 6), *inputs, num_heads=3) == (loop.macs, loop.other)
    causal = counted("MultiHeadAttention", (2, 5, 6), *inputs, num_heads=3, unidirectional=1)
    inputs[place] = meta(2, 11)
    masked = loop.macs, loop.other + 2 * 3 * 5 * 11
    assert counted("MultiHeadAttention", (2, 5, 6), *inputs, num_heads=3) == causal == masked


@examples
@example(2, 3, 2, 5, 7, 4, True)
@given(small, st.integers(1, 3), st.integers(1, 3), small, st.integers(0, 4), small, st.booleans())
def test_attention_of_grouped_queries_costs_what_its_loop_does(b, groups, per_group, tokens, past, size, packed):
    heads = groups * per_group
    loop = attend(b, heads, tokens, tokens + past, size, size, masked=True)
    if packed:
        given_ = [meta(b, tokens, (heads + 2 * groups) * size), None, None]
    else:
        given_ = [meta(b, tokens, heads * size), *[meta(b, tokens, groups * size)] * 2]
    given_.append(meta(b, groups, past, size) if past else None)
    sizes = {"num_heads": heads, "kv_num_heads": groups}
    output = b, tokens, heads * size
    assert counted("GroupQueryAttention", output, *given_, **sizes) == (loop.macs, loop.other)
    rotated = 3 * b * tokens * (heads + groups) * size  # of each pair x * cos - y * sin
    turned = counted("GroupQueryAttention", output, *given_, **sizes, do_rotary=1)
    assert turned == (loop.macs, loop.other + rotated)
    capped = counted("GroupQueryAttention", output, *given_, **sizes, softcap=2.0)  # divide, tanh, multiply
    assert capped == (loop.macs, loop.other + 3 * b * heads * tokens * (tokens + past))


def test_a_rotation_takes_three_for_each_element_that_it_turns():
    """2 x 5 tokens of 3 heads of 8, of which 4, or as many as twice the cosines."""
    x, places = meta(2, 5, 24), meta(1, dtype="int64")
    table = meta(10, 2), meta(10, 2)
    assert counted("RotaryEmbedding", (2, 5, 24), x, places, *table, num_heads=3) == (0, 3 * 2 * 5 * 3 * 4)
    turned = counted("RotaryEmbedding", (2, 5, 24), x, places, *table, num_heads=3, rotary_embedding_dim=6)
    assert turned == (0, 3 * 2 * 5 * 3 * 6)


def test_an_inverse_of_onnxruntime_is_torchs():
    found = cost_of("com.microsoft::Inverse", (2, 3, 3), input_0=meta(2, 3, 3))
    assert found == cost_of("aten::linalg_inv_ex", (2, 3, 3), A=meta(2, 3, 3))
    assert found.flops == 2 * (2 + 2 * 2 * 2 + 1 + 2 * 1 * 1 + 54 - 9)  # eliminated in two steps, then 2 n^3 - n^2


def test_a_split_gelu_gives_half_of_what_it_is_given(tmp_path):
    """Of 6 features 3: a bias on each half, the GELU of one, and their product."""
    inputs = [value("x", [2, 4, 6]), value("bias", [6])]
    node = helper.make_node("BiasSplitGelu", ["x", "bias"], ["y"], domain="com.microsoft")
    made = model([node], inputs, [value("y", None)], [], domains=["com.microsoft"])
    totals = archscope.analyze(archscope.load(saved(tmp_path, made))).totals
    assert (totals.macs, totals.flops) == (0, 2 * 4 * 3 * 7)
