"""What each caller runs of a module that stands at several paths: its cost is counted at the first of them alone."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.measure.summing.counted_calls import CountedCall
from archscope.records import Path, Trace
from archscope.report import SharedRow


def shared_rows(trace: Trace, counted: Sequence[CountedCall]) -> tuple[SharedRow, ...]:
    """A row for each module with several paths and each module that calls it, in order of the first call."""
    sums: dict[tuple[Path, Path], list[int]] = {}
    for span in trace.shared:
        if is_within(span.caller, span.owner):  # it calls itself, and the call around that one holds this one
            continue
        row = sums.setdefault((span.caller, span.owner), [0, 0, 0])
        inside = [item.cost for item in counted[span.first : span.end] if is_within(item.call.path, span.owner)]
        row[0] += 1
        row[1] += sum(cost.macs for cost in inside)
        row[2] += sum(cost.flops for cost in inside)
    return tuple(
        SharedRow(caller=caller, owner=owner, calls=calls, macs=macs, flops=flops)
        for (caller, owner), (calls, macs, flops) in sums.items()
    )


def is_within(path: Path, scope: Path) -> bool:
    """Whether ``path`` is ``scope`` or below it."""
    return not scope or path == scope or path.startswith(f"{scope}.")
