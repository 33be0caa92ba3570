"""Weights that no module registered: no parameter count holds them, although the run computes with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archscope.measure.summing.counted_calls import CountedCall
from archscope.records import HeldRecord, OpCall, TensorMeta, Trace
from archscope.report import UnregisteredRow


def unregistered_weights(trace: Trace, counted: Sequence[CountedCall]) -> tuple[UnregisteredRow, ...]:
    """Each tensor that stood ready before the run, is registered nowhere and is used as a weight.

    One that takes gradients (an ``nn.Parameter``, say) is a weight wherever an operator computes with it. A plain one
    is where a convolution, a matrix product or attention multiplies by it, or by what was made of nothing else: a table
    that is added, a mask, anchors and an outer product (whose sum has one term) are none. Without a run, those that
    take gradients.
    """
    held = {record.storage: record for record in trace.held}
    if not held:
        return ()
    if trace.calls is None:
        return tuple(UnregisteredRow(shape=r.shape, dtype=r.dtype, path="", op="") for r in trace.held if r.parameter)
    made_of: dict[int, frozenset[int]] = {storage: frozenset([storage]) for storage in held}
    found: dict[int, UnregisteredRow] = {}
    born = {storage.id for storage in trace.storages}
    for item in counted:
        call = item.call
        used = made_of.keys() & {tensor.storage for tensor in call.inputs}
        if not used:
            continue
        factors = {origin for tensor in _factors(item) for origin in made_of.get(tensor.storage, ())}
        for origin in sorted({origin for storage in used for origin in made_of[storage]} - found.keys()):
            record = held[origin]
            multiplied = record.floating and record.numel > 1 and origin in factors
            fills = any(output.storage == origin for output in call.outputs)
            trained = record.parameter and not fills and (item.cost.flops > 0 or _looked_up(call, record))
            if multiplied or trained:
                found[origin] = _row(record, call)
        if call.op.startswith("aten::copy_"):  # into room that the run made
            source, room = call.arguments["src"], call.outputs[0]
            if room.storage in born and isinstance(source, TensorMeta) and source.storage in made_of:
                made_of.setdefault(room.storage, made_of[source.storage])
        if all(tensor.storage in made_of for tensor in call.inputs):
            origins = frozenset().union(*(made_of[storage] for storage in used))
            made_of.update((output.storage, origins) for output in call.outputs if output.storage not in made_of)
    return tuple(found.values())


def _row(record: HeldRecord, call: OpCall) -> UnregisteredRow:
    """What ``call`` uses of the weight; one that was read as bytes is told as the numbers that it is used as."""
    shape, dtype = record.shape, record.dtype
    if dtype == "uint8":
        used = next((tensor for tensor in call.inputs if tensor.storage == record.storage), None)
        shape, dtype = (used.shape, used.dtype) if used is not None else (shape, dtype)
    return UnregisteredRow(shape=shape, dtype=dtype, path=call.path, op=call.op)


def _looked_up(call: OpCall, record: HeldRecord) -> bool:
    """Whether the call takes rows of a table that is trained."""
    table = call.arguments.get("weight")
    return record.parameter and isinstance(table, TensorMeta) and table.storage == record.storage


def _factors(item: CountedCall) -> Iterator[TensorMeta]:
    """The tensors that a call multiplies as matrices or kernels."""
    if not item.cost.macs or _is_outer(item.call):
        return
    for name, value in item.call.arguments.items():
        if name not in {"bias", "attn_mask"}:
            yield from (tensor for tensor in _listed(value) if tensor.shape)


def _listed(value: object) -> list[TensorMeta]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, TensorMeta)]


def _is_outer(call: OpCall) -> bool:
    """Whether the product's sum has a single term: mm, bmm and addmm contract the last size of their first factor."""
    first = call.arguments.get("mat1", call.arguments.get("self"))
    if call.op.startswith(("aten::addmm", "aten::baddbmm")):
        first = call.arguments.get("mat1", call.arguments.get("batch1"))
    return isinstance(first, TensorMeta) and "mm" in call.op and first.shape[-1:] == (1,)
