"""Following positions from operator to operator through the tensors and views of a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from archscope.formulas import DEFAULT_FORMULAS
from archscope.measure.summing.receptive_field.call import Call
from archscope.measure.summing.receptive_field.positions import Axis, Positions, constant, plain, untold
from archscope.measure.summing.receptive_field.reach import Reach, Step, UntoldError
from archscope.measure.summing.receptive_field.rules import DECIDED, RULES, by_position
from archscope.measure.summing.receptive_field.writing import BEHIND, written
from archscope.records import OpCall, Shape, TensorMeta, Trace

_View: TypeAlias = tuple[Shape, tuple[int, ...] | None]
_ELEMENTWISE = {"elementwise", "activation"}
_UNSEEN = "work that no operator call shows may have made it"
_VALUES = "it was made of values that the model read"


class TensorFlow:
    """What each tensor depends on after the calls so far, by storage and view."""

    def __init__(self, trace: Trace) -> None:
        self.slid: set[Axis] = set()
        self.sizes: dict[Axis, int] = {}
        self._states: dict[int, dict[_View, Positions]] = {}
        self._derived: dict[tuple[int, _View], tuple[_View, Call]] = {}
        self._lost: dict[int, str] = {}
        self._known = {*trace.weights.values()}
        self._sees_all = not trace.unseen
        self._rules: dict[str, Callable[[Call], Any] | None] = {}
        for number, (record, storage) in enumerate(zip(trace.inputs, _storages(trace), strict=False)):
            state = _input(record.shape, number)
            self._states[storage] = {(record.shape, None): state}
            self.sizes |= {axis: record.shape[axis[1]] for axis in state.axes}
        self._all = frozenset(self.sizes)
        read = any(record.kind != "size" for record in trace.reads)
        self._lost |= {entry.storage: _VALUES for entry in trace.entries if read}
        self._lost |= {seen.storage: _UNSEEN for seen in trace.unseen if seen.storage >= 0}

    def of(self, tensor: TensorMeta) -> Positions:
        """What ``tensor`` depends on now."""
        views = self._states.get(tensor.storage)
        if tensor.storage in self._lost:
            return untold(tensor.shape, self._all, self._lost[tensor.storage])
        if views is None:
            made_here = self._sees_all or tensor.storage in self._known
            return constant(tensor.shape) if made_here else untold(tensor.shape, self._all, _UNSEEN)
        found = views.get((tensor.shape, tensor.layout))
        if found is not None:
            return found
        alike = [state for (shape, _), state in views.items() if shape == tensor.shape]
        if len(alike) == 1:
            return alike[0]
        axes = frozenset().union(*(state.axes for state in views.values()))
        return untold(tensor.shape, axes, "it is a view of unknown origin") if axes else constant(tensor.shape)

    def passes(self, call: OpCall) -> None:
        """What ``call`` makes and writes depends on what it reads."""
        name = call.op.removeprefix("aten::").partition(".")[0]
        in_place = name.endswith("_") or call.op.endswith((".out", "_out"))
        name = name.removesuffix("_") if in_place else name
        read = Call(
            op=name,
            arguments={key: self._read(value) for key, value in call.arguments.items()},
            metas=call.inputs,
            shapes=tuple(output.shape for output in call.outputs),
            slid=self.slid,
        )
        made = self._made(read, call)
        for output, state in zip(call.outputs, made, strict=True):
            self._put(output, state, read, call, in_place=in_place)
        if in_place and made and (target := _target(call)) is not None:
            self._write(target.storage, (target.shape, target.layout), made[0])
        if not call.outputs and call.op not in _READS:
            axes = _axes(read)
            self._lost |= {tensor.storage: f"there is no rule for {call.op}" for tensor in call.inputs if axes}

    def _read(self, value: Any) -> Any:
        if isinstance(value, TensorMeta):
            return self.of(value)
        if isinstance(value, (list, tuple)):
            return [self._read(item) for item in value]
        return value

    def _made(self, read: Call, call: OpCall) -> Sequence[Positions]:
        axes = _axes(read)
        if not axes:
            return [constant(shape) for shape in read.shapes]
        rule = self._rule(read.op, call.op)
        if rule is None:
            why = DECIDED.get(read.op.rpartition("::")[2], "it has no rule")
            return [untold(shape, axes, f"{call.op}: {why}") for shape in read.shapes]
        try:
            made = rule(read)
            states = [made] if isinstance(made, Positions) else [*made]
        except UntoldError as error:
            return [untold(shape, axes, f"{call.op}: {error}") for shape in read.shapes]
        return [_fitted(state, shape, axes, call.op) for state, shape in zip(states, read.shapes, strict=True)]

    def _rule(self, name: str, op: str) -> Callable[[Call], Any] | None:
        if op not in self._rules:
            rule = RULES.get(name) if op.startswith("aten::") and name not in DECIDED else None
            if rule is None and name not in DECIDED and op.startswith("aten::"):
                known = DEFAULT_FORMULAS.find(op)
                rule = by_position if known is not None and known.family in _ELEMENTWISE else None
            self._rules[op] = rule
        return self._rules[op]

    def _put(self, output: TensorMeta, state: Positions, read: Call, call: OpCall, *, in_place: bool) -> None:
        view: _View = (output.shape, output.layout)
        source = next((tensor for tensor in call.inputs if tensor.storage == output.storage), None)
        if source is None:
            self._states[output.storage] = {view: state}
            self._lost.pop(output.storage, None)
            return
        views = self._states.setdefault(output.storage, {})
        if in_place:
            return
        came_from = (source.shape, source.layout)
        if came_from not in views:
            views[came_from] = self.of(source)
        views[view] = state
        if view != came_from:
            self._derived[output.storage, view] = (came_from, read)

    def _write(self, storage: int, view: _View, state: Positions) -> None:
        """``view`` of ``storage`` holds ``state`` from now on, and what it is a view of, accordingly."""
        views = self._states.get(storage, {})
        old = views.get(view)
        if old == state or (old is not None and not old.axes and not state.axes):
            return
        kept, above = {view: state}, self._derived.get((storage, view))
        while above is not None:
            view, read = above
            old = views.get(view)
            try:
                state = written(old if old is not None else constant(view[0]), state, read)
            except UntoldError:
                axes = state.axes | (old.axes if old is not None else frozenset())
                state = untold(view[0], axes, BEHIND)
            kept[view] = state
            above = self._derived.get((storage, view))
        lost = {v for v in views if v not in kept}
        axes = frozenset().union(*(s.axes for s in (*views.values(), *kept.values())))
        self._states[storage] = kept | {v: untold(v[0], axes, BEHIND) for v in lost if axes}


_READS = {"aten::_assert_async", "aten::_local_scalar_dense", "aten::_assert_tensor_metadata", "aten::_assert_scalar"}


def _target(call: OpCall) -> TensorMeta | None:
    """What an operator writes to in place: its argument ``out``, else its first tensor."""
    out = call.arguments.get("out")
    return out if isinstance(out, TensorMeta) else next(iter(call.inputs), None)


def _axes(read: Call) -> frozenset[Axis]:
    return frozenset().union(*(state.axes for state in read.tensors))


def _fitted(state: Positions, shape: Shape, axes: frozenset[Axis], op: str) -> Positions:
    """``state`` where it has the shape that the output has; an output without elements depends on nothing."""
    if state.shape == shape or 0 in shape:
        return state if 0 not in shape else constant(shape)
    return untold(shape, axes, f"{op} gave another shape than expected")


def _storages(trace: Trace) -> tuple[int, ...]:
    """The storage of each input: the last ones that were given."""
    return trace.given[len(trace.given) - len(trace.inputs) :]


def _input(shape: Shape, number: int) -> Positions:
    """An input: every position along every dimension but the batch is itself."""
    dims = tuple(map(plain, shape))
    reaches = {
        (number, dim): (Reach(steps=(Step(unit.factors[0].number, 1, 1),), intervals=((0, 0),)),)
        for dim, units in enumerate(dims)
        if dim
        for unit in units
    }
    return Positions(dims=dims, reaches=reaches)
