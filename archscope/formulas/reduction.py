"""Reductions (sums, means, extremes, norms) and scans (cumulative sums)."""

from __future__ import annotations

from math import inf

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_REDUCTIONS = (
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "any",
    "all",
    "trace",
    "hash_tensor",
)
_SCANS = ("cumsum", "cumprod", "cummax", "cummin", "_cummax_helper", "_cummin_helper")
_TWO_STEPS = ("nansum", "count_nonzero", "_is_all_true", "_is_any_true", "equal")


def register(table: FormulaTable) -> None:
    """Add the reductions to ``table``."""
    table.counted(*(f"aten::{name}" for name in _REDUCTIONS), family="reduction")(reduction)
    table.counted(*(f"aten::{name}" for name in _SCANS), family="reduction")(scan)
    table.counted(*(f"aten::{name}" for name in _TWO_STEPS), "aten::aminmax", "aten::_aminmax", family="reduction")(
        double_reduction
    )
    table.counted("aten::logcumsumexp", "aten::_logcumsumexp", family="reduction")(log_scan)
    table.counted("aten::logsumexp", family="reduction")(logsumexp)
    table.counted("aten::var", "aten::var_mean", family="reduction")(variance)
    table.counted("aten::std", "aten::std_mean", family="reduction")(deviation)
    table.counted("aten::linalg_vector_norm", "aten::linalg__powsum", family="reduction")(vector_norm)
    table.counted("aten::norm", "aten::native_norm", family="reduction")(norm)
    table.counted("aten::dist", family="reduction")(distance)
    table.counted("aten::allclose", family="reduction")(allclose)


def reduction(call: OpCall) -> Cost:
    """A reduction of n elements: n (n - 1 combinations, and a division or a start). Of two tensors: 1 per output.

    The trace of a matrix reduces its diagonal alone.
    """
    tensor = call.inputs[0]
    if "other" in call.arguments:
        return Cost.of(other=call.outputs[0].numel)
    return Cost.of(other=min(tensor.shape) if call.op.startswith("aten::trace") else tensor.numel)


def scan(call: OpCall) -> Cost:
    """Each element is combined with the result before it: 1 per element."""
    return Cost.of(other=call.inputs[0].numel)


def double_reduction(call: OpCall) -> Cost:
    """Two operations per element: a comparison and a combination, or two combinations (aminmax)."""
    return Cost.of(other=2 * call.inputs[0].numel)


def log_scan(call: OpCall) -> Cost:
    """`max(x, y) + log1p(exp(-abs(x - y)))` of each element with the result before it: 7 per element."""
    return Cost.of(other=7 * call.inputs[0].numel)


def logsumexp(call: OpCall) -> Cost:
    """Maximum, subtract, exp, sum: 4 per element; logarithm and add: 2 per output element."""
    return Cost.of(other=4 * call.inputs[0].numel + 2 * call.outputs[0].numel)


def variance(call: OpCall) -> Cost:
    """Mean 1, then subtract, square, sum (the division among them) 3: 4 per element."""
    return Cost.of(other=4 * call.inputs[0].numel)


def deviation(call: OpCall) -> Cost:
    """A variance, 4 per element, and 1 square root per output element."""
    return Cost.of(other=4 * call.inputs[0].numel + call.outputs[0].numel)


def _norm(order: object, elements: int, outputs: int) -> Cost:
    if order in {0, 1, inf, -inf}:
        return Cost.of(other=2 * elements)
    if order in {None, 2}:
        return Cost.of(other=2 * elements + outputs)
    return Cost.of(other=3 * elements + outputs)


def vector_norm(call: OpCall) -> Cost:
    """The p-norm: p = 2 square and sum, 2 per element, and a root per output element.

    p = 0, 1 or infinite: 2 per element. Any other p: absolute value, power and sum, 3 per element, and a root per
    output element.
    """
    return _norm(call.arguments.get("ord", 2), call.inputs[0].numel, call.outputs[0].numel)


def norm(call: OpCall) -> Cost:
    """The p-norm, as ``linalg_vector_norm``."""
    return _norm(call.arguments.get("p", 2), call.inputs[0].numel, call.outputs[0].numel)


def distance(call: OpCall) -> Cost:
    """The p-norm of a difference: as ``linalg_vector_norm``, and 1 per element to subtract."""
    elements = max(tensor.numel for tensor in call.inputs)
    return Cost.of(other=elements) + _norm(call.arguments["p"], elements, call.outputs[0].numel)


def allclose(call: OpCall) -> Cost:
    """`abs(x - y) <= atol + rtol * abs(y)` and the conjunction of all: 7 per element."""
    return Cost.of(other=7 * max(tensor.numel for tensor in call.inputs))
