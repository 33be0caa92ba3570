"""What one run says for a law of size: figures by module and operator, sizes of tensors, storages and their lives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archscope.formulas import FormulaTable
from archscope.formulas.lookup import find_rule
from archscope.formulas.table import UNCOUNTED
from archscope.measure.summing.analysis import own_sums
from archscope.measure.summing.components import assign, default_components
from archscope.measure.summing.counted_calls import count
from archscope.measure.summing.experts import mixtures
from archscope.measure.summing.peak_memory import real_storages
from archscope.measure.summing.training import training_figures
from archscope.measure.summing.value_flow import value_rows
from archscope.metrics import Rows, carried_by
from archscope.records import Path, Trace
from archscope.spec import Component

PEAK = "peak_activation_bytes"
TRAINING_PEAK = "training_memory_bytes"
TRAINING_FLOPS = "training_flops"


class Key(NamedTuple):
    """What a figure is of: a module and an operator; no operator for what the module holds, nothing for the whole."""

    path: Path
    op: str
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """The storages of a run: the calls between which each lived (None: to the end), its bytes, what is held besides."""

    spans: tuple[tuple[int, int | None], ...]
    nbytes: tuple[int, ...]
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A run at one size. ``names`` are its components in order, ``components`` those of its modules.

    ``lives`` are the storages behind each metric that is the most of what is alive at once. ``sizes`` are those of the
    tensors of each operator in each module, call by call. ``program`` is equal for two runs of the same operators in
    the same modules, one by one.
    """

    figures: dict[Key, int]
    names: tuple[str, ...]
    components: dict[Path, str]
    types: dict[Path, str]
    families: dict[str, str]
    lives: dict[str, Lives]
    sizes: dict[tuple[Path, str], list[int]]
    program: tuple[int, ...]
    complete: bool
    value_dependent: bool
    ran: bool


def observe(
    trace: Trace,
    components: Sequence[Component],
    formulas: FormulaTable,
    step: Trace | None = None,
    optimizer: str = "",
) -> Observation:
    """What ``trace``, and the trace of a training ``step``, say. Raises ComponentError."""
    paths = [module.path for module in trace.modules]
    counted = count(trace, formulas) if trace.calls is not None else ()
    figures: dict[Key, int] = defaultdict(int)
    summed = carried_by(Rows.COMPONENTS)
    for path, sums in own_sums(trace, ()).items():
        figures.update({Key(path, "", name): value for name, value in sums.items() if value and not summed[name].run})
    of_call = [(name, metric.of_call) for name, metric in summed.items() if metric.of_call]
    for item in counted:
        for name, formula in of_call:
            figures[Key(item.call.path, item.call.op, name)] += formula(item)
    figures.update({Key("", "", name): value for name, value in _of_whole(trace).items()})
    lives = {PEAK: _lives(trace, 0)} if trace.calls is not None else {}
    sizes: dict[tuple[Path, str], list[int]] = defaultdict(list)
    for call in trace.calls or ():
        sizes[call.path, call.op] += [size for tensor in (*call.inputs, *call.outputs) for size in tensor.shape]
    program = [hash(tuple((call.op, call.path) for call in trace.calls or ()))]
    complete = all(item.kind != UNCOUNTED for item in counted)
    if step is not None:
        training, _, uncounted = training_figures(step, formulas, optimizer)
        lives[TRAINING_PEAK] = _lives(step, training.memory_bytes - training.peak_bytes)
        figures[Key("", "", TRAINING_FLOPS)] = training.flops
        figures[Key("", "", TRAINING_PEAK)] = training.memory_bytes
        program.append(hash(tuple((call.op, call.path, call.phase) for call in step.calls or ())))
        complete &= not uncounted
    rules = tuple(components) or default_components(paths)
    return Observation(
        figures=dict(figures),
        names=tuple(rule.name for rule in rules),
        components=assign(paths, rules),
        types={module.path: module.type_name for module in trace.modules},
        families={item.call.op: _family(formulas, item.call.op) for item in counted},
        lives=lives,
        sizes=dict(sizes),
        program=tuple(program),
        complete=complete,
        value_dependent=bool(value_rows(trace, counted)),
        ran=trace.calls is not None,
    )


def _lives(trace: Trace, held: int) -> Lives:
    storages = real_storages(trace)
    return Lives(
        spans=tuple((one.born, one.freed) for one in storages),
        nbytes=tuple(one.nbytes for one in storages),
        held=held,
    )


def _of_whole(trace: Trace) -> dict[str, int]:
    """The figures of the whole that are no sum over modules."""
    _, active = mixtures(trace)
    return ({} if active is None else {"active_parameters": active}) | {
        name: value
        for name, metric in carried_by(Rows.TOTALS).items()
        if not metric.additive and (trace.calls is not None or not metric.run)
        if (value := metric.of_trace(trace)) is not None
    }


def _family(formulas: FormulaTable, op: str) -> str:
    rule = find_rule(formulas, op)
    return rule.family if rule else ""
