"""A graph that was followed and not run, as the trace of a run: its modules, and when each of its tensors is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from archscope.formulas import DEFAULT_FORMULAS
from archscope.records import (
    BufferRecord,
    ModuleRecord,
    OpCall,
    ParameterRecord,
    Path,
    Shape,
    StorageRecord,
    TensorMeta,
    Undecided,
)

LARGER_BRANCH, ONE_STEP = "larger branch", "one step"  # as traces of torch say it
#: Of a loop that is followed once, after the name of its operator.
TRIPS_UNKNOWN = " (trip count unknown)"
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The tensors that a file holds, sorted: records, and the storage of each parameter."""

    parameters: tuple[ParameterRecord, ...]
    buffers: tuple[BufferRecord, ...]
    storages: Mapping[Path, int]


def modules_of(
    paths: Sequence[Path],
    ran: Iterable[Path],
    types: Mapping[Path, str],
    root: str,
    shapes: tuple[tuple[Shape, ...], tuple[Shape, ...]],
) -> tuple[ModuleRecord, ...]:
    """A record of each of ``paths``, whose classes are ``types``; the root is called ``root`` and has ``shapes``."""
    called = {*ran}
    return tuple(
        ModuleRecord(
            path=path,
            type_name=types.get(path, "Module") if path else root,
            aliases=(),
            calls=1 if path in called else 0,
            input_shapes=() if path else shapes[0],
            output_shapes=() if path else shapes[1],
        )
        for path in paths
    )


def storages_of(calls: Sequence[OpCall], ready: set[int], results: Sequence[TensorMeta]) -> tuple[StorageRecord, ...]:
    """What each call allocates: from its own place to the last one that reads it; results stay."""
    born: dict[int, tuple[int, int]] = {}
    last: dict[int, int] = {}
    for call in calls:
        for tensor in call.inputs:
            last[tensor.storage] = call.index
        for output in call.outputs:
            if output.storage not in ready:
                born.setdefault(output.storage, (call.index, output.nbytes))
                last[output.storage] = call.index
    kept = {meta.storage for meta in results}
    return tuple(
        StorageRecord(id=storage, nbytes=nbytes, born=index, freed=None if storage in kept else last[storage] + 1)
        for storage, (index, nbytes) in born.items()
    )


def work_of(calls: Sequence[OpCall]) -> tuple[bool, int, int]:
    """Whether something among ``calls`` has no formula, then FLOPs and MACs: which of two branches is the larger."""
    rules = [DEFAULT_FORMULAS.find(call.op) for call in calls]
    costs = [rule.formula(call) for rule, call in zip(rules, calls, strict=True) if rule is not None]
    return None in rules, sum(cost.flops for cost in costs), sum(cost.macs for cost in costs)


def larger_branch(
    branches: Iterable[Callable[[], list[Made]]], calls: list[OpCall], undecided: list[Undecided], op: str, path: Path
) -> list[Made]:
    """What the larger of ``branches`` gives, each followed; its calls stay in ``calls``, and ``undecided`` tells it.

    Nobody knows which of them the operator ``op`` of the module ``path`` takes.
    """
    start, noted = len(calls), len(undecided)
    best: tuple[tuple[bool, int, int], list[OpCall], list[Undecided], list[Made]] | None = None
    for follow in branches:
        outputs = follow()
        followed, told = calls[start:], undecided[noted:]
        del calls[start:], undecided[noted:]
        cost = work_of(followed)
        if best is None or cost > best[0]:
            best = cost, followed, told, outputs
    if best is None:
        return []
    calls += best[1]
    undecided += [*best[2], Undecided(op=op, path=path, taken=LARGER_BRANCH)]
    return best[3]
