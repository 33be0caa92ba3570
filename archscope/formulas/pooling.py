"""Poolings."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the poolings to ``table``."""
    table.counted(
        *(f"aten::max_pool{d}d" for d in (1, 2, 3)),
        *(f"aten::max_pool{d}d_with_indices" for d in (2, 3)),
        family="pooling",
    )(max_pool)
    table.counted(*(f"aten::avg_pool{d}d" for d in (1, 2, 3)), family="pooling")(average_pool)


def _window(call: OpCall) -> int:
    kernel = tuple(call.arguments["kernel_size"])
    dimensions = int(call.op.partition("_pool")[2][0])
    return prod(kernel) if len(kernel) == dimensions else kernel[0] ** dimensions


def max_pool(call: OpCall) -> Cost:
    """The largest of a window of k values takes k - 1 comparisons: (k - 1) per output element."""
    return Cost.of(other=call.outputs[0].numel * (_window(call) - 1))


def average_pool(call: OpCall) -> Cost:
    """The mean of a window of k values takes k - 1 additions and 1 division: k per output element."""
    return Cost.of(other=call.outputs[0].numel * _window(call))
