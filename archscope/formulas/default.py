"""DEFAULT_FORMULAS, the table that archscope counts by unless it is given another."""

from __future__ import annotations

from archscope.formulas import (
    activation,
    attention,
    backward,
    backward_activation,
    backward_layers,
    backward_resampling,
    convolution,
    elementwise,
    fourier,
    instrumentation,
    linear_algebra,
    loss,
    matmul,
    movement,
    normalization,
    pooling,
    primitives,
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
    *(backward, backward_activation, backward_layers, backward_resampling, primitives, instrumentation),
)


def _default() -> FormulaTable:
    table = FormulaTable()
    for family in _FAMILIES:
        family.register(table)
    return table


DEFAULT_FORMULAS = _default()
