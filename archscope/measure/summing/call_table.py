"""Grouping the calls of a run that are alike, for `archscope why` and the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from archscope.measure.summing.counted_calls import CountedCall
from archscope.records import Path
from archscope.report import CallRow


def call_table(counted: Sequence[CountedCall]) -> tuple[CallRow, ...]:
    """A row for each module, operator, arguments and output shapes that occurred, in order of first use."""

    @dataclass(slots=True)
    class Group:
        times: int = 0
        macs: int = 0
        flops: int = 0

    groups: dict[tuple[Path, str, str, tuple[tuple[int, ...], ...]], Group] = defaultdict(Group)
    for item in counted:
        call = item.call
        group = groups[(call.path, call.op, item.written_arguments(), tuple(t.shape for t in call.outputs))]
        group.times += 1
        group.macs += item.cost.macs
        group.flops += item.cost.flops
    return tuple(
        CallRow(path=path, op=op, arguments=arguments, outputs=outputs, times=g.times, macs=g.macs, flops=g.flops)
        for (path, op, arguments, outputs), g in groups.items()
    )
