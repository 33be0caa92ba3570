"""What a recording wants to know of an operator: its name, its arguments' names, and how it is run."""

from __future__ import annotations

from typing import Any, NamedTuple

from archscope.measure.running import told_calls
from archscope.measure.running.composites import is_taken_apart
from archscope.measure.running.meta_cache import repeatable
from archscope.measure.running.meta_kernels import Run, as_on_devices
from archscope.measure.running.operator_run import run_operator
from archscope.measure.running.script_marks import NAMESPACE

_MOST_ARGUMENTS = 64


class Signature(NamedTuple):
    """An operator's name, its arguments' names, their defaults (None where there is none) in schema order."""

    name: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    composite: bool
    repeatable: bool
    run: Run
    told: str = ""
    writes: told_calls.Places = ()


_OF_TORCH: dict[Any, Signature] = {}  # of its own operators, which are the same in every run


def signature_of(func: Any) -> Signature:
    """The signature of ``func``, an operator or a higher-order one, whose arguments go by position."""
    schema = getattr(func, "_schema", None)
    if schema is None:
        places = tuple(map(str, range(_MOST_ARGUMENTS)))
        return Signature(f"higher_order::{func}", places, {}, composite=False, repeatable=False, run=run_operator)
    if func.namespace in {"prim", NAMESPACE}:
        return Signature("", (), {}, composite=True, repeatable=False, run=run_operator)
    known, composite = _OF_TORCH.get(func), is_taken_apart(func)
    if known is not None and known.composite is composite:  # a library may give it a kernel of its own at any time
        return known
    name = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
    signature = Signature(
        name=name,
        names=tuple(argument.name for argument in schema.arguments),
        defaults={a.name: a.default_value if a.has_default_value() else None for a in schema.arguments},
        composite=composite,
        repeatable=repeatable(func),
        run=as_on_devices(func, run_operator),
        told=told_calls.told_kind(func, name),
        writes=told_calls.written_places(func),
    )
    if func.namespace == "aten":
        _OF_TORCH[func] = signature
    return signature
