"""The table that archscope counts by unless told otherwise."""

from __future__ import annotations

from archscope.formulas import convolution, elementwise, matmul, movement, normalization, pooling, reduction, resampling
from archscope.formulas.table import FormulaTable


def _default() -> FormulaTable:
    table = FormulaTable()
    for family in (convolution, matmul, normalization, pooling, resampling, elementwise, reduction, movement):
        family.register(table)
    return table


DEFAULT_FORMULAS = _default()
