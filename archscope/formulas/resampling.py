"""Interpolation."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the resamplings to ``table``."""
    table.free(
        *(f"aten::upsample_nearest{d}d" for d in (1, 2, 3)),
        *(f"aten::_upsample_nearest_exact{d}d" for d in (1, 2, 3)),
        family="resampling",
        because="nearest interpolation copies input values",
    )
    table.counted("aten::upsample_bilinear2d", family="resampling")(bilinear)


def bilinear(call: OpCall) -> Cost:
    """Each output element mixes 4 corners: 4 multiplies and 3 adds; 7 per output element."""
    return Cost.of(other=7 * call.outputs[0].numel)
