"""TFLite's recurrent layers by naive loops over steps and gates, with all that may be left out of them."""

from __future__ import annotations

import itertools

import pytest
from opcalls import Count, cost_of, meta

GATES = ("input", "forget", "cell", "output")


def found(op, output, **arguments):
    cost = cost_of(f"tflite::{op}", output, **arguments)
    return cost.macs, cost.flops - 2 * cost.macs


def lstm_weights(inputs, cells, outputs, *, coupled=False, prefix=""):
    gates = GATES[1:] if coupled else GATES
    given = {f"{prefix}input_to_{gate}": meta(cells, inputs) for gate in gates}
    given |= {f"{prefix}recurrent_to_{gate}": meta(cells, outputs) for gate in gates}
    return given | {f"{prefix}{gate}_bias": meta(cells) for gate in gates}


def lstm(tokens, inputs, cells, outputs, *, coupled=False, peepholes=0, projection=False):
    """Each token, gate by gate: products, sums, sigmoids, the new cell, the output."""
    count = Count()
    for _ in range(tokens):
        for _ in range(3 if coupled else 4):
            count.macs += cells * (inputs + outputs)
            count.other += 2 * cells  # the sum of the two products and the bias
        count.other += (2 if coupled else 3) * cells  # sigmoids
        count.other += coupled * cells  # 1 - f
        count.other += cells + 3 * cells + 2 * cells  # tanh; f c + i g; o tanh(c)
        count.other += 2 * peepholes * cells
        if projection:
            count.macs += cells * outputs
    return count.macs, count.other


@pytest.mark.parametrize("op", ["LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"])
@pytest.mark.parametrize(
    ("coupled", "peepholes", "projection"), [*itertools.product([False, True], [0, 2], [False, True])]
)
def test_an_lstm_costs_what_its_loop_does(op, coupled, peepholes, projection):
    outputs = 3 if projection else 4
    given = {"input": meta(2, 5, 6), **lstm_weights(6, 4, outputs, coupled=coupled)}
    given |= {f"cell_to_{gate}": meta(4) for gate in ("forget", "output")[:peepholes]}
    if projection:
        given["projection"] = meta(3, 4)
    given |= {"output_state": meta(2, outputs), "cell_state": meta(2, 4)}
    expected = lstm(10, 6, 4, outputs, coupled=coupled, peepholes=peepholes, projection=projection)
    assert found(op, (2, 5, outputs), **given) == expected


def test_norms_and_clipping_inside_an_lstm():
    given = {"input": meta(2, 5, 6), **lstm_weights(6, 4, 4)}
    plain = found("UNIDIRECTIONAL_SEQUENCE_LSTM", (2, 5, 4), **given)
    norms = {f"{gate}_norm": meta(4) for gate in GATES}
    normed = found("UNIDIRECTIONAL_SEQUENCE_LSTM", (2, 5, 4), **given, **norms)
    assert normed[1] - plain[1] == 10 * 4 * (6 * 4 + 2)  # mean, subtract, square, sum, scale, weight; eps and root
    clipped = found("UNIDIRECTIONAL_SEQUENCE_LSTM", (2, 5, 4), **given, cell_clip=10.0)
    assert clipped[1] - plain[1] == 10 * 4 * 2


def test_two_directions_are_two_layers():
    given = {"input": meta(2, 5, 6)}
    given |= {**lstm_weights(6, 4, 4, prefix="fw_"), **lstm_weights(6, 3, 3, prefix="bw_")}
    both = found("BIDIRECTIONAL_SEQUENCE_LSTM", (2, 5, 7), **given)
    assert both == tuple(a + b for a, b in zip(lstm(10, 6, 4, 4), lstm(10, 6, 3, 3), strict=True))


def test_the_basic_cell_holds_all_gates_in_one_matrix():
    given = {"input": meta(2, 6), "previous_output": meta(2, 4), "weights": meta(16, 10), "biases": meta(16)}
    expected = lstm(2, 6, 4, 4)
    assert found("LSTM", (2, 4), **given, previous_state=meta(2, 4), kernel_type="BASIC") == expected


@pytest.mark.parametrize("op", ["RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"])
def test_a_plain_recurrent_layer(op):
    given = {"input": meta(2, 5, 6), "weights": meta(4, 6), "recurrent_weights": meta(4, 4), "bias": meta(4)}
    assert found(op, (2, 5, 4), **given, hidden_state=meta(2, 4)) == (10 * 4 * 10, 10 * 4 * 3)
    ways = {f"{way}_{name}": tensor for way in ("fw", "bw") for name, tensor in given.items() if name != "input"}
    both = found("BIDIRECTIONAL_SEQUENCE_RNN", (2, 5, 8), input=meta(2, 5, 6), **ways)
    assert both == (2 * 10 * 4 * 10, 2 * 10 * 4 * 3)


def test_filters_of_a_rank_over_features_and_time():
    """8 filters of 10 features and a memory of 6, two for each of 4 units; batch 3."""
    count = Count()
    for _ in range(3):
        count.macs += 8 * 10 + 8 * 6
        count.other += 4 + 4 + 4  # the second filter of each unit, the bias, the ReLU
    given = {"input": meta(3, 10), "weights_feature": meta(8, 10), "weights_time": meta(8, 6), "bias": meta(4)}
    options = {"rank": 2, "fused_activation_function": "RELU"}
    assert found("SVDF", (3, 4), **given, **options) == (count.macs, count.other)
