"""Quantised networks: conversions, and torch's quantised operators, which count as their plain forms."""

from __future__ import annotations

from math import prod
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall, TensorMeta

_DECOMPOSED = "quantized_decomposed"


def register(table: FormulaTable) -> None:
    """Add the quantised operators to ``table``."""
    family = "quantization"
    quantizers = ("quantize_per_tensor", "quantize_per_channel")
    table.counted(
        *(f"aten::{name}" for name in (*quantizers, "quantize_per_tensor_dynamic")),
        *(f"{_DECOMPOSED}::{name}" for name in (*quantizers, "quantize_per_token", "quantize_per_channel_group")),
        family=family,
    )(quantize)
    table.counted(
        "aten::dequantize",
        *(f"{_DECOMPOSED}::de{name}" for name in (*quantizers, "quantize_per_token", "quantize_per_channel_group")),
        family=family,
    )(dequantize)
    table.counted(
        *(f"aten::fake_quantize_per_{each}_affine_cachemask" for each in ("tensor", "channel")),
        *(f"aten::_fake_quantize_learnable_per_{each}_affine" for each in ("tensor", "channel")),
        "aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
        family=family,
    )(fake_quantize)
    table.counted(
        "aten::_fused_moving_avg_obs_fq_helper", "aten::_fused_moving_avg_obs_fq_helper_functional", family=family
    )(observed_fake_quantize)
    for fused, each in (("", 0), ("_relu", 1), ("_tanh", 1), ("_leaky_relu", 2)):
        table.counted(f"quantized::linear{fused}", family=family)(_linear(each))
    for kind in ("_dynamic", "_dynamic_fp16"):
        table.counted(f"quantized::linear{kind}", family=family)(_linear(0))
        table.counted(f"quantized::linear_relu{kind}", family=family)(_linear(1))
    for dimensions in (1, 2, 3):
        table.counted(f"quantized::conv{dimensions}d", f"quantized::conv{dimensions}d_dynamic", family=family)(
            _convolution(0)
        )
        table.counted(f"quantized::conv{dimensions}d_relu", family=family)(_convolution(1))
        table.counted(
            f"quantized::conv_transpose{dimensions}d",
            f"quantized::conv_transpose{dimensions}d_dynamic",
            family=family,
        )(convolution_transposed)
    table.counted("quantized::conv2d_add", family=family)(_convolution(1))
    table.counted("quantized::conv2d_add_relu", family=family)(_convolution(2))
    table.counted("quantized::matmul", family=family)(matmul)
    for gates, each, name in ((4, 13, "lstm"), (3, 10, "gru"), (1, 2, "rnn_tanh"), (1, 2, "rnn_relu")):
        table.counted(f"quantized::quantized_{name}_cell_dynamic", family=family)(_cell(gates, each))
    for kind in ("byte", "4bit", "2bit"):
        table.counted(f"quantized::embedding_{kind}", family=family)(embedding)
        table.counted(
            f"quantized::embedding_bag_{kind}", f"quantized::embedding_bag_{kind}_rowwise_offsets", family=family
        )(embedding_bag)
    for names, each, what in _PER_ELEMENT:
        table.counted(*(f"quantized::{name}" for name in names.split()), family=family)(_elementwise(each, what))
    packing = "weights are packed: the same values"
    table.free(*(f"quantized::{name}" for name in _PACKING), family=family, because=packing)
    table.free("quantized::cat", family=family, because="a copy of input values")


# As the plain forms: names, operations per output element, the plain form.
_PER_ELEMENT = (
    ("add add_scalar", 1, "a sum"),
    ("add_relu add_scalar_relu", 2, "a sum and a ReLU"),
    ("mul mul_scalar", 1, "a product"),
    ("mul_relu mul_scalar_relu", 2, "a product and a ReLU"),
    ("relu6 leaky_relu prelu clamp", 2, "as without quantisation"),
    ("sigmoid threshold", 1, "as without quantisation"),
    ("hardswish", 5, "as without quantisation"),
    ("celu elu", 4, "as without quantisation, with its scale"),
    ("softmax", 5, "as without quantisation"),
    ("batch_norm batch_norm1d batch_norm2d batch_norm3d", 2, "a scale and a shift"),
    ("batch_norm_relu batch_norm1d_relu batch_norm2d_relu batch_norm3d_relu", 3, "a scale, a shift and a ReLU"),
    ("layer_norm group_norm instance_norm", 7, "mean, subtract, square, sum, scale, weight, bias"),
)
_PACKING = (
    *("linear_prepack", "linear_unpack", "linear_prepack_fp16", "linear_unpack_fp16", "embedding_bag_prepack"),
    *(f"conv{d}_{step}" for d in ("1d", "2d", "3d") for step in ("prepack", "unpack")),
    *(f"conv_transpose{d}_{step}" for d in ("1d", "2d", "3d") for step in ("prepack", "unpack")),
)


def quantize(call: OpCall) -> Cost:
    """`min(max(round(x / scale) + zero_point, lowest), highest)`: 5 per element."""
    return Cost.of(other=5 * call.inputs[0].numel)


def dequantize(call: OpCall) -> Cost:
    """`(q - zero_point) * scale`: 2 per element."""
    return Cost.of(other=2 * call.inputs[0].numel)


def fake_quantize(call: OpCall) -> Cost:
    """A number is quantised (5) and converted back (2): 7 per element."""
    return Cost.of(other=7 * call.inputs[0].numel)


def observed_fake_quantize(call: OpCall) -> Cost:
    """In quantisation-aware training: the least and the largest value 2, quantised 5, converted back 2: 9 per element.

    The moving averages, scales and zero points, one for each tensor or channel, are left out.
    """
    return Cost.of(other=9 * call.inputs[0].numel)


def _packed(call: OpCall) -> tuple[TensorMeta, Any]:
    """Weight and bias of the packed parameters, which the tracer unpacks."""
    weight, bias = next(
        value
        for value in call.arguments.values()
        if isinstance(value, list) and len(value) > 1 and isinstance(value[0], TensorMeta)
    )[:2]
    return weight, bias


def _linear(fused: int) -> Formula:
    def linear(call: OpCall) -> Cost:
        _, bias = _packed(call)
        output = call.outputs[0].numel
        return Cost.of(macs=output * call.inputs[0].shape[-1], other=(fused + (bias is not None)) * output)

    activation = f", and {fused} for its activation" if fused else ""
    linear.__doc__ = (
        "As a linear layer: macs = numel(output) x features_in; a bias adds 1 flop per output element"
        f"{activation}. Scaling the integers back is left out."
    )
    return linear


def _convolution(fused: int) -> Formula:
    def convolution(call: OpCall) -> Cost:
        weight, bias = _packed(call)
        output = call.outputs[0].numel
        return Cost.of(macs=output * prod(weight.shape[1:]), other=(fused + (bias is not None)) * output)

    activation = f", and {fused} for what is fused with it" if fused else ""
    convolution.__doc__ = (
        "As a convolution: macs = numel(output) x c_in / groups x kernel; a bias adds 1 flop per output element"
        f"{activation}. Scaling the integers back is left out."
    )
    return convolution


def convolution_transposed(call: OpCall) -> Cost:
    """As a transposed convolution: macs = numel(input) x c_out / groups x kernel; a bias adds 1 per output element."""
    weight, bias = _packed(call)
    biased = call.outputs[0].numel if bias is not None else 0
    return Cost.of(macs=call.inputs[0].numel * prod(weight.shape[1:]), other=biased)


def matmul(call: OpCall) -> Cost:
    """As a matrix product: macs = numel(output) x k."""
    return Cost.of(macs=call.outputs[0].numel * call.inputs[0].shape[-1])


def _elementwise(each: int, what: str) -> Formula:
    def formula(call: OpCall) -> Cost:
        return Cost.of(other=each * call.outputs[0].numel)

    formula.__doc__ = f"{what[0].upper()}{what[1:]}: {each} per output element."
    return formula


def _cell(gates: int, each: int) -> Formula:
    def cell(call: OpCall) -> Cost:
        tokens = call.inputs[0].shape[0]
        hidden = call.outputs[0].shape[-1]
        macs = tokens * gates * hidden * (call.inputs[0].shape[-1] + hidden)
        return Cost.of(macs=macs, other=tokens * hidden * (2 * gates + each))

    cell.__doc__ = (
        f"As the plain cell: macs = batch x {gates} x hidden x (inputs + hidden); per hidden element {each} for the "
        f"gates and {2 * gates} for the two biases."
    )
    return cell


def embedding(call: OpCall) -> Cost:
    """Rows are looked up and converted back, `(q - zero_point) * scale`: 2 per output element."""
    return Cost.of(other=2 * call.outputs[0].numel)


def embedding_bag(call: OpCall) -> Cost:
    """Each looked-up element is converted back (2) and added to its bag (1): 3 x indices x features.

    A weight per sample adds a multiply each.
    """
    weighted = call.arguments.get("per_sample_weights") is not None
    return Cost.of(other=(3 + weighted) * call.arguments["indices"].numel * call.outputs[0].shape[-1])
