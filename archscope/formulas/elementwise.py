"""Arithmetic on single elements: sums, products, comparisons, transcendentals, activations."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall

# Scalar operations per output element; add, sub and rsub may carry a scale (alpha), counted apart.
_PER_ELEMENT = {
    1: (
        *("mul", "div", "neg", "abs", "reciprocal", "square", "sign", "remainder", "fmod", "floor_divide"),
        *("eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum", "where"),
        *("exp", "log", "sqrt", "rsqrt", "pow", "sigmoid", "tanh", "sin", "cos", "erf", "relu"),
    ),
    2: ("leaky_relu", "silu", "clamp", "hardtanh"),
}


def register(table: FormulaTable) -> None:
    """Add the elementwise operators to ``table``."""
    for operations, names in _PER_ELEMENT.items():
        table.counted(*(f"aten::{name}" for name in names), family="elementwise")(_per_element(operations))
    table.counted("aten::add", "aten::sub", "aten::rsub", family="elementwise")(scaled_sum)
    table.counted("aten::gelu", family="elementwise")(gelu)
    table.counted("aten::_softmax", "aten::_log_softmax", family="elementwise")(softmax)


def _per_element(operations: int) -> Formula:
    def formula(call: OpCall) -> Cost:
        return Cost.of(other=operations * call.outputs[0].numel)

    formula.__doc__ = f"{operations} operation{'s'[: operations - 1]} per output element."
    return formula


def scaled_sum(call: OpCall) -> Cost:
    """1 per output element, and 1 more when the second term is scaled (alpha other than 1)."""
    scaled = call.arguments.get("alpha", 1) != 1
    return Cost.of(other=(1 + scaled) * call.outputs[0].numel)


def gelu(call: OpCall) -> Cost:
    """The divide, erf, add and multiply of x / 2 * (1 + erf(x / sqrt 2)): 4 per element. The tanh form takes 8."""
    return Cost.of(other=(8 if call.arguments["approximate"] == "tanh" else 4) * call.outputs[0].numel)


def softmax(call: OpCall) -> Cost:
    """Maximum, subtract, exp, sum, divide: 5 per element (logarithmic: maximum, subtract, exp, sum, subtract)."""
    return Cost.of(other=5 * call.outputs[0].numel)
