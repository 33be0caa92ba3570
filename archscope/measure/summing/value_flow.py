"""Where values of weights and inputs decide what runs: Trace -> the lines that read them, and what depends on each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from archscope.formulas.table import COUNTED
from archscope.records import OpCall, Path, ReadRecord, Trace
from archscope.report import ValueRow

if TYPE_CHECKING:
    from archscope.measure.summing.counted_calls import CountedCall

_RANDOM = {"rand", "randn", "randint", "randperm", "bernoulli", "multinomial", "normal", "uniform", "native_dropout"}
_RANDOM |= {"rand_like", "randn_like", "randint_like", "poisson", "exponential", "geometric", "cauchy", "log_normal"}


_NOT_OF_STORAGES = {"shape", "chance"}
_SIZED_BY_NUMBERS = {"zeros", "ones", "full", "empty", "arange", "new_zeros", "new_ones", "new_full", "new_empty"}
_SIZED_BY_NUMBERS |= {"expand", "repeat", "rand", "randn", "randperm"}


class _Line(NamedTuple):
    """A line of code, the operator by which it reads, and the module that runs it."""

    where: str
    op: str
    path: Path


@dataclass(slots=True)
class _Found:
    """What depends on one line of code."""

    reads: list[ReadRecord] = field(default_factory=list)
    macs: int = 0
    flops: int = 0
    nothing_left: bool = False
    chooses: bool = False
    modules: dict[Path, None] = field(default_factory=dict)

    def takes(self, read: ReadRecord) -> None:
        """Here the line reads."""
        self.reads.append(read)
        self.chooses |= read.chooses


class ValueFlow:
    """Follows values through the calls of a trace: which storages hold what is not known before the run."""

    def __init__(self, trace: Trace) -> None:
        self._unknown = {*trace.weights.values(), *trace.given}

    def passes(self, call: OpCall) -> None:
        """What ``call`` writes is as unknown as what it reads."""
        name = call.op.partition("::")[2].partition(".")[0]
        sizes_alone = name not in _RANDOM and (name.endswith("_like") or name.startswith("new_"))
        if name.removesuffix("_") in _RANDOM or (not sizes_alone and self.reads_unknown(call)):
            self._unknown.update(output.storage for output in call.outputs)

    def reads_unknown(self, call: OpCall) -> bool:
        """Whether an argument of ``call`` holds what is not known before the run."""
        return any(tensor.storage in self._unknown for tensor in call.inputs)

    def knows(self, storages: Sequence[int]) -> bool:
        """Whether none of ``storages`` holds values of weights, inputs or a random generator."""
        return self._unknown.isdisjoint(storages)


def telling_reads(trace: Trace) -> tuple[ReadRecord, ...]:
    """The reads of values that are not known before the run, not those of constants that the model made itself.

    Those of sizes (``shape``) are all there: which sizes values decide is found out by ``value_rows``.
    """
    if not trace.reads:
        return ()
    flow, found, waiting = ValueFlow(trace), [], list(reversed(trace.reads))
    for call in trace.calls or ():
        while waiting and waiting[-1].index <= call.index:
            read = waiting.pop()
            if read.kind in _NOT_OF_STORAGES or not flow.knows(read.storages):
                found.append(read)
        if not waiting:
            return tuple(found)
        flow.passes(call)
    late = (r for r in reversed(waiting) if r.kind in _NOT_OF_STORAGES or not flow.knows(r.storages))
    return (*found, *late)


def value_rows(trace: Trace, counted: Sequence[CountedCall]) -> tuple[ValueRow, ...]:
    """Each line that decides by values, with what runs because of it.

    Results whose size depends on values pass that on to what reads them. A number may decide anything: all that runs
    after it depends on it, unless its line checks it and does nothing else. So may a size by which a line steers. What
    ran on nothing, because the values of this run chose none, depends on them too, and so does what a branch left out.
    """
    deciding: dict[int, list[ReadRecord]] = defaultdict(list)
    for read in telling_reads(trace):
        if not read.op.endswith("data_ptr") and not read.only_checks:
            deciding[read.index].append(read)
    if not deciding:
        return ()
    found: dict[_Line, _Found] = defaultdict(_Found)
    sized = _Sizes()
    since: frozenset[_Line] = frozenset()
    for item in counted:
        call = item.call
        here_read = deciding.get(call.index, ())
        since |= sized.decide(here_read, found)
        reads = [(_line(read), read) for read in here_read if read.kind != "shape"]
        sources = since | sized.reaching(call)
        since = since.union(line for line, read in reads if read.kind != "size")
        here = frozenset(line for line, read in reads if read.kind == "size")
        for line, read in reads:
            found[line].takes(read)
        for source in sources:
            entry = found[source]
            entry.macs += item.cost.macs
            entry.flops += item.cost.flops
            empty = item.kind == COUNTED and any(tensor.numel == 0 for tensor in (*call.inputs, *call.outputs))
            entry.nothing_left |= empty
            if item.cost.flops or empty:
                entry.modules.setdefault(call.path)
        if here:
            sized.decided(call, here)
        sized.passes(call, (sources - since) | here)
    _take_reads_of_the_result(found, (reads for index, reads in deciding.items() if index >= len(counted)))
    return _rows(found)


def _take_reads_of_the_result(found: Mapping[_Line, _Found], late: Iterable[list[ReadRecord]]) -> None:
    for read in (read for reads in late for read in reads if read.kind != "shape"):
        found[_line(read)].takes(read)


def _line(read: ReadRecord) -> _Line:
    return _Line(read.where, read.op, read.path)


def _rows(found: Mapping[_Line, _Found]) -> tuple[ValueRow, ...]:
    return tuple(
        ValueRow(
            where=line.where,
            op=line.op,
            path=line.path,
            calls=len(entry.reads),
            modules=tuple(entry.modules),
            macs=entry.macs,
            flops=entry.flops,
        )
        for line, entry in found.items()
        if entry.flops or entry.nothing_left or entry.chooses
    )


class _Sizes:
    """Which results have sizes that values decided, and by which lines.

    A size goes on through the tensors that are made of such a result, and through numbers: an operator that makes or
    repeats a tensor and whose first size is one that values decided has it from there.
    """

    def __init__(self) -> None:
        self._of: dict[int, frozenset[_Line]] = {}
        self._numbers: dict[int, frozenset[_Line]] = {}

    def reaching(self, call: OpCall) -> frozenset[_Line]:
        """The lines that decide the sizes of what ``call`` works on."""
        if not self._of:
            return frozenset()
        nothing: frozenset[_Line] = frozenset()
        found = nothing.union(*(self._of.get(tensor.storage, nothing) for tensor in call.inputs))
        if call.op.partition("::")[2].partition(".")[0] in _SIZED_BY_NUMBERS:
            sizes = {call.arguments.get("end"), *(output.shape[0] for output in call.outputs if output.shape)}
            found = found.union(*(self._numbers.get(size, nothing) for size in sizes if isinstance(size, int)))
        return found

    def decide(self, reads: Iterable[ReadRecord], found: Mapping[_Line, _Found]) -> frozenset[_Line]:
        """The lines that decide sizes which ``reads`` steer by, told where that may leave work out."""
        lines: frozenset[_Line] = frozenset()
        for read in reads:
            if read.kind == "shape":
                here = frozenset[_Line]().union(*(self._of.get(storage, ()) for storage in read.storages))
                for line in here if read.chooses else ():
                    found[line].chooses = True
                lines |= here
        return lines

    def decided(self, call: OpCall, lines: frozenset[_Line]) -> None:
        """Values decided the first size of what ``call`` gives; 1 is too common to be known again."""
        for output in call.outputs:
            if output.shape and output.shape[0] != 1:
                self._numbers[output.shape[0]] = self._numbers.get(output.shape[0], frozenset()) | lines

    def passes(self, call: OpCall, lines: frozenset[_Line]) -> None:
        """What ``call`` makes has a size that ``lines`` decide; what it writes into keeps its own."""
        if not lines:
            return
        kept = {tensor.storage for tensor in call.inputs} if call.op.partition(".")[0].endswith("_") else frozenset()
        for output in call.outputs:
            if output.shape and output.storage not in kept:
                self._of[output.storage] = self._of.get(output.storage, frozenset()) | lines
                if call.op.startswith("aten::cat"):
                    self.decided(call, lines)
