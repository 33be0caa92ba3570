"""IF, WHILE, calls and composites, followed as often as they would run, where the file tells how often; variables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from archscope.records import Path, Undecided
from archscope.sources.graph_trace import ONE_STEP, TRIPS_UNKNOWN, larger_branch
from archscope.sources.tflite_file.graph import Operator
from archscope.sources.tflite_file.options import SUBGRAPHS
from archscope.sources.tflite_file.values import Value

if TYPE_CHECKING:
    from archscope.sources.tflite_file.walk import Walk

_STEP_SHARE = 20_000  # operators that the steps of one loop may visit
Inputs: TypeAlias = Sequence["Value | None"]
Outputs: TypeAlias = "list[Value | None]"
Follow: TypeAlias = Callable[["Walk", Operator, Inputs, Path, int], Outputs]


def _called(walk: Walk, operator: Operator) -> list[int]:
    names = SUBGRAPHS[operator.op]
    if any(name not in operator.options for name in names):
        walk.fail(f"{operator.op} names no subgraph")
    return [operator.options[name] for name in names]


def _truth(value: Value | None) -> bool | None:
    """Whether a condition holds; None where nobody knows before the run."""
    numbers = None if value is None else value.numbers
    return bool(numbers.reshape(-1)[0]) if numbers is not None and numbers.size == 1 else None


def _if(walk: Walk, operator: Operator, inputs: Inputs, path: Path, depth: int) -> Outputs:
    then, other = _called(walk, operator)
    condition = _truth(inputs[0]) if inputs else None
    if condition is not None:
        return walk.follow(then if condition else other, inputs[1:], path, depth + 1)
    ways = [functools.partial(walk.follow, branch, inputs[1:], path, depth + 1) for branch in (then, other)]
    outputs = larger_branch(ways, walk.calls, walk.undecided, "tflite::IF", path)
    return [_without_numbers(value) for value in outputs]


def _while(walk: Walk, operator: Operator, inputs: Inputs, path: Path, depth: int) -> Outputs:
    condition, body = _called(walk, operator)
    carried: Outputs = list(inputs)
    start = walk.steps
    after_one: tuple[int, Outputs] | None = None
    while True:
        asked = walk.follow(condition, carried, path, depth + 1)
        going = _truth(asked[0]) if asked else None
        if going is False:
            return carried
        if after_one is not None and (going is None or walk.steps - start > _STEP_SHARE):
            break
        carried = walk.follow(body, carried, path, depth + 1)
        after_one = after_one or (len(walk.calls), carried)
        if going is None:
            break
    del walk.calls[after_one[0] :]
    walk.undecided.append(Undecided(op="tflite::WHILE", path=path, taken=ONE_STEP))
    walk.emit("tflite::WHILE" + TRIPS_UNKNOWN, path, {}, ())
    return [_open(before, now) for before, now in zip(inputs, after_one[1], strict=False)]


def _open(before: Value | None, after: Value | None) -> Value | None:
    """What a loop gives whose steps nobody counts: of the shape that a step leaves as it is, else of none."""
    if before is None or after is None or before.shape != after.shape:
        return None if after is None else Value(None, after.dtype)
    return _without_numbers(after)


def _without_numbers(value: Value | None) -> Value | None:
    return None if value is None else Value(value.meta, value.dtype)


def _call(walk: Walk, operator: Operator, inputs: Inputs, path: Path, depth: int) -> Outputs:
    return walk.follow(_called(walk, operator)[0], inputs, path, depth + 1)


def _composite(walk: Walk, operator: Operator, inputs: Inputs, path: Path, depth: int) -> Outputs:
    """An operator that a runtime may have a kernel for, by what it is made of."""
    name = str(operator.options.get("name", "")).replace(".", "_")
    inner = ".".join(part for part in (path, name) if part)
    return walk.follow(_called(walk, operator)[0], inputs, inner, depth + 1)


def _once(walk: Walk, operator: Operator, _inputs: Inputs, path: Path, depth: int) -> Outputs:
    """What runs before the first call alone: the variables that it fills are known, its work is no part of a call."""
    begun, noted = len(walk.calls), len(walk.undecided)
    walk.follow(_called(walk, operator)[0], (), path, depth + 1)
    del walk.calls[begun:], walk.undecided[noted:]
    walk.emit("tflite::CALL_ONCE", path, {}, ())
    return []


def _handle(walk: Walk, operator: Operator, _inputs: Inputs, path: Path, _depth: int) -> Outputs:
    name = f"{operator.options.get('container', '')}/{operator.options.get('shared_name', '')}"
    walk.emit("tflite::VAR_HANDLE", path, {}, ())
    return [Value(None, "resource", handle=name)]


def _assign(walk: Walk, _operator: Operator, inputs: Inputs, path: Path, _depth: int) -> Outputs:
    handle, value = (inputs[place] if place < len(inputs) else None for place in (0, 1))
    if handle is not None and value is not None:
        walk.variables[handle.handle] = value
    read = {"value": None if value is None else value.meta}
    walk.emit("tflite::ASSIGN_VARIABLE", path, read, ())
    return []


def _variable(walk: Walk, operator: Operator, inputs: Inputs, path: Path, _depth: int) -> Outputs:
    """What a variable holds: the constant that it was filled with where no call changes it, else one of that shape."""
    handle = inputs[0].handle if inputs and inputs[0] is not None else ""
    value = walk.variables.get(handle)
    if value is None or value.meta is None:
        known = walk.told(operator)
        walk.emit("tflite::READ_VARIABLE", path, {}, () if known is None or known.meta is None else (known.meta,))
        return [known]
    meta = value.meta._replace(storage=walk.storage()) if handle in walk.changing else value.meta
    walk.emit("tflite::READ_VARIABLE", path, {}, (meta,))
    return [Value(meta, value.dtype)]


#: By operator: what it gives, None for what nobody knows.
CONTROL_FLOW: Mapping[str, Follow] = {
    "IF": _if,
    "WHILE": _while,
    "CALL": _call,
    "CALL_ONCE": _once,
    "STABLEHLO_COMPOSITE": _composite,
    "VAR_HANDLE": _handle,
    "ASSIGN_VARIABLE": _assign,
    "READ_VARIABLE": _variable,
}
