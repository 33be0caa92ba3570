"""If, Loop, Scan and SequenceMap: their graphs followed as often as they would run, where the file tells how often."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from archscope.records import Path, TensorMeta, Undecided
from archscope.sources.graph_trace import ONE_STEP, TRIPS_UNKNOWN, larger_branch
from archscope.sources.onnx_file.inference import tensor_type
from archscope.sources.onnx_file.values import Value, tensor_value

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from archscope.sources.onnx_file.walk import Scope, Walk

_STEP_SHARE = 50_000  # nodes that the steps of one loop may visit
Inputs: TypeAlias = Sequence["Value | None"]
Outputs: TypeAlias = "list[Value | None]"
Follow: TypeAlias = Callable[["Walk", "NodeProto", Inputs, "Scope", Path], Outputs]


def _graph(node: NodeProto, name: str) -> GraphProto | None:
    return next((a.g for a in node.attribute if a.name == name and a.HasField("g")), None)


def _number(node: NodeProto, name: str, default: int = 0) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def _numbers(node: NodeProto, name: str) -> list[int]:
    return next(([*attribute.ints] for attribute in node.attribute if attribute.name == name), [])


def _inner(walk: Walk, graph: GraphProto, scope: Scope, path: Path, given: Sequence[Value | None]) -> Outputs:
    """One run of ``graph`` in ``scope`` with the inputs ``given``."""
    from archscope.sources.onnx_file.walk import Scope

    body = walk.body(graph)
    inner = Scope(
        values={name: value or Value() for name, value in zip(body.inputs, given, strict=False)},
        outer=scope,
        inference=scope.inference,
        attributes=scope.attributes,
        path=path,
        depth=scope.depth + 1,
        function=scope.function,
    )
    walk.follow(body, inner)
    return [inner.find(name) for name in body.outputs]


def _constant(value: Value | None) -> Any:
    """The one number of a constant, or None."""
    array = None if value is None else value.array()
    return array.reshape(-1)[0].item() if array is not None and array.size == 1 else None


def _if(walk: Walk, node: NodeProto, inputs: Inputs, scope: Scope, path: Path) -> Outputs:
    branches = [_graph(node, "then_branch"), _graph(node, "else_branch")]
    condition = _constant(inputs[0]) if inputs else None
    if condition is not None:
        taken = branches[0 if condition else 1]
        return [] if taken is None else _inner(walk, taken, scope, path, ())

    def follow(branch: GraphProto | None) -> Outputs:
        return [] if branch is None else _inner(walk, branch, scope, path, ())

    ways = [functools.partial(follow, branch) for branch in branches]
    return larger_branch(ways, walk.calls, walk.undecided, "onnx::If", path)


def _loop(walk: Walk, node: NodeProto, inputs: Inputs, scope: Scope, path: Path) -> Outputs:
    graph = _graph(node, "body")
    if graph is None:
        return []
    most = _constant(inputs[0]) if inputs and inputs[0] is not None else None
    open_ended = not inputs or inputs[0] is None
    going = True if len(inputs) < 2 or inputs[1] is None else _constant(inputs[1])
    carried: Outputs = list(inputs[2:])
    collected: list[list[Value | None]] = []
    known = going is not None and (most is not None or (open_ended and len(inputs) > 1))
    start, step = walk.steps, 0
    while not known or (going and (most is None or step < most)):
        number = _index(walk, step)
        condition = inputs[1] if len(inputs) > 1 and inputs[1] is not None and not step else _truth(walk)
        outputs = _inner(walk, graph, scope, path, [number, condition, *carried])
        carried, scanned = outputs[1 : 1 + len(carried)], outputs[1 + len(carried) :]
        collected.append(scanned)
        step += 1
        going = _constant(outputs[0]) if outputs else None
        known &= going is not None and (walk.steps - start) * (most or step) < _STEP_SHARE * step
        if not known:
            break
    scans = len(graph.output) - 1 - len(carried)
    stacked = [_stacked(walk, [row[k] for row in collected], step if known else None) for k in range(scans)]
    return _ended(walk, node, path, [*carried, *stacked], known=known, made=stacked)


def _ended(  # noqa: PLR0913 - a node and what is said of it
    walk: Walk, node: NodeProto, path: Path, outputs: Outputs, *, known: bool, made: Outputs
) -> Outputs:
    """``outputs``, recorded as made by the loop itself where it puts results of its steps together."""
    op = f"onnx::{node.op_type}"
    if not known:
        walk.undecided.append(Undecided(op=op, path=path, taken=ONE_STEP))
        op += TRIPS_UNKNOWN
    metas = tuple(value.meta for value in made if value is not None and value.meta is not None)
    walk.emit(op, path, {}, metas)
    return outputs


def _index(walk: Walk, step: int) -> Value:
    import numpy as np
    from onnx import numpy_helper

    return tensor_value((), "int64", walk.storage(), numpy_helper.from_array(np.array(step, np.int64)))


def _truth(walk: Walk) -> Value:
    import numpy as np
    from onnx import numpy_helper

    return tensor_value((), "bool", walk.storage(), numpy_helper.from_array(np.array(True)))  # noqa: FBT003 - its value


def _stacked(walk: Walk, values: Outputs, steps: int | None, axis: int = 0) -> Value | None:
    """The results of all steps as one tensor, where all are alike and their number is known."""
    metas = [value.meta for value in values if value is not None and value.meta is not None]
    if steps is None or not metas or len(metas) < len(values) or len({meta.shape for meta in metas}) > 1:
        return None
    shape = metas[0].shape
    at = axis % (len(shape) + 1)
    return tensor_value((*shape[:at], steps, *shape[at:]), metas[0].dtype, walk.storage())


def _scan(walk: Walk, node: NodeProto, inputs: Inputs, scope: Scope, path: Path) -> Outputs:
    graph, count = _graph(node, "body"), _number(node, "num_scan_inputs")
    old = scope.inference.version("") < 9  # which has a batch dimension and lengths before the states
    if graph is None or not 0 < count <= len(inputs) or old:
        return _ended(walk, node, path, [], known=False, made=[])
    states: Outputs = list(inputs[: len(inputs) - count])
    scanned = inputs[len(inputs) - count :]
    axes = _numbers(node, "scan_input_axes") or [0] * count
    sizes = {_size(value, axis) for value, axis in zip(scanned, axes, strict=False)}
    steps = sizes.pop() if len(sizes) == 1 else None
    slices = [_slice(value, axis) for value, axis in zip(scanned, axes, strict=False)]
    collected: list[Outputs] = []
    start, done, known = walk.steps, 0, steps is not None
    while not known or (steps is not None and done < steps):
        outputs = _inner(walk, graph, scope, path, [*states, *slices])
        states, results = outputs[: len(states)], outputs[len(states) :]
        collected.append(results)
        done += 1
        known &= (walk.steps - start) * (steps or 1) < _STEP_SHARE * done
        if not known:
            break
    count_out = len(graph.output) - len(states)
    into = _numbers(node, "scan_output_axes") or [0] * count_out
    made = [
        _stacked(walk, [row[k] for row in collected], steps, into[k] if k < len(into) else 0) for k in range(count_out)
    ]
    return _ended(walk, node, path, [*states, *made], known=known, made=made)


def _size(value: Value | None, axis: int) -> int | None:
    shape = None if value is None or value.meta is None else value.meta.shape
    return None if shape is None or not -len(shape) <= axis < len(shape) else shape[axis]


def _slice(value: Value | None, axis: int) -> Value | None:
    """One step's part of a scanned input."""
    if value is None or value.meta is None or _size(value, axis) is None:
        return None
    meta = value.meta
    at = axis % len(meta.shape)
    shape = (*meta.shape[:at], *meta.shape[at + 1 :])
    return Value(TensorMeta(shape, meta.dtype, meta.itemsize, meta.storage), tensor_type(shape, meta.dtype))


def _sequence_map(walk: Walk, node: NodeProto, inputs: Inputs, scope: Scope, path: Path) -> Outputs:
    graph = _graph(node, "body")
    first = inputs[0] if inputs else None
    if graph is None or first is None or first.elements is None:
        return _ended(walk, node, path, [], known=False, made=[])
    rows = []
    for place in range(len(first.elements)):
        given = [
            value.elements[place] if value is not None and value.elements and place < len(value.elements) else value
            for value in inputs
        ]
        rows.append(_inner(walk, graph, scope, path, given))
    return [
        Value(elements=[row[k] or Value() for row in rows]) if all(k < len(row) for row in rows) else Value()
        for k in range(len(node.output))
    ]


#: By operator: the outputs of the node, None for one of which nothing is known.
CONTROL_FLOW: Mapping[str, Follow] = {"If": _if, "Loop": _loop, "Scan": _scan, "SequenceMap": _sequence_map}
