"""Pooling: maximum, average and adaptive."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, Shape

_MAX = (
    *("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices"),
    *("mkldnn_max_pool2d", "mkldnn_max_pool3d", "quantized_max_pool1d", "quantized_max_pool2d", "quantized_max_pool3d"),
    *("fractional_max_pool2d", "fractional_max_pool3d", "max_pool1d_with_indices"),
)
_ADAPTIVE_AVERAGE = ("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "mkldnn_adaptive_avg_pool2d")
_ADAPTIVE_MAX = ("adaptive_max_pool2d", "adaptive_max_pool3d")


def register(table: FormulaTable) -> None:
    """Add the poolings to ``table``."""
    table.counted(*(f"aten::{name}" for name in _MAX), family="pooling")(max_pool)
    table.counted(*(f"aten::avg_pool{d}d" for d in (1, 2, 3)), family="pooling")(average_pool)
    table.counted(
        *(f"aten::{name}" for name in _ADAPTIVE_AVERAGE),
        *(f"aten::adaptive_avg_pool{d}d" for d in (1, 2, 3)),
        family="pooling",
    )(adaptive_average_pool)
    table.counted(*(f"aten::{name}" for name in _ADAPTIVE_MAX), family="pooling")(adaptive_max_pool)


def _dimensions(op: str) -> int:
    return int(op.partition("_pool")[2][0])


def _window(call: OpCall) -> int:
    kernel = tuple(call.arguments["kernel_size"])
    dimensions = _dimensions(call.op)
    return prod(kernel) if len(kernel) == dimensions else kernel[0] ** dimensions


def max_pool(call: OpCall) -> Cost:
    """The largest of a window of k values takes k - 1 comparisons: (k - 1) per output element, padding included."""
    return Cost.of(other=call.outputs[0].numel * (_window(call) - 1))


def average_pool(call: OpCall) -> Cost:
    """The mean of a window of k values takes k - 1 additions and 1 division: k per output element, padding included."""
    return Cost.of(other=call.outputs[0].numel * _window(call))


def adaptive_values(op: str, before: Shape, after: Shape) -> int:
    """Values in all windows together: output i of o covers inputs floor(i n / o) to ceil((i + 1) n / o)."""
    dimensions = _dimensions(op)
    values = prod(before[:-dimensions])
    for n, outputs in zip(before[-dimensions:], after[-dimensions:], strict=True):
        values = values * sum(-(-(i + 1) * n // outputs) - i * n // outputs for i in range(outputs))
    return values


def adaptive_average_pool(call: OpCall) -> Cost:
    """The mean of a window of k values takes k: k - 1 additions and a division.

    Output i of o along an axis of n covers the inputs from floor(i n / o) to ceil((i + 1) n / o).
    """
    return Cost.of(other=adaptive_values(call.op, call.inputs[0].shape, call.outputs[0].shape))


def adaptive_max_pool(call: OpCall) -> Cost:
    """The largest of a window of k values takes k - 1; windows as in adaptive average pooling."""
    output = call.outputs[0]
    return Cost.of(other=adaptive_values(call.op, call.inputs[0].shape, output.shape) - output.numel)
