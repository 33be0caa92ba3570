"""Peak memory of activations, from when every storage is allocated and freed."""

from __future__ import annotations

from archscope.measure.summing.counted_calls import real_outputs
from archscope.records import Trace


def peak_activation_bytes(trace: Trace) -> int:
    """The most bytes that operator outputs hold at once: views share their storage, in-place operators add none.

    The model's parameters, buffers and inputs are not among them. It is the peak of the operators that ran: for a few
    layers (recurrent ones) torch takes others on meta than on the CPU.
    """
    phantoms = {output.storage for call in trace.calls or () for output in call.outputs[len(real_outputs(call)) :]}
    changes = [0] * (len(trace.calls or ()) + 1)
    for storage in trace.storages:
        if storage.id in phantoms:
            continue
        changes[storage.born] += storage.nbytes
        if storage.freed is not None:
            changes[storage.freed] -= storage.nbytes
    live = peak = 0
    for change in changes:
        live += change
        peak = max(peak, live)
    return peak
