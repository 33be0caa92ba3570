"""The second door to a formula: an operator of ONNX counts as the ATen operator that does the same work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable, Rule
from archscope.records import OpCall, TensorMeta

Arguments: TypeAlias = Callable[[OpCall], Mapping[str, Any]]


def door(table: FormulaTable, op: str, to: str, arguments: Arguments | None = None, besides: str = "") -> None:
    """Count ``op`` by the rule of ``to`` in ``table``, with the ``arguments`` that its formula takes (else op's own).

    ``besides`` says in the derivation what the arguments stand for.
    """
    rule = table.find(to)
    if rule is None:
        raise KeyError(to)
    formula = rule.formula

    def entered(call: OpCall) -> Cost:
        return formula(call._replace(op=to, arguments=call.arguments if arguments is None else arguments(call)))

    said = f"As `{to}`{': ' if besides else '.'}{besides}"
    table.add(
        Rule(op=op, kind=rule.kind, family=rule.family, formula=entered, derivation=f"{said}\n\n{rule.derivation}")
    )


def doors(table: FormulaTable, pairs: Mapping[str, str], namespace: str = "onnx") -> None:
    """Count operators of the same arguments, or of none that matter, by their ATen names."""
    for names, to in pairs.items():
        for name in names.split():
            door(table, f"{namespace}::{name}", f"aten::{to}")


def through(table: FormulaTable, to: str, call: OpCall, **arguments: Any) -> Cost:
    """What the formula of ``to`` says of ``call`` with other arguments: a part of what an operator does."""
    rule = table.find(to)
    if rule is None:
        raise KeyError(to)
    return rule.formula(call._replace(op=to, arguments=arguments))


def shaped(tensor: TensorMeta, shape: Iterable[int]) -> TensorMeta:
    """``tensor`` under another shape."""
    return tensor._replace(shape=tuple(shape))


def given(call: OpCall, *names: str) -> TensorMeta | None:
    """The first of the arguments ``names`` that is a tensor."""
    return next((call.arguments[name] for name in names if isinstance(call.arguments.get(name), TensorMeta)), None)


def needed(call: OpCall, name: str) -> TensorMeta:
    """The argument ``name``, a tensor; raises KeyError when it is left out."""
    found = given(call, name)
    if found is None:
        raise KeyError(name)
    return found
