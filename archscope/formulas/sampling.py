"""Random numbers and dropout."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_DRAWS = (
    *("rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "uniform", "normal", "random"),
    *("bernoulli", "binomial", "poisson", "exponential", "geometric", "cauchy", "log_normal", "normal_functional"),
    *("_standard_gamma", "_sample_dirichlet", "_philox_normal", "_philox_uniform"),
)


def register(table: FormulaTable) -> None:
    """Add the random operators to ``table``."""
    table.counted(*(f"aten::{name}" for name in _DRAWS), family="sampling")(draw)
    table.counted("aten::multinomial", family="sampling")(multinomial)
    table.counted("aten::native_dropout", "aten::_fused_dropout", family="sampling")(dropout)


def draw(call: OpCall) -> Cost:
    """A random number counts as one operation: 1 per output element."""
    return Cost.of(other=call.outputs[0].numel)


def multinomial(call: OpCall) -> Cost:
    """Weights divided by a random number each, and the largest kept: 3 per weight (draw, divide, compare)."""
    return Cost.of(other=3 * call.inputs[0].numel)


def dropout(call: OpCall) -> Cost:
    """In training draw, compare, multiply by the mask, scale: 4 per element; in eval a copy."""
    training = call.arguments.get("train", True)
    return Cost.of(other=0 if training is False else 4 * call.outputs[0].numel)
