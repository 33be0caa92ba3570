"""Quantised layers by naive loops: each dimension, each kind of cell, and what their derivations say to a reader."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcalls import Count, cost_of, meta
from test_formulas_products import convolve

from archscope.formulas import DEFAULT_FORMULAS

small = st.integers(1, 3)


def counted(op, output, **arguments):
    """MACs and the operations besides of a quantised operator."""
    cost = cost_of(f"quantized::{op}", output, **arguments)
    return cost.macs, cost.flops - 2 * cost.macs


@settings(max_examples=25, deadline=None)
@given(st.lists(small, min_size=1, max_size=3), st.lists(small, min_size=3, max_size=3), small, small, st.booleans())
def test_a_quantised_convolution_of_any_dimension_costs_what_its_loop_does(kernel, sizes, channels, outputs, bias):
    places = sizes[: len(kernel)]
    weights = [meta(outputs, channels, *kernel), meta(outputs) if bias else None]
    x = meta(2, channels, *(n + k - 1 for n, k in zip(places, kernel, strict=True)))
    loop = convolve(2, outputs, math.prod(places), channels, math.prod(kernel), bias=bias)
    output, elements = (2, outputs, *places), 2 * outputs * math.prod(places)
    name = f"conv{len(kernel)}d"
    assert counted(name, output, qx=x, packed_weight=weights) == (loop.macs, loop.other)
    assert counted(f"{name}_dynamic", output, qx=x, packed_weight=weights) == (loop.macs, loop.other)
    assert counted(f"{name}_relu", output, qx=x, packed_weight=weights) == (loop.macs, loop.other + elements)


@settings(max_examples=25, deadline=None)
@given(st.lists(small, min_size=1, max_size=3), st.lists(small, min_size=3, max_size=3), small, small, st.booleans())
def test_a_quantised_transposed_convolution_spreads_each_input(kernel, sizes, channels, outputs, bias):
    places = sizes[: len(kernel)]
    count = Count()
    for _ in itertools.product(range(2 * channels), range(math.prod(places))):
        count.macs += outputs * math.prod(kernel)
    output = (2, outputs, *(n + k - 1 for n, k in zip(places, kernel, strict=True)))
    count.other += math.prod(output) if bias else 0
    given_ = {"qx": meta(2, channels, *places), "packed_weight": [meta(channels, outputs, *kernel), None]}
    if bias:
        given_["packed_weight"][1] = meta(outputs)
    for kind in ("", "_dynamic"):
        assert counted(f"conv_transpose{len(kernel)}d{kind}", output, **given_) == (count.macs, count.other)


CELLS = {"lstm": (4, 13), "gru": (3, 10), "rnn_tanh": (1, 2), "rnn_relu": (1, 2)}


@pytest.mark.parametrize("kind", CELLS)
def test_a_quantised_cell_costs_what_its_loop_does(kind):
    """3 rows of 4 features, 5 hidden."""
    gates, each = CELLS[kind]
    count = Count()
    for _ in itertools.product(range(3), range(5)):
        count.macs += gates * (4 + 5)
        count.other += each + 2 * gates
    found = counted(f"quantized_{kind}_cell_dynamic", (3, 5), input=meta(3, 4), hx=meta(3, 5))
    assert found == (count.macs, count.other)
    derivation = DEFAULT_FORMULAS.find(f"quantized::quantized_{kind}_cell_dynamic").derivation
    assert f"{each} for the gates and {2 * gates} for the two biases" in derivation


def test_a_derivation_says_what_is_fused_and_what_is_not():
    said = {name: DEFAULT_FORMULAS.find(f"quantized::{name}").derivation for name in ("linear", "conv2d")}
    assert all(", and " not in derivation for derivation in said.values())
    assert ", and 2 for its activation" in DEFAULT_FORMULAS.find("quantized::linear_leaky_relu").derivation
    assert ", and 1 for what is fused with it" in DEFAULT_FORMULAS.find("quantized::conv3d_relu").derivation
    assert DEFAULT_FORMULAS.find("quantized::add_relu").derivation == "A sum and a ReLU: 2 per output element."
