"""Attributing the difference between a peer's figures and archscope's to operators, module types and parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from archscope.formulas import DEFAULT_FORMULAS
from archscope.judge.conventions import DEEPSPEED, FVCORE, PTFLOPS_ATEN, THOP, TORCH, Convention, apply
from archscope.measure.summing.counted_calls import count
from archscope.records import Path, Trace
from archscope.results.crosscheck import Difference

# The peers whose rule is known, and what they count for one multiply-accumulate.
_RULES: Mapping[str, tuple[Convention, int]] = {
    "fvcore": (FVCORE, 1),
    "torch": (TORCH, 2),
    "thop": (THOP, 1),
    "ptflops-aten": (PTFLOPS_ATEN, 1),
    "deepspeed": (DEEPSPEED, 1),
}
REST = "not attributed"
FUNCTIONS = "functions that it patches"


def macs_differences(peer: str, trace: Trace, theirs: int, by_module: Mapping[Path, int]) -> tuple[Difference, ...]:
    """What ``peer`` counts more and less than archscope, the largest first; they add to the whole difference.

    By the peer's rule where it is known, else by its own figure for each module.
    """
    ours = sum(item.cost.macs for item in count(trace, DEFAULT_FORMULAS))
    if peer in _RULES:
        convention, each = _RULES[peer]
        rows = apply(convention, trace).rows
        found = [Difference(what=row.what, calls=row.calls, amount=row.counted // each - row.macs) for row in rows]
    else:
        found = _by_module(trace, by_module)
    rest = theirs - ours - sum(difference.amount for difference in found)
    found.append(Difference(what=FUNCTIONS if peer == "ptflops-pytorch" else REST, calls=0, amount=rest))
    return _largest_first(found)


def parameter_differences(peer: str, trace: Trace, theirs: int) -> tuple[Difference, ...]:
    """What ``peer`` counts more and less than archscope, by the type of the module that holds the parameters."""
    ours = sum(record.numel for record in trace.parameters)
    found = []
    if peer in _RULES:
        missed = apply(_RULES[peer][0], trace).missed
        found = [Difference(what=f"{row.what}, {row.reason}", calls=row.tensors, amount=-row.numel) for row in missed]
    rest = theirs - ours - sum(difference.amount for difference in found)
    return _largest_first([*found, Difference(what=REST, calls=0, amount=rest)])


def _largest_first(found: Sequence[Difference]) -> tuple[Difference, ...]:
    return tuple(sorted((d for d in found if d.amount), key=lambda d: (-abs(d.amount), d.what)))


def _by_module(trace: Trace, theirs: Mapping[Path, int]) -> list[Difference]:
    own: dict[Path, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for item in count(trace, DEFAULT_FORMULAS):
        if item.cost.macs:
            own[item.call.path][item.call.op].append(item.cost.macs)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for module in trace.modules:
        operators = own[module.path]
        ours = {op: sum(macs) for op, macs in operators.items()}
        delta = theirs.get(module.path, 0) - sum(ours.values())
        main = max(ours, key=ours.__getitem__, default="")
        if delta:
            entry = sums[main or module.type_name]
            entry[0] += len(operators[main]) if main else module.calls
            entry[1] += delta
    return [Difference(what=what, calls=calls, amount=amount) for what, (calls, amount) in sums.items()]
