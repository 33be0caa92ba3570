"""Reductions: many elements become few."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add the reductions to ``table``."""
    names = ("sum", "mean", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "any", "all")
    table.counted(*(f"aten::{name}" for name in names), family="reduction")(reduction)


def reduction(call: OpCall) -> Cost:
    """A reduction of n elements: n (n - 1 combinations, and a division or a start). Of two tensors: 1 per element."""
    elementwise = call.op.endswith(".other")
    return Cost.of(other=call.outputs[0].numel if elementwise else call.inputs[0].numel)
