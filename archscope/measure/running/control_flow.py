"""Torch's control flow operators (cond, while_loop, scan, map), run as Python so that what they run is seen.

Their functions are called with the recorder watching, above autograd and without torch's compiler, which would remember
that it could not compile them: a branch by the value of its predicate, a body once for each step. On meta a predicate
has no value: both branches run and the dearer one is kept; a loop runs once, a lower bound.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import torch
from torch._higher_order_ops import utils as fronts
from torch._ops import HigherOrderOperator
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import _get_current_dispatch_mode

from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.lookup import cost_of, find_rule
from archscope.records import OpCall

LARGER_BRANCH = "larger branch"
ONE_STEP = "one step"


_LOCK = threading.Lock()
_RUNS = [0]
_COMPILING_FRONT = "_hop_compile_and_call"


@runtime_checkable
class Recording(Protocol):
    """What the control flow needs of the dispatch mode that watches it."""

    calls: list[OpCall]

    def undo(self, mark: Any) -> None:
        """Forget every call since ``mark``."""

    def mark(self) -> Any:
        """Where the recording stands."""

    def undecided(self, op: str, taken: str) -> None:
        """Write down that a value which decides the cost is not known, and what was taken for it."""


@contextlib.contextmanager
def control_flow_followed() -> Iterator[None]:
    """While a recorder watches a thread, run control flow there as Python; torch is as it was afterwards."""
    with _LOCK:
        if not _RUNS[0]:
            HigherOrderOperator.__call__ = _followed(HigherOrderOperator.__call__)  # type: ignore[method-assign]
            if hasattr(fronts, _COMPILING_FRONT):
                setattr(fronts, _COMPILING_FRONT, _uncompiled(getattr(fronts, _COMPILING_FRONT)))
        _RUNS[0] += 1
    try:
        yield
    finally:
        with _LOCK:
            _RUNS[0] -= 1
            if not _RUNS[0]:
                HigherOrderOperator.__call__ = HigherOrderOperator.__call__.plain  # type: ignore[method-assign,attr-defined]
                if hasattr(fronts, _COMPILING_FRONT):
                    setattr(fronts, _COMPILING_FRONT, getattr(fronts, _COMPILING_FRONT).plain)


def _watching() -> Recording | None:
    """The recorder, where nothing stands between it and what runs now (a tracer of its own, vmap)."""
    mode: Any = _get_current_dispatch_mode()
    transform: Any = torch._C._functorch.peek_interpreter_stack()  # noqa: SLF001 - no public name
    return mode if isinstance(mode, Recording) and transform is None else None


def _followed(plain: Any) -> Any:
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        follow = _CONTROL_FLOW.get(self.name())
        if follow is None or (recorder := _watching()) is None:
            return plain(self, *args, **kwargs)
        return follow(recorder, *args, **kwargs)

    call.plain = plain  # type: ignore[attr-defined]  # functions take attributes
    return call


def _uncompiled(plain: Any) -> Any:
    def front(function: Any, args: Any, kwargs: Any = None) -> Any:
        return plain(function, args, kwargs) if _watching() is None else function(*args, **(kwargs or {}))

    front.plain = plain  # type: ignore[attr-defined]  # functions take attributes
    return front


def _known(predicate: Any) -> bool:
    return not (isinstance(predicate, torch.Tensor) and predicate.is_meta)


def _cond(recorder: Recording, predicate: Any, true: Any, false: Any, operands: Sequence[Any] = ()) -> Any:
    if _known(predicate):
        return (true if predicate else false)(*operands)
    mark = recorder.mark()
    costs = []
    for branch in (true, false):
        output = branch(*operands)
        costs.append(_cost(recorder.calls[mark[0] :]))
        del output
        recorder.undo(mark)
    recorder.undecided("cond", LARGER_BRANCH)
    return (true if costs[0] >= costs[1] else false)(*operands)


def _cost(calls: Sequence[OpCall]) -> tuple[bool, int, int]:
    """Whether something among ``calls`` has no formula, then FLOPs and MACs by the table of the package."""
    rules = [find_rule(DEFAULT_FORMULAS, call.op) for call in calls]
    costs = [cost_of(rule, call) for rule, call in zip(rules, calls, strict=True) if rule is not None]
    return None in rules, sum(cost.flops for cost in costs), sum(cost.macs for cost in costs)


def _while_loop(
    recorder: Recording, condition: Any, body: Any, carried: Sequence[Any], additional: Sequence[Any] = (), **_: Any
) -> tuple[Any, ...]:
    return _loop(recorder, condition, body, tuple(carried), additional)[0]


def _while_loop_with_every_step(
    recorder: Recording, condition: Any, body: Any, carried: Sequence[Any], additional: Sequence[Any] = (), **_: Any
) -> tuple[Any, ...]:
    last, steps = _loop(recorder, condition, body, tuple(carried), additional)
    return _stacked(steps) if steps else tuple(value[None] for value in last)


def _loop(
    recorder: Recording, condition: Any, body: Any, carried: tuple[Any, ...], additional: Sequence[Any]
) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
    steps: list[tuple[Any, ...]] = []
    predicate = condition(*carried, *additional)
    if not _known(predicate):
        recorder.undecided("while_loop", ONE_STEP)
        carried = tuple(body(*carried, *additional))
        return carried, [carried]
    while predicate:
        carried = tuple(body(*carried, *additional))
        steps.append(carried)
        predicate = condition(*carried, *additional)
    if not steps:
        carried = tuple(value.clone() if isinstance(value, torch.Tensor) else value for value in carried)
    return carried, steps


def _map(_recorder: Recording, body: Any, xs: Sequence[Any], further: Sequence[Any] = ()) -> Any:
    outputs = [body(*(x[step] for x in xs), *further) for step in range(xs[0].shape[0])]
    leaves = [pytree.tree_leaves(output) for output in outputs]
    return pytree.tree_unflatten(list(_stacked(leaves)), pytree.tree_structure(outputs[0]))


def _scan(
    _recorder: Recording, body: Any, initial: Sequence[Any], xs: Sequence[Any], additional_inputs: Sequence[Any] = ()
) -> tuple[Any, ...]:
    carried, steps = tuple(initial), []
    for step in range(xs[0].shape[0] if xs else 0):
        output = pytree.tree_leaves(body(*carried, *(x[step] for x in xs), *additional_inputs))
        carried = tuple(output[: len(initial)])
        steps.append(output[len(initial) :])
    return (*carried, *(_stacked(steps) if steps else ()))


def _stacked(steps: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    return tuple(
        torch.stack(values) if isinstance(values[0], torch.Tensor) else values[0]
        for values in map(list, zip(*steps, strict=True))
    )


def _associative_scan(_recorder: Recording, combine: Any, xs: Sequence[Any], further: Sequence[Any] = ()) -> Any:
    from torch._higher_order_ops.associative_scan import generic_associative_scan

    return generic_associative_scan(lambda *args: combine(*args, *further), list(xs), 0)


def _plain(_recorder: Recording, function: Any, *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _of_operands(_recorder: Recording, function: Any, operands: Sequence[Any], *_: Any) -> Any:
    return function(*operands)


def _named_subgraph(_recorder: Recording, subgraph: Any, _name: Any, *operands: Any) -> Any:
    return subgraph(*operands)


def _hinted(_recorder: Recording, body: Any, args: Sequence[Any], kwargs: Mapping[str, Any], _hints: Any = None) -> Any:
    return body(*args, **kwargs)


_CONTROL_FLOW: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "cond": _cond,
        "while_loop": _while_loop,
        "while_loop_stack_output": _while_loop_with_every_step,
        "map_impl": _map,
        "scan": _scan,
        "associative_scan": _associative_scan,
        "invoke_subgraph": _named_subgraph,
        "tag_activation_checkpoint": _plain,
        "strict_mode": _of_operands,
        "run_const_graph": _of_operands,
        "hints_wrapper": _hinted,
    }
)
