"""Formulas of elementwise operators, counted off the textbook expressions that they compute."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from archscope.formulas.cost import Cost
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall

_COUNTED = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call)


def operations(expression: str) -> int:
    """The scalar operations that ``expression`` takes: every operator, comparison and function call is 1.

    ``where(condition, a, b)`` chooses by a comparison that is counted already, so it adds nothing of its own.
    """
    count = 0
    for node in ast.walk(ast.parse(expression, mode="eval")):
        choice = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "where"
        count += isinstance(node, _COUNTED) and not choice
    return count


def per_element(table: FormulaTable, expressions: Mapping[str, str], family: str) -> None:
    """Register each operator of ``expressions`` at the operations of its expression per output element."""
    for names, expression in expressions.items():
        ops = tuple(f"aten::{name}" for name in names.split())
        table.counted(*ops, family=family)(_formula(expression))


def _formula(expression: str) -> Formula:
    each = operations(expression)

    def formula(call: OpCall) -> Cost:
        return Cost.of(other=each * call.outputs[0].numel)

    formula.__doc__ = f"`{expression}`: {each} per output element."
    return formula
