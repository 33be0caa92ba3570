"""Normalisations."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the normalisations to ``table``."""
    table.counted(
        "aten::native_batch_norm",
        "aten::_native_batch_norm_legit_no_training",
        "aten::_native_batch_norm_legit",
        family="normalization",
    )(batch_norm)


def batch_norm(call: OpCall) -> Cost:
    """In eval a batch norm is one scale and one shift per element, folded from the running statistics: 2 per element.

    In training (Ioffe and Szegedy 2015) the statistics are computed first: the mean 1 per element, the variance 3
    (subtract, square, add), then the scale and shift 2; the few operations per channel are left out.
    """
    training = call.arguments.get("training", False)
    return Cost.of(other=call.arguments["input"].numel * (6 if training else 2))
