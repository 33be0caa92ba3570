"""A graph that was followed and not run, as the trace of a run: its modules, and when each of its tensors is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archscope.formulas import DEFAULT_FORMULAS
from archscope.records import ModuleRecord, OpCall, Path, Shape, StorageRecord, TensorMeta


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
