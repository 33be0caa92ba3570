"""A counting convention: the module types and operators that a counter knows, and what it counts for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from archscope.formulas import DEFAULT_FORMULAS, FREE, Cost, FormulaTable
from archscope.measure.summing.counted_calls import count
from archscope.records import ModuleRecord, OpCall, ParameterRecord, Path, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a module rule gets: a module, the operator calls that it made itself and its own parameters by name."""

    module: ModuleRecord
    calls: tuple[OpCall, ...]
    parameters: Mapping[str, ParameterRecord]


ModuleRule: TypeAlias = Callable[[Use], int]
OperatorRule: TypeAlias = Callable[[OpCall], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """``modules`` are counted whole, by type name; what runs outside of them counts by ``operators``, else for nothing.

    With ``parameters_of_modules`` only parameters of such modules below the root count, if they were called, except
    those of ``containers``; otherwise all do. With ``counts_paths`` a module with several parents is hooked and summed
    once for each: its figure is multiplied by the square of their number, its parameters by their number. ``hidden``
    gives the indices of calls that the counter sees only as part of an operator that it does not know. An operator
    called ``*`` stands for all.
    """

    name: str
    description: str
    modules: Mapping[str, ModuleRule] = field(default_factory=dict)
    operators: Mapping[str, OperatorRule] = field(default_factory=dict)
    parameters_of_modules: bool = False
    counts_paths: bool = False
    containers: frozenset[str] = frozenset()
    hidden: Callable[[Trace], frozenset[int]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConventionRow:
    """``what`` is a module type that the convention knows, or an operator outside of those.

    ``macs`` is what archscope counts there, ``counted`` what the convention does.
    """

    what: str
    is_module_type: bool
    calls: int
    macs: int
    counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Parameters that a convention does not see, by the type of their module and the reason."""

    what: str
    reason: str
    tensors: int
    numel: int
    example: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ConventionTotal:
    """What a convention gives for one trace. ``rows`` add to ``counted`` and, on our side, to the trace's MACs."""

    name: str
    description: str
    counted: int
    parameters: int
    rows: tuple[ConventionRow, ...]
    missed: tuple[Missed, ...]


def apply(convention: Convention, trace: Trace, formulas: FormulaTable = DEFAULT_FORMULAS) -> ConventionTotal:
    """What ``convention`` gives for ``trace``, beside what ``formulas`` gives. A trace without a run counts nothing."""
    macs = {item.call.index: item.cost.macs for item in count(trace, formulas)}
    calls: dict[Path, list[OpCall]] = defaultdict(list)
    for call in trace.calls or ():
        calls[call.path].append(call)
    parameters = _owned(trace)
    rows: dict[tuple[str, bool], list[tuple[int, int, int]]] = defaultdict(list)
    hidden = convention.hidden(trace) if convention.hidden else frozenset()
    for module in trace.modules:
        own = calls[module.path]
        rule = convention.modules.get(module.type_name)
        if rule is None:
            for call in own:
                operator = None if call.index in hidden else _operator_rule(convention, call.op)
                rows[call.op, False].append((1, macs[call.index], operator(call) if operator else 0))
            continue
        counted = rule(Use(module=module, calls=tuple(own), parameters=parameters[module.path]))
        seen = _parents(module) ** 2 if convention.counts_paths else 1
        rows[module.type_name, True].append((module.calls, sum(macs[call.index] for call in own), counted * seen))
    counts, missed = _parameters(convention, trace, parameters)
    table = tuple(_rows(rows))
    return ConventionTotal(
        name=convention.name,
        description=convention.description,
        counted=sum(row.counted for row in table),
        parameters=counts,
        rows=table,
        missed=missed,
    )


def _operator_rule(convention: Convention, op: str) -> OperatorRule | None:
    operators = convention.operators
    return operators.get(op) or operators.get(op.partition(".")[0]) or operators.get("*")


def own_cost(call: OpCall) -> Cost:
    """What archscope counts for ``call``."""
    rule = DEFAULT_FORMULAS.find(call.op)
    return rule.formula(call) if rule else FREE


def calls_of(use: Use, ops: Iterable[str]) -> list[OpCall]:
    """The calls of a module to ``ops``, whatever their overload."""
    return [call for call in use.calls if call.op.partition(".")[0] in ops]


def _rows(rows: dict[tuple[str, bool], list[tuple[int, int, int]]]) -> Iterator[ConventionRow]:
    """The rows that count for something by the convention or by archscope, the largest first."""
    found = [
        ConventionRow(
            what=what,
            is_module_type=is_module_type,
            calls=sum(calls for calls, _, _ in figures),
            macs=sum(macs for _, macs, _ in figures),
            counted=sum(counted for _, _, counted in figures),
        )
        for (what, is_module_type), figures in rows.items()
    ]
    yield from sorted(
        (row for row in found if row.macs or row.counted),
        key=lambda row: (-max(row.macs, row.counted), row.what),
    )


def _owned(trace: Trace) -> dict[Path, dict[str, ParameterRecord]]:
    """For every module, its own parameters by name: a tied one belongs to each module that holds it."""
    canonical = {alias: module.path for module in trace.modules for alias in (module.path, *module.aliases)}
    owned: dict[Path, dict[str, ParameterRecord]] = {module.path: {} for module in trace.modules}
    for record in trace.parameters:
        for place in (record.path, *record.aliases):
            owner, _, name = place.rpartition(".")
            held = owned[canonical[owner]]
            if record not in held.values():
                held[name] = record
    return owned


def _parents(module: ModuleRecord) -> int:
    """Under how many parent paths the module stands; twice in one parent is once."""
    return len({path.rpartition(".")[0] for path in (module.path, *module.aliases)})


def _parameters(
    convention: Convention, trace: Trace, owned: dict[Path, dict[str, ParameterRecord]]
) -> tuple[int, tuple[Missed, ...]]:
    if not convention.parameters_of_modules:
        return sum(record.numel for record in trace.parameters), ()
    total = 0
    missed: dict[tuple[str, str], list[ParameterRecord]] = defaultdict(list)
    for module in trace.modules:
        records = list(owned[module.path].values())
        known = module.type_name in convention.modules and module.type_name not in convention.containers
        if not module.path:  # a counter that sums over children does not see what the model itself holds
            missed[module.type_name, "held by the model itself"] += records
        elif known and module.calls:
            total += sum(record.numel for record in records) * (_parents(module) if convention.counts_paths else 1)
        elif known:
            missed[module.type_name, "never called as a module"] += records
        else:
            missed[module.type_name, "held by a module of a type without a rule"] += records
    return total, tuple(
        Missed(
            what=what,
            reason=reason,
            tensors=len(records),
            numel=sum(record.numel for record in records),
            example=records[0].path,
        )
        for (what, reason), records in missed.items()
        if records
    )
