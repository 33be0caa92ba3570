"""DEFAULT_FORMULAS, the table that archscope counts by unless it is given another."""

from __future__ import annotations

from archscope.formulas import (
    activation,
    attention,
    backward,
    convolution,
    elementwise,
    fourier,
    linear_algebra,
    loss,
    matmul,
    movement,
    nested,
    normalization,
    pooling,
    quantization,
    recurrent,
    reduction,
    resampling,
    sampling,
    scatter,
    sorting,
    vision,
)
from archscope.formulas.table import FormulaTable

_FAMILIES = (
    *(convolution, matmul, attention, recurrent, normalization, activation, pooling, resampling, elementwise),
    *(reduction, sorting, scatter, loss, linear_algebra, fourier, sampling, quantization, vision, movement),
    backward,
    nested,
)


def _default() -> FormulaTable:
    table = FormulaTable()
    for family in _FAMILIES:
        family.register(table)
    return table


DEFAULT_FORMULAS = _default()
