"""Peak memory of activations, from when every storage is allocated and freed."""

from __future__ import annotations

import itertools

from archscope.measure.summing.counted_calls import real_outputs
from archscope.records import StorageRecord, Trace


def peak_activation_bytes(trace: Trace) -> int:
    """The most bytes that operator outputs hold at once: views share their storage, in-place operators add none.

    The model's parameters, buffers and inputs are not among them.
    """
    return max(0, *bytes_alive(trace))


def bytes_alive(trace: Trace) -> tuple[int, ...]:
    """The bytes that operator outputs hold after each call of ``trace``, and at its end."""
    changes = [0] * (len(trace.calls or ()) + 1)
    for storage in real_storages(trace):
        changes[storage.born] += storage.nbytes
        if storage.freed is not None:
            changes[storage.freed] -= storage.nbytes
    return tuple(itertools.accumulate(changes))


def held_when_backward_starts(step: Trace) -> int:
    """The bytes that operators of the forward pass made and that are still there for the backward pass."""
    start = next((call.index for call in step.calls or () if call.phase == "backward"), 0)
    return sum(
        storage.nbytes
        for storage in real_storages(step)
        if storage.born < start and (storage.freed is None or storage.freed > start)
    )


def real_storages(trace: Trace) -> tuple[StorageRecord, ...]:
    """What operators allocated, without what only meta shows (statistics of an eval batch norm)."""
    phantoms = {output.storage for call in trace.calls or () for output in call.outputs[len(real_outputs(call)) :]}
    return tuple(storage for storage in trace.storages if storage.id not in phantoms)
