"""Formulas of TFLite's builtin operators by naive loops and by hand: every operator has a rule or a reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opcalls import Count, cost_of, meta
from test_formulas_products import convolve
from tflite import utils

from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.tflite_movement import TFLITE_GAPS

small = st.integers(1, 4)
examples = settings(max_examples=20, deadline=None)
ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 2, "TANH": 1, "SIGN_BIT": 1}


def counted(op, output, **arguments):
    """MACs and the operations besides of an operator of TFLite."""
    cost = cost_of(op if "::" in op else f"tflite::{op}", output, **arguments)
    assert not cost.partial
    return cost.macs, cost.flops - 2 * cost.macs


def test_every_builtin_operator_has_a_rule_or_a_reason():
    names = set(utils.BUILTIN_OPCODE2NAME.values()) - {"CUSTOM"} | {"STABLEHLO_CASE"}
    assert len(names) > 200
    assert {name for name in names if DEFAULT_FORMULAS.find(f"tflite::{name}") is None} == set(TFLITE_GAPS)


@examples
@given(small, small, small, small, st.sampled_from([*ACTIVATIONS]), st.booleans())
def test_a_convolution_with_what_is_fused_into_it(batch, groups, per_group, outputs, activation, bias):
    loop = convolve(batch, groups * outputs, 20, per_group, 6, bias=bias)
    shape = (batch, 4, 5, groups * outputs)
    given_ = {"input": meta(batch, 5, 7, groups * per_group), "filter": meta(groups * outputs, 2, 3, per_group)}
    fused = batch * 20 * groups * outputs * ACTIVATIONS[activation]
    found = counted("CONV_2D", shape, **given_, bias=meta(groups * outputs) if bias else None,
                    fused_activation_function=activation)  # fmt: skip
    assert found == (loop.macs, loop.other + fused)


@examples
@given(small, small, st.integers(1, 3), st.booleans())
def test_a_depthwise_convolution_filters_each_channel_by_itself(batch, channels, multiplier, bias):
    loop = convolve(batch, channels * multiplier, 20, 1, 6, bias=bias)
    given_ = {"input": meta(batch, 5, 7, channels), "filter": meta(1, 2, 3, channels * multiplier)}
    shift = meta(channels * multiplier) if bias else None
    found = counted("DEPTHWISE_CONV_2D", (batch, 4, 5, channels * multiplier), **given_, bias=shift)
    assert found == (loop.macs, loop.other)


@examples
@given(small, small, small, st.booleans())
def test_transposed_and_volume_convolutions(batch, inputs, outputs, bias):
    """Each of 3 x 4 input positions is spread over 2 x 5 weights; a volume of 4 x 5 x 6 gathers 2 x 3 x 2."""
    shift = meta(outputs) if bias else None
    spread = Count()
    spread.macs = batch * 12 * inputs * outputs * 10
    spread.other = batch * 4 * 8 * outputs * bias
    given_ = {"output_shape": meta(4), "filter": meta(outputs, 2, 5, inputs), "input": meta(batch, 3, 4, inputs)}
    found = counted("TRANSPOSE_CONV", (batch, 4, 8, outputs), **given_, bias=shift)
    assert found == (spread.macs, spread.other)
    loop = convolve(batch, outputs, 3 * 3 * 5, inputs, 12, bias=bias)
    given_ = {"input": meta(batch, 4, 5, 6, inputs), "filter": meta(2, 3, 2, inputs, outputs), "bias": shift}
    assert counted("CONV_3D", (batch, 3, 3, 5, outputs), **given_) == (loop.macs, loop.other)
    given_ = {"output_shape": meta(5), "filter": meta(2, 3, 2, outputs, inputs), "input": meta(batch, 3, 3, 5, inputs)}
    found = counted("CONV_3D_TRANSPOSE", (batch, 4, 5, 6, outputs), **given_)
    assert found == (batch * 45 * inputs * outputs * 12, 0)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_fully_connected_layer_takes_rows(keeps, bias):
    """2 x 3 rows of 4, or one matrix of them, times 5 x 4; without a bias the sum is not there."""
    shift = meta(5) if bias else None
    shape = (2, 3, 5) if keeps else (6, 5)
    given_ = {"input": meta(2, 3, 4), "weights": meta(5, 4), "bias": shift, "keep_num_dims": keeps}
    assert counted("FULLY_CONNECTED", shape, **given_) == (120, 30 * bias)
    found = counted("FULLY_CONNECTED", (3, 5), input=meta(3, 2, 2), weights=meta(5, 4), bias=None)
    assert found == (60, 0)


@pytest.mark.parametrize(("adj_x", "left"), [(False, (6, 3, 4)), (True, (6, 4, 3))])
def test_a_batch_of_products_with_its_left_side_transposed_or_not(adj_x, left):
    for adj_y, right in ((False, (6, 4, 5)), (True, (6, 5, 4))):
        given_ = {"input_0": meta(*left), "input_1": meta(*right), "adj_x": adj_x, "adj_y": adj_y}
        assert counted("BATCH_MATMUL", (6, 3, 5), **given_) == (360, 0)


@pytest.mark.parametrize(("op", "each"), [("ADD", 1), ("SUB", 1), ("MUL", 1), ("DIV", 1)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_arithmetic_with_what_is_fused_into_it(op, each, activation):
    fused = {"fused_activation_function": activation}
    found = counted(op, (2, 6), input_0=meta(2, 6), input_1=meta(6), **fused)
    assert found == (0, 12 * (each + ACTIVATIONS[activation]))


PER_ELEMENT = {
    **dict.fromkeys(("ABS", "NEG", "EXP", "LOGISTIC", "TANH", "RELU", "SQRT", "RSQRT", "SQUARE", "LOGICAL_NOT"), 1),
    **dict.fromkeys(("RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "SQUARED_DIFFERENCE"), 2),
    **dict.fromkeys(("LEAKY_RELU", "PRELU"), 2),
    "ELU": 3,
    "HARD_SWISH": 5,
    "SOFTMAX": 5,
    "LOG_SOFTMAX": 5,
    "GELU": 4,
    "CUMSUM": 1,
    "MAXIMUM": 1,
    "SELECT_V2": 1,
    "FAKE_QUANT": 7,
    "RESIZE_BILINEAR": 7,
    "RESIZE_NEAREST_NEIGHBOR": 0,
    "COMPLEX_ABS": 4,
    "POW": 1,
    **dict.fromkeys(("STABLEHLO_ADD", "STABLEHLO_COMPARE", "STABLEHLO_RSQRT", "STABLEHLO_CBRT"), 1),
    "STABLEHLO_CLAMP": 2,
    "RANDOM_UNIFORM": 1,
    "CAST": 0,
    "CONCATENATION": 0,
    "TRANSPOSE": 0,
}


@pytest.mark.parametrize("op", PER_ELEMENT)
def test_operators_on_single_elements(op):
    assert counted(op, (3, 4), input_0=meta(3, 4), input_1=meta(3, 4)) == (0, 12 * PER_ELEMENT[op])


def test_options_that_change_what_an_element_takes():
    assert counted("GELU", (3, 4), input_0=meta(3, 4), approximate=True) == (0, 12 * 8)
    assert counted("SOFTMAX", (3, 4), input_0=meta(3, 4), beta=0.5) == (0, 12 * 6)
    assert counted("LOCAL_RESPONSE_NORMALIZATION", (1, 3, 4), input_0=meta(1, 3, 4), radius=2) == (0, 12 * 9)
    assert counted("ADD_N", (3, 4), input_0=meta(3, 4), input_1=meta(3, 4), input_2=meta(3, 4)) == (0, 24)


def test_conversions_by_the_types_on_both_sides():
    byte = meta(3, 4, dtype="int8")
    assert counted("QUANTIZE", (3, 4), input_0=meta(3, 4)) == (0, 60)
    assert counted("QUANTIZE", (3, 4), input_0=byte) == (0, 84)  # integers to integers of another scale
    assert counted("DEQUANTIZE", (3, 4), input_0=byte) == (0, 24)
    assert counted("DEQUANTIZE", (3, 4), input_0=meta(3, 4, dtype="float16")) == (0, 0)
    assert counted("EMBEDDING_LOOKUP", (3, 4), ids=meta(3), value=meta(9, 4)) == (0, 0)
    assert counted("EMBEDDING_LOOKUP", (3, 4), ids=meta(3), value=meta(9, 4, dtype="int8")) == (0, 24)


def test_windows_of_pooling():
    """2 x 3 windows of 4 positions and 5 channels."""
    window = {"filter_height": 2, "filter_width": 3}
    assert counted("MAX_POOL_2D", (1, 2, 2, 5), input=meta(1, 4, 6, 5), **window) == (0, 20 * 5)
    assert counted("AVERAGE_POOL_2D", (1, 2, 2, 5), input=meta(1, 4, 6, 5), **window) == (0, 20 * 6)
    assert counted("L2_POOL_2D", (1, 2, 2, 5), input=meta(1, 4, 6, 5), **window) == (0, 20 * (12 + 1 + 1))
    fused = {"fused_activation_function": "RELU6"}
    assert counted("AVERAGE_POOL_2D", (1, 2, 2, 5), input=meta(1, 4, 6, 5), **window, **fused) == (0, 20 * 8)


@pytest.mark.parametrize("op", ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "ARG_MAX", "REDUCE_ANY"])
def test_reductions_take_each_element_once(op):
    assert counted(op, (2, 5), input_0=meta(2, 3, 4, 5), input_1=meta(2)) == (0, 120)


def test_selections_and_transforms():
    assert counted("TOPK_V2", (2, 5), input_0=meta(2, 16), input_1=meta()) == (0, 32 * 4)  # 1 + ceil(log2 5)
    # 4 x 8 real numbers by 2 columns' levels and 3 rows' levels: 5 / 2 of each
    assert counted("RFFT2D", (4, 5), input=meta(4, 8), fft_length=meta(2), fft_length_value=[4, 8]) == (
        0,
        5 * 32 * 5 // 2,
    )
    assert counted("RFFT2D", (4, 5), input=meta(3, 6), fft_length=meta(2)) == (0, 5 * 32 * 5 // 2)  # padded first
    assert counted("SCATTER_ND", (9, 2), indices=meta(4, 1), updates=meta(4, 2), shape=meta(2)) == (0, 8)
    assert counted("SEGMENT_SUM", (2, 3), input_0=meta(5, 3), input_1=meta(5)) == (0, 15)
    assert counted("BUCKETIZE", (6,), input_0=meta(6), boundaries=(1, 2, 3)) == (0, 12)
    boxes = {"boxes": meta(4, 4), "scores": meta(4)}
    assert counted("NON_MAX_SUPPRESSION_V4", (2,), **boxes) == (0, 4 * 2 + 12 + 13 * 6)
    assert counted("NON_MAX_SUPPRESSION_V5", (2,), **boxes) == (0, 4 * 2 + 12 + 13 * 6 + 12)
    window = {"input": meta(6, 6), "start": meta(), "window_shape": meta(2), "window_shape_value": [2, 3]}
    assert counted("REDUCE_WINDOW", (5, 4), **window) == (0, 20 * 6)


def test_products_of_stablehlo():
    given_ = {"input_0": meta(2, 3, 4), "input_1": meta(2, 4, 5), "lhs_contracting_dimensions": (2,)}
    assert counted("STABLEHLO_DOT_GENERAL", (2, 3, 5), **given_) == (120, 0)
    loop = convolve(2, 6, 20, 3, 6, bias=False)
    given_ = {"input": meta(2, 5, 7, 3), "filter": meta(2, 3, 3, 6), "kernel_output_feature_dimension": 3}
    assert counted("STABLEHLO_CONVOLUTION", (2, 4, 5, 6), **given_) == (loop.macs, 0)


def test_a_box_is_decoded_scored_and_held_against_every_other():
    given_ = {"input_0": meta(1, 8, 4), "input_1": meta(1, 8, 5), "input_2": meta(8, 4)}
    found = counted("tflite.custom::TFLite_Detection_PostProcess", (1, 3, 4), **given_)
    pairs = sum(1 for one in range(8) for other in range(one))
    assert found == (0, 8 * (18 + 4) + 8 * 3 + 8 * 3 + 13 * pairs)


def test_operators_of_mediapipe():
    given_ = {"input_0": meta(1, 3, 4, 6), "input_1": meta(5, 2, 2, 6), "input_2": meta(5)}
    found = counted("tflite.custom::Convolution2DTransposeBias", (1, 6, 8, 5), **given_)
    assert found == (12 * 6 * 5 * 4, 240)
    structure = b"".join(number.to_bytes(4, "little") for number in (1, 2, 2, 3, 2, 0))  # 3 wide, 2 high
    found = counted("tflite.custom::MaxPoolingWithArgmax2D", (1, 2, 2, 5), input_0=meta(1, 4, 6, 5),
                    custom_options=structure)  # fmt: skip
    assert found == (0, 20 * 5)
    assert cost_of("tflite.custom::MaxPoolingWithArgmax2D", (1, 2, 2, 5), input_0=meta(1, 4, 6, 5)).partial
    assert counted("tflite.custom::TransformLandmarks", (1, 7, 3), input_0=meta(1, 7, 3)) == (0, 56)
    found = counted("tflite.custom::TransformTensorBilinear", (1, 4, 4, 3), input_0=meta(1, 9, 9, 3))
    assert found == (0, 8 * 16 + 7 * 48)
