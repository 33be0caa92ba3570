"""Each operator call with its cost and with the bytes that it allocates, reads and writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archscope.formulas import FREE, Cost, FormulaTable
from archscope.formulas.lookup import cost_of, find_rule
from archscope.formulas.table import FREE_KIND, UNCOUNTED, Rule
from archscope.measure.summing.complex_convolutions import folded_calls
from archscope.measure.summing.outside_work import work_out_of_sight
from archscope.measure.summing.sparse_work import sparse_cost
from archscope.measure.summing.unseen_writes import unseen_writes
from archscope.records import OpCall, Path, TensorMeta, Trace
from archscope.report import UNSEEN, UncountedRow

# Families whose outputs papers count as 'activations'.
_CONV_LIKE = {"convolution", "matmul", "attention"}


class CountedCall(NamedTuple):
    """A call, the kind of its rule (counted, free, uncounted), its cost and its traffic (elements and bytes)."""

    call: OpCall
    kind: str
    cost: Cost
    activations: int
    conv_activations: int
    bytes_read: int
    bytes_written: int
    inputs: tuple[TensorMeta, ...]

    def written_arguments(self) -> str:
        """The arguments as text: tensors by shape and dtype, in schema order."""
        return ", ".join(f"{name}={_written(value)}" for name, value in self.call.arguments.items())


def _written(value: Any) -> str:
    if isinstance(value, TensorMeta):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def count(trace: Trace, formulas: FormulaTable) -> tuple[CountedCall, ...]:
    """Every call of ``trace`` with its cost by ``formulas``; a call without a rule costs nothing that is known.

    Last come the kernels that wrote to memory unseen, and other work out of sight, as calls that nobody can count.
    """
    folded = folded_calls(trace.calls or ())
    born = {storage.id: storage.born for storage in trace.storages}
    rules: dict[str, Rule | None] = {}
    counted = []
    for call in trace.calls or ():
        if call.op not in rules:
            rules[call.op] = find_rule(formulas, call.op)
        counted.append(_count(call, rules[call.op], born, folded=call.index in folded))
    paths = (*unseen_writes(trace).values(), *(found.path for found in work_out_of_sight(trace)))
    unseen = (OpCall(len(counted), UNSEEN, path, "forward", {}, ()) for path in paths)
    return (*counted, *(_count(call, None, born) for call in unseen))


def uncounted_rows(counted: Sequence[CountedCall]) -> tuple[UncountedRow, ...]:
    """The operators among ``counted`` that have no formula, by name, and where they run."""
    places: dict[str, list[Path]] = defaultdict(list)
    for item in counted:
        if item.kind == UNCOUNTED:
            places[item.call.op].append(item.call.path)
    return tuple(
        UncountedRow(op=op, calls=len(paths), modules=tuple(dict.fromkeys(paths)))
        for op, paths in sorted(places.items())
    )


def _count(call: OpCall, rule: Rule | None, born: Mapping[int, int], *, folded: bool = False) -> CountedCall:
    fresh = sum(output.numel for output in real_outputs(call) if born.get(output.storage) == call.index)
    inputs = call.inputs
    viewed = {tensor.storage for tensor in inputs}
    is_view = (
        rule is not None
        and rule.kind == FREE_KIND
        and not fresh
        and all(output.storage in viewed for output in call.outputs)
        and not _writes_in_place(call.op)
    )
    cost = cost_of(rule, call) if rule and not folded else FREE
    kind = rule.kind if rule and not cost.partial else UNCOUNTED
    if rule and any(tensor.stored is not None for tensor in (*inputs, *call.outputs)):
        known = sparse_cost(call, cost, multiplies=rule.family == "matmul")
        cost, kind = (known, kind) if known else (FREE, UNCOUNTED)
    return CountedCall(
        call=call,
        kind=kind,
        cost=cost,
        activations=fresh,
        conv_activations=fresh if rule and not folded and _conv_like(rule, cost) else 0,
        bytes_read=0 if is_view else sum(tensor.nbytes for tensor in inputs),
        bytes_written=0 if is_view else sum(output.nbytes for output in real_outputs(call)),
        inputs=inputs,
    )


def _conv_like(rule: Rule, cost: Cost) -> bool:
    return rule.family in _CONV_LIKE or (rule.family == "quantization" and cost.macs > 0)


def real_outputs(call: OpCall) -> tuple[TensorMeta, ...]:
    """The outputs that hold something: on meta an eval batch norm also shows statistics that no device computes."""
    if "batch_norm" in call.op and not call.arguments.get("training", False):
        return call.outputs[:1]
    return call.outputs


def _writes_in_place(op: str) -> bool:
    packet, _, overload = op.partition(".")
    return packet.endswith("_") or overload == "out"
