"""TFLite's operators on single elements and along axes: arithmetic, activations, reductions, quantisation."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.onnx_door import door, doors, needed, shaped, through
from archscope.formulas.onnx_elementwise import combined, local_response
from archscope.formulas.onnx_layers import lp_normalization
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_NAMESPACE = "tflite"
_SAME = {
    **{name: name.lower() for name in ("ABS", "NEG", "CEIL", "FLOOR", "ROUND", "SIGN", "SQRT", "RSQRT", "EXP", "LOG")},
    **{name: name.lower() for name in ("SIN", "COS", "TANH", "RELU", "RELU6", "LEAKY_RELU", "PRELU", "POW", "SQUARE")},
    **{name: name.lower() for name in ("MAXIMUM", "MINIMUM", "ATAN2", "LOG_SOFTMAX", "CUMSUM", "MULTINOMIAL")},
    **{name: name.lower() for name in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT", "BITWISE_XOR", "LESS", "GREATER")},
    **{name: name.lower() for name in ("GREATER_EQUAL", "LESS_EQUAL", "NOT_EQUAL")},
    "EQUAL": "eq",
    "LOGISTIC": "sigmoid",
    "HARD_SWISH": "hardswish",
    "FLOOR_DIV": "floor_divide",
    "FLOOR_MOD": "remainder",
    "RIGHT_SHIFT": "bitwise_right_shift",
    "SELECT SELECT_V2": "where",
    "RANDOM_UNIFORM": "rand",
    "RANDOM_STANDARD_NORMAL": "randn",
    "COMPLEX_ABS": "hypot",
    "FAKE_QUANT": "fake_quantize_per_tensor_affine_cachemask",
    "SUM": "sum",
    "MEAN": "mean",
    "REDUCE_PROD": "prod",
    "REDUCE_MAX": "amax",
    "REDUCE_MIN": "amin",
    "REDUCE_ANY": "any",
    "REDUCE_ALL": "all",
    "ARG_MAX": "argmax",
    "ARG_MIN": "argmin",
    "WHERE": "nonzero",
    "RESIZE_BILINEAR": "upsample_bilinear2d",
    "RESIZE_NEAREST_NEIGHBOR": "upsample_nearest2d",
}
_STABLEHLO = {
    **{name: name.lower() for name in ("ADD", "MAXIMUM", "MINIMUM", "ABS", "FLOOR", "LOG", "RSQRT", "TANH")},
    "DIVIDE": "div",
    "MULTIPLY": "mul",
    "SUBTRACT": "sub",
    "NEGATE": "neg",
    "POWER": "pow",
    "REMAINDER": "remainder",
    "LOGISTIC": "sigmoid",
    "COSINE": "cos",
    "EXPONENTIAL": "exp",
    "AND": "logical_and",
    "OR": "logical_or",
    "SELECT": "where",
    "COMPARE": "eq",
    "SHIFT_LEFT": "bitwise_left_shift",
}
# What may be fused into an operator, as the operator of ATen that does it by itself.
_FUSED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "RELU": ("relu", {}),
    "RELU6": ("relu6", {}),
    "RELU_N1_TO_1": ("hardtanh", {"min_val": -1, "max_val": 1}),
    "TANH": ("tanh", {}),
    "SIGN_BIT": ("signbit", {}),
}


def activated(table: FormulaTable, call: OpCall) -> Cost:
    """What the activation function that is fused into ``call`` costs, as the operator by itself does."""
    name = call.arguments.get("fused_activation_function", "NONE")
    if name in {"NONE", ""}:
        return Cost()
    if name not in _FUSED:
        return Cost(partial=True)  # one that the schema does not have yet
    to, arguments = _FUSED[name]
    return through(table, f"aten::{to}", call, **arguments)


def register(table: FormulaTable) -> None:
    """Add TFLite's elementwise operators, reductions and resamplings to ``table``."""
    doors(table, _SAME, _NAMESPACE)
    doors(table, {f"STABLEHLO_{name}": to for name, to in _STABLEHLO.items()}, _NAMESPACE)
    _arithmetic(table)
    door(table, "tflite::ELU", "aten::elu", lambda _: {"scale": 1, "input_scale": 1})
    door(table, "tflite::GELU", "aten::gelu", _gelu)
    for name in ("RELU_N1_TO_1", "RELU_0_TO_1", "STABLEHLO_CLAMP"):
        door(table, f"tflite::{name}", "aten::hardtanh", lambda _: {"min_val": 0, "max_val": 1})
    table.counted("tflite::STABLEHLO_CBRT", family="elementwise")(cube_root)
    table.counted("tflite::ADD_N", family="elementwise")(combined)
    table.counted("tflite::SQUARED_DIFFERENCE", family="elementwise")(squared_difference)
    _quantisation(table)
    _sorting(table)
    door(table, "tflite::RFFT2D", "aten::_fft_r2c", _transformed)
    for name in ("SEGMENT_SUM", *(f"UNSORTED_SEGMENT_{kind}" for kind in ("SUM", "PROD", "MAX", "MIN"))):
        door(table, f"tflite::{name}", "aten::scatter", lambda call: {"index": call.inputs[0], "reduce": "add"})
    door(table, "tflite::SCATTER_ND", "aten::scatter", lambda call: {"index": needed(call, "updates"), "reduce": "add"})
    table.counted("tflite::L2_NORMALIZATION", family="normalization")(normalized_by_length)


def _arithmetic(table: FormulaTable) -> None:
    for name in ("ADD", "SUB", "MUL", "DIV"):
        _with_activation(table, name, f"aten::{name.lower()}")

    @table.counted("tflite::SOFTMAX", family="activation")
    def softmax(call: OpCall) -> Cost:
        """As `aten::softmax`, 5 per element; a beta other than 1 scales each, 1 more."""
        scaled = call.outputs[0].numel if call.arguments.get("beta", 1) != 1 else 0
        return Cost.of(other=scaled) + through(table, "aten::softmax", call)


def _with_activation(table: FormulaTable, name: str, to: str) -> None:
    rule = table.find(to)
    if rule is None:
        raise KeyError(to)

    def formula(call: OpCall) -> Cost:
        return through(table, to, call) + activated(table, call)

    formula.__doc__ = f"As `{to}`; a fused activation function costs what it does by itself.\n\n{rule.derivation}"
    table.counted(f"tflite::{name}", family=rule.family)(formula)


def _gelu(call: OpCall) -> Mapping[str, Any]:
    return {"approximate": "tanh" if call.arguments.get("approximate") else "none"}


def cube_root(call: OpCall) -> Cost:
    """The cube root, a transcendental function: 1 per output element."""
    return Cost.of(other=call.outputs[0].numel)


def squared_difference(call: OpCall) -> Cost:
    """`(x - y) ** 2`: 2 per output element."""
    return Cost.of(other=2 * call.outputs[0].numel)


def _quantisation(table: FormulaTable) -> None:
    @table.counted("tflite::QUANTIZE", family="quantization")
    def quantize(call: OpCall) -> Cost:
        """As `aten::quantize_per_tensor`, 5 per element; integers to other integers are converted back first, 2."""
        plain = through(table, "aten::quantize_per_tensor", call, self=call.inputs[0])
        if call.inputs[0].dtype.startswith(("float", "bfloat")):
            return plain
        return plain + through(table, "aten::dequantize", call, self=call.inputs[0])

    @table.counted("tflite::DEQUANTIZE", family="quantization")
    def dequantize(call: OpCall) -> Cost:
        """As `aten::dequantize`, 2 per element; half precision to single is a copy."""
        if call.inputs[0].dtype.startswith(("float", "bfloat")):
            return Cost()
        return through(table, "aten::dequantize", call, self=call.inputs[0])

    @table.counted("tflite::EMBEDDING_LOOKUP", family="quantization")
    def looked_up(call: OpCall) -> Cost:
        """Rows are copied; rows of integers that become fractions are converted back, 2 per output element."""
        table_, output = needed(call, "value"), call.outputs[0]
        if table_.dtype == output.dtype:
            return Cost()
        return through(table, "aten::dequantize", call, self=output)


def _sorting(table: FormulaTable) -> None:
    door(table, "tflite::TOPK_V2", "aten::topk", lambda call: {"self": call.inputs[0], "k": call.outputs[0].shape[-1]})
    door(table, "tflite::UNIQUE", "aten::_unique", lambda call: {"self": call.inputs[0]})
    table.counted("tflite::LOCAL_RESPONSE_NORMALIZATION", family="normalization")(local_response_by_radius)

    @table.counted("tflite::BUCKETIZE", family="sorting")
    def bucketize(call: OpCall) -> Cost:
        """As `aten::bucketize` by the boundaries of its options."""
        boundaries = shaped(call.inputs[0], (len(call.arguments.get("boundaries", ())),))
        return through(table, "aten::bucketize", call, boundaries=boundaries)

    @table.counted("tflite::NON_MAX_SUPPRESSION_V4", "tflite::NON_MAX_SUPPRESSION_V5", family="vision")
    def suppression(call: OpCall) -> Cost:
        """As `torchvision::nms`, as if none were suppressed; V5 lowers scores instead: exp, multiply, 2 per pair."""
        boxes = needed(call, "boxes")
        soft = boxes.shape[0] * (boxes.shape[0] - 1) if call.op.endswith("V5") else 0
        return Cost.of(other=soft) + through(table, "torchvision::nms", call, dets=boxes)

    @table.counted("tflite::REDUCE_WINDOW", family="reduction")
    def windows(call: OpCall) -> Cost:
        """Each output combines its window with the start value: 1 per element of the window; uncounted without it."""
        window = call.arguments.get("window_shape_value")
        size = prod(map(int, window)) if window else 1
        return Cost.of(other=call.outputs[0].numel * size, partial=not window)


def local_response_by_radius(call: OpCall) -> Cost:
    """As ONNX's LRN with a window of 2 radius + 1 channels: 2 radius + 5 per element."""
    return local_response(call._replace(arguments={"size": 2 * call.arguments.get("radius", 0) + 1}))


def _transformed(call: OpCall) -> Mapping[str, Any]:
    x, sizes = call.inputs[0], call.arguments.get("fft_length_value")
    height, width = map(int, sizes) if sizes else (call.outputs[0].shape[-2], 2 * (call.outputs[0].shape[-1] - 1))
    return {"self": shaped(x, (*x.shape[:-2], height, width)), "dim": (-2, -1)}


def normalized_by_length(call: OpCall) -> Cost:
    """As ONNX's LpNormalization of the last axis: 2 per element for the 2-norm, a root per row, a division, 1."""
    return lp_normalization(call._replace(arguments={"x": call.inputs[0], "axis": -1, "p": 2}))
