"""Formulas of ONNX's default domain by naive loops: what is optional given and left out, values known and not."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opcalls import Count, cost_of, meta
from test_formulas_products import attend, convolve

small = st.integers(1, 4)
examples = settings(max_examples=25, deadline=None)


def counted(op, output, **arguments):
    """MACs and the operations besides of an operator of ONNX."""
    cost = cost_of(f"onnx::{op}", output, **arguments)
    return cost.macs, cost.flops - 2 * cost.macs


def test_a_deformable_convolution_samples_with_and_without_a_mask():
    """2 x 6 outputs of 4 x 5, filters of 4 channels by 2 x 3; each sampled value 7, and 1 for the mask."""
    sampled = sum(1 for _ in itertools.product(range(2), range(4), range(6), range(20)))
    given_ = {"X": meta(2, 4, 5, 7), "W": meta(6, 4, 2, 3), "offset": meta(2, 12, 4, 5)}
    for bias, mask in itertools.product([False, True], repeat=2):
        loop = convolve(2, 6, 20, 4, 6, bias=bias)
        options = {"B": meta(6) if bias else None, "mask": meta(2, 6, 4, 5) if mask else None}
        expected = loop.macs, loop.other + sampled * (7 + mask)
        assert counted("DeformConv", (2, 6, 4, 5), **given_, **options) == expected


@pytest.mark.parametrize("bias", [False, True])
def test_convolutions_of_integers_cost_their_plain_form(bias):
    loop = convolve(2, 6, 20, 3, 6, bias=bias)
    shift = meta(6) if bias else None
    plain = {"X": meta(2, 3, 5, 7), "W": meta(6, 3, 2, 3), "B": shift}
    assert counted("Conv", (2, 6, 4, 5), **plain) == (loop.macs, loop.other)
    named = {"x": meta(2, 3, 5, 7), "x_scale": meta(), "x_zero_point": meta(), "w": meta(6, 3, 2, 3), "B": shift}
    assert counted("QLinearConv", (2, 6, 4, 5), **named) == (loop.macs, loop.other)
    assert counted("ConvInteger", (2, 6, 4, 5), x=meta(2, 3, 5, 7), w=meta(6, 3, 2, 3)) == (loop.macs, 0)


@pytest.mark.parametrize(("activation", "each"), [("none", 0), ("silu", 2), ("swish", 2)])
def test_a_causal_convolution_with_its_state_is_one_of_each_channel(activation, each):
    loop = convolve(2, 6, 5, 1, 4, bias=True)
    given_ = {"input": meta(2, 6, 5), "weight": meta(6, 1, 4), "bias": meta(6), "activation": activation}
    assert counted("CausalConvWithState", (2, 6, 5), **given_) == (loop.macs, loop.other + 60 * each)


@pytest.mark.parametrize(
    ("options", "addend", "each"),
    [({}, True, 1), ({"beta": 0.5}, True, 2), ({"alpha": 0.5}, True, 2), ({}, False, 0), ({"beta": 0.5}, False, 0)],
)
def test_a_product_with_an_addend(options, addend, each):
    for transposed in (0, 1):
        left = meta(4, 3) if transposed else meta(3, 4)
        given_ = {"A": left, "B": meta(4, 5), "C": meta(5) if addend else None, "transA": transposed}
        assert counted("Gemm", (3, 5), **given_, **options) == (60, 15 * each)


EINSUMS = [
    ("ij,jk->ik", [(2, 3), (3, 4)], 24, 0),
    ("ij,jk", [(2, 3), (3, 4)], 24, 0),
    ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 4)], 120, 0),
    ("...ij,...jk", [(5, 2, 3), (5, 3, 4)], 120, 0),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)], 120, 0),
    ("i,i->i", [(6,), (6,)], 0, 6),  # a product of elements
    ("i,j->ij", [(2,), (3,)], 0, 6),
    ("ij,k->ik", [(2, 3), (4,)], 0, 6 + 8),  # rows summed first, then each by each
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)], 24 + 40, 0),
    ("ij,jk,ik->i", [(2, 3), (3, 4), (2, 4)], 24 + 8, 0),
    ("...ij,...jk->...ik", [(6, 5, 2, 3), (5, 3, 4)], 720, 0),
    ("i...j,jk->i...k", [(2, 5, 3), (3, 4)], 120, 0),
    ("...ij", [(5, 2, 3)], 0, 0),
    ("ij,k->ik", [(3, 2), (4,)], 0, 6 + 12),
    ("im,k->imk", [(2, 1), (4,)], 0, 8),
    ("k,im->kim", [(4,), (2, 1)], 0, 8),
    ("ij->i", [(3, 2)], 0, 6),
    ("ij->i", [(2, 1)], 0, 0),  # an index of size 1 is a view
    ("ij->i", [(2, 3)], 0, 6),
    ("ij->ji", [(2, 3)], 0, 0),
    ("ij->", [(2, 3)], 0, 6),
    ("ii", [(3, 3)], 0, None),
    ("i1,jk->ik".replace("1", "m"), [(2, 1), (3, 4)], 0, 12 + 8),  # the index of size 1 is there to be dropped
    (" i j , j k -> i k ", [(2, 3), (3, 4)], 24, 0),
]


@pytest.mark.parametrize(("equation", "shapes", "macs", "other"), EINSUMS)
def test_an_einstein_sum_joins_two_operands_at_a_time(equation, shapes, macs, other):
    operands = {f"Inputs_{k}": meta(*shape) for k, shape in enumerate(shapes)}
    found = counted("Einsum", (1,), **operands, equation=equation)
    assert found[0] == macs
    assert other is None or found[1] == other


@examples
@example(2, 5, 2, 3, 4, 6, "gated_delta")
@example(2, 5, 2, 1, 3, 4, "linear")
@example(2, 5, 1, 2, 3, 4, "gated")
@example(2, 5, 2, 2, 3, 5, "delta")
@given(small, small, small, small, small, small, st.sampled_from(["linear", "gated", "delta", "gated_delta"]))
def test_linear_attention_costs_what_its_recurrence_does(batch, tokens, groups, per_group, features, values, rule):
    heads = groups * per_group
    count, decays = Count(), batch * tokens * groups
    for _ in itertools.product(range(batch), range(tokens)):
        for _ in itertools.product(range(groups), range(features), range(values)):
            count.macs += 1  # k v^T into the state
            if "delta" in rule:
                count.macs += 1  # what the state says of k
            if "gated" in rule:
                count.other += 1  # the state decays
        if "delta" in rule:
            count.other += 2 * groups * values  # v minus that, times beta
        count.macs += heads * features * values  # q times the state
        count.other += heads * values  # the scale
    if "gated" in rule:
        count.other += decays  # exp
    given_ = {
        "query": meta(batch, tokens, heads * features),
        "key": meta(batch, tokens, groups * features),
        "value": meta(batch, tokens, groups * values),
        "decay": meta(batch, tokens, groups) if "gated" in rule else None,
        "update_rule": rule,
    }
    found = counted(
        "LinearAttention", (batch, tokens, heads * values), **given_, q_num_heads=heads, kv_num_heads=groups
    )
    assert found == (count.macs, count.other)


def test_linear_attention_without_a_decay_or_a_rule_of_its_own():
    """2 x 3 tokens, a head of 4 x 5: by default gated and by the delta rule, here without decays to exponentiate."""
    given_ = {"query": meta(2, 3, 4), "key": meta(2, 3, 4), "value": meta(2, 3, 5), "q_num_heads": 1, "kv_num_heads": 1}
    assert counted("LinearAttention", (2, 3, 5), **given_) == (3 * 6 * 20, 30 + 6 * 20 + 2 * 30)


@examples
@example(2, 3, 2, 5, 7, 4, True, True, True)
@example(2, 3, 2, 5, 7, 4, False, False, False)
@given(small, small, small, small, st.integers(0, 4), small, st.booleans(), st.booleans(), st.booleans())
def test_attention_with_a_past_and_a_cap_costs_what_its_loop_does(
    b, heads, tokens, source, past, size, masked, capped, beside
):
    loop = attend(b, heads, tokens, source + past, size, size + 1, masked=masked)
    cap = 3 * b * heads * tokens * (source + past) if capped else 0  # divide, tanh, multiply
    sizes = {"Q": (tokens, size), "K": (source, size), "V": (source, size + 1)}
    given_ = {
        name: meta(b, n, heads * features) if beside else meta(b, heads, n, features)
        for name, (n, features) in sizes.items()
    }
    given_ |= {"q_num_heads": heads, "kv_num_heads": heads} if beside else {}
    given_ |= {"past_key": meta(b, heads, past, size)} if past else {}
    for mask in ("attn_mask", "nonpad_kv_seqlen", "is_causal") if masked else ("",):
        told = {} if not mask else {mask: 1 if mask == "is_causal" else meta(tokens, source + past)}
        found = counted("Attention", (b, heads, tokens, size + 1), **given_, **told, softcap=2.0 if capped else 0.0)
        assert found == (loop.macs, loop.other + cap)


def test_grouped_heads_side_by_side_are_told_apart():
    """4 query heads of 3 and 2 key heads."""
    loop = attend(2, 4, 5, 7, 3, 3, masked=False)
    given_ = {"Q": meta(2, 5, 12), "K": meta(2, 7, 6), "V": meta(2, 7, 6), "q_num_heads": 4, "kv_num_heads": 2}
    assert counted("Attention", (2, 5, 12), **given_) == (loop.macs, loop.other)


GATES = {"LSTM": (4, 13), "GRU": (3, 10), "RNN": (1, 2)}


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(("bias", "peepholes"), [(False, False), (True, False), (True, True)])
def test_recurrent_layers_by_hand(kind, directions, bias, peepholes):
    """5 steps of 2 sequences of 3 features, 4 hidden; three peepholes for each hidden element, multiplied and added."""
    if peepholes and kind != "LSTM":
        return
    gates, each = GATES[kind]
    count = Count()
    for _ in itertools.product(range(5), range(2), range(directions), range(4)):
        count.macs += gates * (3 + 4)
        count.other += each + (2 * gates if bias else 0) + (2 * 3 if peepholes else 0)
    given_ = {"X": meta(5, 2, 3), "W": meta(directions, gates * 4, 3), "R": meta(directions, gates * 4, 4)}
    given_ |= {"B": meta(directions, 2 * gates * 4)} if bias else {}
    given_ |= {"P": meta(directions, 12)} if peepholes else {}
    for known in ({"hidden_size": 4}, {}):
        assert counted(kind, (5, directions, 2, 4), **given_, **known) == (count.macs, count.other)


def test_norms_by_their_axes():
    x, one = meta(2, 6, 5, 7), meta(6)
    assert counted("BatchNormalization", x.shape, X=x, training_mode=0) == (0, 2 * 420)
    assert counted("BatchNormalization", x.shape, X=x, training_mode=1) == (0, 6 * 420)
    assert counted("InstanceNormalization", x.shape, input=x, scale=one, B=one) == (0, 7 * 420 + 2 * 2 * 6)
    grouped = counted("GroupNormalization", x.shape, X=x, scale=one, bias=one, num_groups=3)
    assert grouped == (0, 7 * 420 + 2 * 2 * 3)
    for axis, rows in ((-1, 60), (3, 60), (2, 12), (-2, 12), (1, 2), (0, 1)):
        assert counted("LayerNormalization", x.shape, X=x, axis=axis, Scale=one) == (0, 6 * 420 + 2 * rows)
        assert counted("RMSNormalization", x.shape, X=x, axis=axis, scale=one) == (0, 4 * 420 + 2 * rows)
    assert counted("LayerNormalization", x.shape, X=x, Scale=one, B=one) == (0, 7 * 420 + 2 * 60)
    for axes, rows in (((0, 2, 3), 6), ((1,), 70), ((-1,), 60), ((0, -2), 42)):
        assert counted("MeanVarianceNormalization", x.shape, X=x, axes=axes) == (0, 5 * 420 + 2 * rows)
    assert counted("MeanVarianceNormalization", x.shape, X=x) == (0, 5 * 420 + 2 * 6)
    assert counted("LpNormalization", x.shape, input=x) == (0, 3 * 420 + 60)
    assert counted("LpNormalization", x.shape, input=x, axis=1, p=2) == (0, 3 * 420 + 70)
    assert counted("LpNormalization", x.shape, input=x, axis=1, p=1) == (0, 3 * 420)
    assert counted("LpNormalization", (), input=meta()) == (0, 3 + 1)
    assert counted("LpNormalization", (4, 1), input=meta(4, 1)) == (0, 3 * 4 + 4)


@examples
@given(st.lists(small, min_size=1, max_size=3), small)
def test_poolings_of_any_dimension_take_their_windows(kernel, channels):
    window = math.prod(kernel)
    x, output = meta(2, channels, *(5 * k for k in kernel)), (2, channels, *(5 for _ in kernel))
    outputs = math.prod(output)
    assert counted("MaxPool", output, X=x, kernel_shape=kernel) == (0, outputs * (window - 1))
    assert counted("AveragePool", output, X=x, kernel_shape=kernel) == (0, outputs * window)
    one = (2, channels, *(1 for _ in kernel))
    assert counted("GlobalAveragePool", one, X=x) == (0, x.numel)
    assert counted("GlobalMaxPool", one, X=x) == (0, x.numel - 2 * channels)
    for p, each, root in ((1, 2, 0), (2, 2, 1), (3, 3, 1)):
        assert counted("LpPool", output, X=x, kernel_shape=kernel, p=p) == (0, outputs * (window * each + root))
        assert counted("GlobalLpPool", one, X=x, p=p) == (0, x.numel * each + 2 * channels * root)
    assert counted("LpPool", output, X=x, kernel_shape=kernel) == (0, outputs * (window * 2 + 1))
    assert counted("GlobalLpPool", one, X=x) == (0, x.numel * 2 + 2 * channels)
