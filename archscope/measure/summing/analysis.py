"""Trace -> Report: pure sums of integers. Every part belongs to one module, so that the parts add to the whole."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from archscope.formulas import COUNTING_RULES_VERSION, FREE, FormulaTable
from archscope.formulas.table import UNCOUNTED
from archscope.measure.summing.call_table import call_table
from archscope.measure.summing.components import assign, default_components
from archscope.measure.summing.counted_calls import CountedCall, count, uncounted_rows
from archscope.measure.summing.experts import mixtures
from archscope.measure.summing.flows import component_flows
from archscope.measure.summing.outside_work import work_out_of_sight
from archscope.measure.summing.shared_modules import shared_rows
from archscope.measure.summing.training import training_figures
from archscope.measure.summing.unregistered import unregistered_weights
from archscope.measure.summing.value_flow import value_rows
from archscope.metrics import METRICS, Figures, Rows, carried_by
from archscope.records import BufferRecord, ModuleRecord, ParameterRecord, Path, Trace
from archscope.report import (
    SCHEMA_VERSION,
    UNASSIGNED,
    ComponentRow,
    DtypeRow,
    ModelInfo,
    ModuleRow,
    OperatorRow,
    Provenance,
    Report,
    Totals,
    UnseenRow,
)
from archscope.spec import Component

Sums: TypeAlias = dict[str, int]


def analyze_trace(
    trace: Trace,
    model: ModelInfo,
    components: Sequence[Component],
    formulas: FormulaTable,
    *,
    keep_calls: bool = False,
) -> Report:
    """What ``trace``, of an eval run, says of ``model``; without components, one for each child of the model.

    ``keep_calls`` adds the grouped call table. Raises ComponentError for patterns that claim nothing.
    """
    paths = [module.path for module in trace.modules]
    rules = tuple(components) or default_components(paths)
    owners = assign(paths, rules)
    counted = count(trace, formulas) if trace.calls is not None else None
    own = own_sums(trace, counted or ())
    total = rolled_up(paths, own)
    experts, active = mixtures(trace)
    ran = counted is not None
    whole = carried_by(Rows.TOTALS)
    return Report(
        schema_version=SCHEMA_VERSION,
        model=model,
        inputs=trace.inputs,
        totals=Totals(
            figures=Figures(
                {name: None if metric.run and not ran else metric.of_trace(trace) for name, metric in whole.items()},
                **_figures(total[""], ran=ran),
                active_parameters=active,
            ),
            complete=all(item.kind != UNCOUNTED for item in counted or ()),
        ),
        components=_components(rules, owners, own, ran=ran),
        modules=tuple(
            _module_row(module, owners[module.path], own[module.path], total[module.path], ran=ran)
            for module in trace.modules
        ),
        operators=_operators(counted or ()),
        parameters=trace.parameters,
        uncounted=uncounted_rows(counted or ()),
        uncalled=_uncalled(trace, counted) if counted is not None else (),
        flows=component_flows(trace, owners),
        calls=call_table(counted or ()) if keep_calls else None,
        provenance=Provenance(
            counting_rules=COUNTING_RULES_VERSION, components="source" if components else "children of the model"
        ),
        dtypes=_dtypes((*trace.parameters, *trace.packed)),
        mixtures=experts,
        undecided=tuple(dict.fromkeys(trace.undecided)),
        shared=shared_rows(trace, counted or ()),
        unseen=tuple(UnseenRow(kind=seen.kind, path=seen.path, where=seen.where) for seen in work_out_of_sight(trace)),
        value_dependent=value_rows(trace, counted or ()),
        unregistered=unregistered_weights(trace, counted or ()),
    )


def with_training(report: Report, step: Trace, formulas: FormulaTable, optimizer: str) -> Report:
    """``report`` with the figures of a training step, the backward cost of each module rolled up by path."""
    training, own, uncounted = training_figures(step, formulas, optimizer)
    backward = {f"backward_{name}": name for name in ("macs", "flops")}
    sums = {
        row.path: {name: getattr(own.get(row.path, FREE), key) for name, key in backward.items()}
        for row in report.modules
    }
    total = rolled_up([*sums], sums)
    totals = {"training_flops": training.flops, "training_memory_bytes": training.memory_bytes}
    return dataclasses.replace(
        report,
        modules=tuple(
            dataclasses.replace(row, figures=Figures(row.figures, **total[row.path])) for row in report.modules
        ),
        totals=dataclasses.replace(report.totals, figures=Figures(report.totals.figures, **totals), training=training),
        training_uncounted=uncounted,
    )


def _dtypes(weights: Sequence[ParameterRecord | BufferRecord]) -> tuple[DtypeRow, ...]:
    groups: dict[str, list[ParameterRecord | BufferRecord]] = defaultdict(list)
    for record in weights:
        groups[record.dtype].append(record)
    return tuple(
        DtypeRow(dtype=dtype, parameters=sum(r.numel for r in records), nbytes=sum(r.nbytes for r in records))
        for dtype, records in sorted(groups.items())
    )


def own_sums(trace: Trace, counted: Sequence[CountedCall]) -> dict[Path, Sums]:
    """What each module of ``trace`` holds and does itself, by metric."""
    summed = carried_by(Rows.COMPONENTS)
    weights = [(name, metric.of_parameter) for name, metric in summed.items() if metric.of_parameter]
    packed = [(name, metric.of_parameter) for name, metric in summed.items() if metric.of_parameter and metric.packed]
    calls = [(name, metric.of_call) for name, metric in summed.items() if metric.of_call]
    own = {module.path: dict.fromkeys(summed, 0) for module in trace.modules}
    for record in trace.parameters:
        _add(own[owner(record)], weights, record)
    for held in trace.packed:
        _add(own[_holder(held.path, own)], packed, held)
    for item in counted:
        _add(own[item.call.path], calls, item)
    return own


def _add(sums: Sums, formulas: Sequence[tuple[str, Callable[[Any], int]]], record: object) -> None:
    for name, formula in formulas:
        sums[name] += formula(record)


def _holder(path: Path, own: dict[Path, Sums]) -> Path:
    """The module that holds what is packed at ``path``."""
    while path not in own:
        path = path.rpartition(".")[0]
    return path


def owner(record: ParameterRecord) -> Path:
    """The module that a parameter belongs to."""
    return record.path.rpartition(".")[0]


def rolled_up(paths: Sequence[Path], own: Mapping[Path, Sums]) -> dict[Path, Sums]:
    """The sums of each module with its submodules; children stand after their parents in ``paths``."""
    total = {path: dict(own[path]) for path in paths}
    for path in reversed(paths):
        if path:
            above = total[path.rpartition(".")[0]]
            for name, value in total[path].items():
                above[name] += value
    return total


def _figures(sums: Sums, *, ran: bool) -> Figures:
    return Figures(sums if ran else {name: None if METRICS[name].run else value for name, value in sums.items()})


def _components(
    rules: Sequence[Component], owners: dict[Path, str], own: dict[Path, Sums], *, ran: bool
) -> tuple[ComponentRow, ...]:
    claimed: dict[str, list[Path]] = defaultdict(list)
    for path, name in owners.items():
        claimed[name].append(path)
    rest = Component(name=UNASSIGNED, patterns=(), description="what no component claims")
    summed = carried_by(Rows.COMPONENTS)
    rows = []
    for rule in (*rules, rest):
        paths = claimed[rule.name]
        sums = {name: sum([own[path][name] for path in paths]) for name in summed}
        if rule is rest and not any(sums.values()):
            continue
        rows.append(
            ComponentRow(
                name=rule.name,
                role=rule.role,
                description=rule.description,
                patterns=rule.patterns,
                modules=tuple(path for path in paths if not path or owners[path.rpartition(".")[0]] != rule.name),
                figures=_figures(sums, ran=ran),
            )
        )
    return tuple(rows)


def _module_row(module: ModuleRecord, component: str, own: Sums, total: Sums, *, ran: bool) -> ModuleRow:
    return ModuleRow(
        path=module.path,
        type=module.type_name,
        depth=module.path.count(".") + 1 if module.path else 0,
        component=component,
        aliases=module.aliases,
        calls=module.calls if ran else None,
        input_shapes=module.input_shapes,
        output_shapes=module.output_shapes,
        figures=Figures(_figures(total, ran=ran), backward_macs=None, backward_flops=None),
        own=_figures(own, ran=ran),
    )


def _operators(counted: Sequence[CountedCall]) -> tuple[OperatorRow, ...]:
    rows: dict[str, list[CountedCall]] = defaultdict(list)
    formulas = {name: metric.of_call for name, metric in carried_by(Rows.OPERATORS).items() if metric.of_call}
    for item in counted:
        rows[item.call.op].append(item)
    return tuple(
        OperatorRow(
            op=op,
            kind=items[0].kind,
            calls=len(items),
            figures=Figures({name: sum(map(formula, items)) for name, formula in formulas.items()}),
        )
        for op, items in sorted(rows.items())
    )


def _uncalled(trace: Trace, counted: Sequence[CountedCall]) -> tuple[Path, ...]:
    """The outermost modules of which nothing ran: no call of theirs or of one below, no parameter read."""
    used: set[Path] = set()
    read = {tensor.storage for item in counted for tensor in item.inputs}
    places = [module.path for module in trace.modules if module.calls]
    places += [owner(record) for record in trace.parameters if trace.weights[record.path] in read]
    for place in places:
        path = place
        while path not in used:
            used.add(path)
            path = path.rpartition(".")[0]
    return tuple(
        module.path
        for module in trace.modules
        if module.path and module.path not in used and module.path.rpartition(".")[0] in used
    )
