"""Listing work that no recorded operator call shows: the run's notes, and tensors made of values read before."""

from __future__ import annotations

from collections import defaultdict

from archscope.measure.summing.unseen_writes import unseen_writes
from archscope.measure.summing.value_flow import telling_reads
from archscope.records import EntryRecord, ReadRecord, Trace, UnseenRecord


def work_out_of_sight(trace: Trace) -> tuple[UnseenRecord, ...]:
    """What the run noticed, and every tensor that entered from outside after values had left.

    Not among them: writes to memory that ``unseen_writes`` tells of.
    """
    told = unseen_writes(trace) if any(seen.kind == "write" for seen in trace.unseen) else {}
    return (*(seen for seen in trace.unseen if seen.storage not in told), *_entered(trace))


def _entered(trace: Trace) -> list[UnseenRecord]:
    if not trace.entries:
        return []
    taken = [
        read for read in telling_reads(trace) if read.kind not in {"size", "shape", "chance"} and not read.only_checks
    ]
    lines: dict[tuple[str, str], list[EntryRecord]] = defaultdict(list)
    for entry in trace.entries:
        lines[entry.path, entry.where].append(entry)
    return [
        UnseenRecord("outside", path, where)
        for (path, where), entries in lines.items()
        if any(_made_of([read for read in taken if read.index <= entry.index], entry) for entry in entries)
        or _made_one_by_one(taken, entries)
    ]


def _made_one_by_one(taken: list[ReadRecord], entries: list[EntryRecord]) -> bool:
    """Whether a line makes several single numbers of the values ``taken``."""
    single = [entry for entry in entries if entry.numel == 1]
    of_use = [read for read in taken if (read.floating or any(entry.floating for entry in single)) and single]
    return 1 < len(single) <= sum(read.count for read in of_use if read.index <= single[-1].index)


def _made_of(taken: list[ReadRecord], entry: EntryRecord) -> bool:
    """Whether ``entry`` may hold what was worked out from the values ``taken``.

    Whole numbers that were read one by one, or as a list of whole numbers, are sizes and places when they come back as
    whole numbers. Single numbers cannot make up more than as many elements, and one that becomes one tensor is no work.
    """
    if any(read.kind == "memory" for read in taken):
        return True
    of_use = [read for read in taken if read.floating or entry.floating]
    in_a_list = any(read.kind in {"list", "text"} for read in of_use)
    return in_a_list or 1 < entry.numel <= sum(read.count for read in of_use)
