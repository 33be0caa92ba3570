"""Work that no operator call shows: what the run noticed, and tensors that were made of values read before."""

from __future__ import annotations

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
    taken = [read for read in telling_reads(trace) if read.kind not in {"size", "shape"} and not read.only_checks]
    found = (
        UnseenRecord("outside", entry.path, entry.where)
        for entry in trace.entries
        if _made_of([read for read in taken if read.index <= entry.index], entry)
    )
    return [*dict.fromkeys(found)]


def _made_of(taken: list[ReadRecord], entry: EntryRecord) -> bool:
    """Whether ``entry`` may hold what was worked out from the values ``taken``.

    Whole numbers that were read one by one, or as a list of whole numbers, are sizes and places when they come back as
    whole numbers. Single numbers cannot make up more than as many elements, and one that becomes one tensor is no work.
    """
    if any(read.kind == "memory" for read in taken):
        return True
    of_use = [read for read in taken if read.floating or entry.floating]
    in_a_list = any(read.kind == "list" for read in of_use)
    return in_a_list or 1 < entry.numel <= sum(read.count for read in of_use)
