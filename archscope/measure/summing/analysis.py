"""Trace -> Report: pure sums of integers. Every part belongs to one module, so that the parts add to the whole."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from archscope.formulas import COUNTING_RULES_VERSION, FormulaTable
from archscope.formulas.table import UNCOUNTED
from archscope.measure.summing.call_table import call_table
from archscope.measure.summing.components import assign, default_components
from archscope.measure.summing.counted_calls import CountedCall, count
from archscope.measure.summing.experts import mixtures
from archscope.measure.summing.flows import component_flows
from archscope.measure.summing.peak_memory import peak_activation_bytes
from archscope.measure.summing.training import training_figures
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
    UncountedRow,
)
from archscope.spec import Component


@dataclass(slots=True)
class _Sums:
    """The additive figures of a module, without or with its submodules."""

    parameters: int = 0
    trainable: int = 0
    parameter_bytes: int = 0
    macs: int = 0
    flops: int = 0
    activations: int = 0
    conv_activations: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    def add(self, other: _Sums) -> None:
        self.parameters += other.parameters
        self.trainable += other.trainable
        self.parameter_bytes += other.parameter_bytes
        self.macs += other.macs
        self.flops += other.flops
        self.activations += other.activations
        self.conv_activations += other.conv_activations
        self.bytes_read += other.bytes_read
        self.bytes_written += other.bytes_written


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
    own = _own(trace, counted or ())
    total = _rolled_up(paths, own)
    experts, active = mixtures(trace)
    return Report(
        schema_version=SCHEMA_VERSION,
        model=model,
        inputs=trace.inputs,
        totals=_totals(trace, total[""], counted, active),
        components=_components(rules, owners, own, ran=counted is not None),
        modules=tuple(
            _module_row(module, owners[module.path], own[module.path], total[module.path], ran=counted is not None)
            for module in trace.modules
        ),
        operators=_operators(counted or ()),
        parameters=trace.parameters,
        uncounted=_uncounted(counted or ()),
        uncalled=_uncalled(trace) if counted is not None else (),
        flows=component_flows(trace, owners),
        calls=call_table(counted or ()) if keep_calls else None,
        provenance=Provenance(
            counting_rules=COUNTING_RULES_VERSION, components="source" if components else "children of the model"
        ),
        dtypes=_dtypes((*trace.parameters, *trace.packed)),
        mixtures=experts,
    )


def with_training(report: Report, step: Trace, formulas: FormulaTable, optimizer: str) -> Report:
    """``report`` with the figures of a training step, the backward cost of each module rolled up by path."""
    training, own = training_figures(step, formulas, optimizer)
    paths = [row.path for row in report.modules]
    sums = {path: _Sums() for path in paths}
    for path, cost in own.items():
        if path != UNASSIGNED:
            sums[path].macs, sums[path].flops = cost.macs, cost.flops
    total = _rolled_up(paths, sums)
    rows = tuple(
        dataclasses.replace(row, backward_macs=total[row.path].macs, backward_flops=total[row.path].flops)
        for row in report.modules
    )
    return dataclasses.replace(report, modules=rows, totals=dataclasses.replace(report.totals, training=training))


def _dtypes(weights: Sequence[ParameterRecord | BufferRecord]) -> tuple[DtypeRow, ...]:
    groups: dict[str, list[ParameterRecord | BufferRecord]] = defaultdict(list)
    for record in weights:
        groups[record.dtype].append(record)
    return tuple(
        DtypeRow(dtype=dtype, parameters=sum(r.numel for r in records), nbytes=sum(r.nbytes for r in records))
        for dtype, records in sorted(groups.items())
    )


def _own(trace: Trace, counted: Sequence[CountedCall]) -> dict[Path, _Sums]:
    own = {module.path: _Sums() for module in trace.modules}
    for record in trace.parameters:
        sums = own[owner(record)]
        sums.parameters += record.numel
        sums.trainable += record.numel if record.trainable else 0
        sums.parameter_bytes += record.nbytes
    for packed in trace.packed:
        own[_holder(packed.path, own)].parameter_bytes += packed.nbytes
    for item in counted:
        sums = own[item.call.path]
        sums.macs += item.cost.macs
        sums.flops += item.cost.flops
        sums.activations += item.activations
        sums.conv_activations += item.conv_activations
        sums.bytes_read += item.bytes_read
        sums.bytes_written += item.bytes_written
    return own


def _holder(path: Path, own: dict[Path, _Sums]) -> Path:
    """The module that holds what is packed at ``path``."""
    while path not in own:
        path = path.rpartition(".")[0]
    return path


def owner(record: ParameterRecord) -> Path:
    """The module that a parameter belongs to."""
    return record.path.rpartition(".")[0]


def _rolled_up(paths: Sequence[Path], own: dict[Path, _Sums]) -> dict[Path, _Sums]:
    total = {path: _Sums() for path in paths}
    for path in reversed(paths):  # children stand after their parents
        total[path].add(own[path])
        if path:
            total[path.rpartition(".")[0]].add(total[path])
    return total


def _totals(trace: Trace, whole: _Sums, counted: Sequence[CountedCall] | None, active: int | None) -> Totals:
    ran = counted is not None
    return Totals(
        parameters=whole.parameters,
        trainable=whole.trainable,
        buffers=sum(record.numel for record in trace.buffers),
        parameter_bytes=whole.parameter_bytes,
        buffer_bytes=sum(record.nbytes for record in trace.buffers),
        macs=whole.macs if ran else None,
        flops=whole.flops if ran else None,
        activations=whole.activations if ran else None,
        conv_activations=whole.conv_activations if ran else None,
        peak_activation_bytes=peak_activation_bytes(trace) if ran else None,
        bytes_read=whole.bytes_read if ran else None,
        bytes_written=whole.bytes_written if ran else None,
        complete=all(item.kind != UNCOUNTED for item in counted or ()),
        active_parameters=active,
    )


def _components(
    rules: Sequence[Component], owners: dict[Path, str], own: dict[Path, _Sums], *, ran: bool
) -> tuple[ComponentRow, ...]:
    sums: dict[str, _Sums] = defaultdict(_Sums)
    instances: dict[str, list[Path]] = defaultdict(list)
    for path, name in owners.items():
        sums[name].add(own[path])
        if not path or owners[path.rpartition(".")[0]] != name:
            instances[name].append(path)
    rest = Component(name=UNASSIGNED, patterns=(), description="what no component claims")
    listed = [*rules, rest] if sums[UNASSIGNED] != _Sums() else list(rules)
    return tuple(
        ComponentRow(
            name=rule.name,
            role=rule.role,
            description=rule.description,
            patterns=rule.patterns,
            modules=tuple(instances[rule.name]),
            parameters=sums[rule.name].parameters,
            trainable=sums[rule.name].trainable,
            parameter_bytes=sums[rule.name].parameter_bytes,
            macs=sums[rule.name].macs if ran else None,
            flops=sums[rule.name].flops if ran else None,
            activations=sums[rule.name].activations if ran else None,
        )
        for rule in listed
    )


def _module_row(module: ModuleRecord, component: str, own: _Sums, total: _Sums, *, ran: bool) -> ModuleRow:
    return ModuleRow(
        path=module.path,
        type=module.type_name,
        depth=module.path.count(".") + 1 if module.path else 0,
        component=component,
        aliases=module.aliases,
        calls=module.calls if ran else None,
        input_shapes=module.input_shapes,
        output_shapes=module.output_shapes,
        parameters=total.parameters,
        own_parameters=own.parameters,
        trainable=total.trainable,
        parameter_bytes=total.parameter_bytes,
        macs=total.macs if ran else None,
        own_macs=own.macs if ran else None,
        flops=total.flops if ran else None,
        own_flops=own.flops if ran else None,
        activations=total.activations if ran else None,
        own_activations=own.activations if ran else None,
        conv_activations=total.conv_activations if ran else None,
        bytes_read=total.bytes_read if ran else None,
        bytes_written=total.bytes_written if ran else None,
    )


def _operators(counted: Sequence[CountedCall]) -> tuple[OperatorRow, ...]:
    rows: dict[str, list[CountedCall]] = defaultdict(list)
    for item in counted:
        rows[item.call.op].append(item)
    return tuple(
        OperatorRow(
            op=op,
            kind=items[0].kind,
            calls=len(items),
            macs=sum(item.cost.macs for item in items),
            flops=sum(item.cost.flops for item in items),
        )
        for op, items in sorted(rows.items())
    )


def _uncounted(counted: Sequence[CountedCall]) -> tuple[UncountedRow, ...]:
    places: dict[str, list[Path]] = defaultdict(list)
    for item in counted:
        if item.kind == UNCOUNTED:
            places[item.call.op].append(item.call.path)
    return tuple(
        UncountedRow(op=op, calls=len(paths), modules=tuple(dict.fromkeys(paths)))
        for op, paths in sorted(places.items())
    )


def _uncalled(trace: Trace) -> tuple[Path, ...]:
    """The outermost modules of which nothing ran: no call of theirs or of one below, no parameter read."""
    used: set[Path] = set()
    read = {tensor.storage for call in trace.calls or () for tensor in call.inputs}
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
