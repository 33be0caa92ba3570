"""The shapes that TFLite's operators give, worked out as its kernels do when they are prepared."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archscope.records import Shape
from archscope.sources.tflite_file.graph import Operator, Tensor
from archscope.sources.tflite_file.shapes_moved import (
    MOVING,
    MisfitError,
    Options,
    Rule,
    UnknownShape,
    at,
    broadcast,
    numbers,
    sizes,
)
from archscope.sources.tflite_file.values import Value

_RECURRENT, _PROJECTION = 6, 16  # places of an LSTM's inputs
# What a rule raises for inputs of other ranks, or without the options that it needs.
_UNFIT = (MisfitError, ValueError, IndexError, KeyError, TypeError, ArithmeticError)


def _windows(options: Options, size: int, kernel: int, axis: str) -> int:
    """How many windows fit along an axis called h, w or d."""
    stride = options[f"stride_{axis}"]
    reach = (kernel - 1) * options.get(f"dilation_{axis}_factor", 1) + 1
    if stride < 1:
        raise MisfitError
    count = -(-size // stride) if options.get("padding") == "SAME" else -(-(size - reach + 1) // stride)
    if count < 0:
        raise MisfitError
    return int(count)


def _convolution(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    batch, height, width, depth = sizes(inputs, 0)
    channels, rows, columns, taken = sizes(inputs, 1)
    if depth % taken or channels % (depth // taken):  # groups
        raise MisfitError
    return [(batch, _windows(options, height, rows, "h"), _windows(options, width, columns, "w"), channels)]


def _depthwise(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    batch, height, width, depth = sizes(inputs, 0)
    _, rows, columns, channels = sizes(inputs, 1)
    if channels % depth:
        raise MisfitError
    return [(batch, _windows(options, height, rows, "h"), _windows(options, width, columns, "w"), channels)]


def _volume(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    batch, *space, _ = sizes(inputs, 0)
    *kernel, _, channels = sizes(inputs, 1)
    counts = [_windows(options, n, k, axis) for n, k, axis in zip(space, kernel, "dhw", strict=True)]
    return [(batch, *counts, channels)]


def _transposed_convolution(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    *_, taken = sizes(inputs, 1)
    *_, depth = sizes(inputs, 2)
    if taken != depth:
        raise MisfitError
    return [tuple(numbers(inputs, 0))]


def _pooling(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    batch, height, width, channels = sizes(inputs, 0)
    rows = _windows(options, height, options.get("filter_height", 0), "h")
    columns = _windows(options, width, options.get("filter_width", 0), "w")
    return [(batch, rows, columns, channels)]


def _linear(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, (units, depth) = sizes(inputs, 0), sizes(inputs, 1)
    if options.get("keep_num_dims"):
        if x[-1] != depth:
            raise MisfitError
        return [(*x[:-1], units)]
    if not depth or prod(x) % depth:
        raise MisfitError
    return [(prod(x) // depth, units)]


def _product(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    left, right = sizes(inputs, 0), sizes(inputs, 1)
    inner = left[-2 if options.get("adj_x") else -1], right[-1 if options.get("adj_y") else -2]
    if inner[0] != inner[1]:
        raise MisfitError
    rows, columns = left[-1 if options.get("adj_x") else -2], right[-2 if options.get("adj_y") else -1]
    return [(*broadcast(left[:-2], right[:-2]), rows, columns)]


def _reduction(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x = sizes(inputs, 0)
    axes = {at(axis, len(x)) for axis in numbers(inputs, 1)}
    if options.get("keep_dims"):
        return [tuple(1 if place in axes else size for place, size in enumerate(x))]
    return [tuple(size for place, size in enumerate(x) if place not in axes)]


def _same(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    return [sizes(inputs, 0)]


def _combined(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    return [broadcast(*(sizes(inputs, place) for place in range(len(inputs))))]


def _arg(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    x, axis = sizes(inputs, 0), numbers(inputs, 1)[0]
    axis = axis + len(x) if axis < 0 else axis
    return [(*x[:axis], *x[axis + 1 :])]


def _top(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    found = (*sizes(inputs, 0)[:-1], numbers(inputs, 1)[0])
    return [found, found]


def _resized(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    batch, _, _, channels = sizes(inputs, 0)
    height, width = numbers(inputs, 1)
    return [(batch, height, width, channels)]


def _transform(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    height, width = numbers(inputs, 1)
    return [(*sizes(inputs, 0)[:-2], height, width // 2 + 1)]


def _looked_up(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    return [(*sizes(inputs, 0), *sizes(inputs, 1)[1:])]


def _filtered_by_rank(options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    return [(sizes(inputs, 0)[0], sizes(inputs, 1)[0] // options["rank"])]


def _sequence(_options: Options, inputs: Sequence[Value | None]) -> list[Shape | None]:
    """The layers of one direction: as many units as the projection has rows, else as the recurrent matrix takes."""
    x = sizes(inputs, 0)
    if len(inputs) > _PROJECTION:
        units = sizes(inputs, _PROJECTION)[0] if inputs[_PROJECTION] else sizes(inputs, _RECURRENT)[1]
        return [(*x[:-1], units)]
    return [(*x[:-1], sizes(inputs, 1)[0])]


_ELEMENTWISE = (
    *("ABS", "NEG", "CEIL", "FLOOR", "ROUND", "SIGN", "SQRT", "RSQRT", "EXP", "LOG", "SIN", "COS", "TANH", "RELU"),
    *("RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "SQUARE", "LOG_SOFTMAX", "SOFTMAX", "LOGISTIC"),
    *("HARD_SWISH", "ELU", "GELU", "LOGICAL_NOT", "CUMSUM", "QUANTIZE", "DEQUANTIZE", "CAST", "FAKE_QUANT"),
    *("L2_NORMALIZATION", "LOCAL_RESPONSE_NORMALIZATION", "ZEROS_LIKE", "REVERSE_V2", "REVERSE_SEQUENCE"),
    *("COMPLEX_ABS", "REAL", "IMAG", "DYNAMIC_UPDATE_SLICE", "DENSIFY", "BUCKETIZE"),
    *(f"STABLEHLO_{n}" for n in ("LOGISTIC", "ABS", "COSINE", "EXPONENTIAL", "FLOOR", "LOG", "NEGATE", "RSQRT")),
    *("STABLEHLO_TANH", "STABLEHLO_CBRT", "STABLEHLO_CONVERT", "STABLEHLO_DYNAMIC_UPDATE_SLICE"),
)
_OF_SEVERAL = (
    *("ADD", "SUB", "MUL", "DIV", "POW", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"),
    *("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "ATAN2"),
    *("BITWISE_XOR", "RIGHT_SHIFT", "SELECT_V2", "ADD_N", "PRELU"),
    *(f"STABLEHLO_{n}" for n in ("ADD", "DIVIDE", "MULTIPLY", "MAXIMUM", "MINIMUM", "SUBTRACT", "POWER", "REMAINDER")),
    *(f"STABLEHLO_{n}" for n in ("AND", "OR", "COMPARE", "SHIFT_LEFT")),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE, _same),
    **dict.fromkeys(_OF_SEVERAL, _combined),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), _reduction),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _pooling),
    **dict.fromkeys(("UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "RNN"), _sequence),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), _arg),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _resized),
    **MOVING,
    "SELECT": lambda _, inputs: [sizes(inputs, 1)],
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "CONV_3D": _volume,
    "TRANSPOSE_CONV": _transposed_convolution,
    "CONV_3D_TRANSPOSE": lambda _, inputs: [tuple(numbers(inputs, 0))],
    "FULLY_CONNECTED": _linear,
    "BATCH_MATMUL": _product,
    "TOPK_V2": _top,
    "RFFT2D": _transform,
    "EMBEDDING_LOOKUP": _looked_up,
    "SVDF": _filtered_by_rank,
}


def shapes_of(
    operator: Operator, inputs: Sequence[Value | None], outputs: Sequence[Tensor | None]
) -> list[Shape | None]:
    """The shapes of the outputs of ``operator``: worked out, else as the file says, where it leaves no size open.

    Raises MisfitError for inputs that TFLite would refuse.
    """
    told = [None if tensor is None or -1 in tensor.signature else tensor.signature for tensor in outputs]
    rule = None if operator.custom else RULES.get(operator.op)
    if rule is None:
        return told
    try:
        found = list(rule(operator.options, inputs) or ())
    except UnknownShape:
        known = all(value is None or value.meta is not None for value in inputs)
        return told if known else [None] * len(outputs)
    except _UNFIT:
        if any(value is not None and value.meta is None for value in inputs):
            return [None] * len(outputs)
        raise MisfitError from None
    return [found[place] if place < len(found) else shape for place, shape in enumerate(told)]
