"""Two reports, compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from archscope.errors import NotComparableError
from archscope.records import InputRecord, Path
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.results.comparison import (
    COMPARISON_VERSION,
    Change,
    Comparison,
    ComponentChange,
    Figures,
    ModuleChange,
    Side,
)

Row = TypeVar("Row", ComponentChange, ModuleChange)


def compare(base: Report, head: Report, *, different_inputs: bool = False) -> Comparison:
    """``head`` held against ``base``, row by row: components by name, modules by path.

    Raises NotComparableError when the two ran on other input shapes or dtypes, in other modes, or were counted by
    other rules; ``different_inputs`` admits the first.
    """
    _require_comparable(base, head, different_inputs=different_inputs)
    return Comparison(
        comparison_version=COMPARISON_VERSION,
        base=_side(base),
        head=_side(head),
        totals=_change(_total(base), _total(head)),
        components=_sorted(_components(base, head), "name"),
        modules=_sorted(_modules(base, head), "path"),
    )


def _require_comparable(base: Report, head: Report, *, different_inputs: bool) -> None:
    where = f"{base.model.name} and {head.model.name}"
    rules = base.provenance.counting_rules, head.provenance.counting_rules
    if rules[0] != rules[1]:
        raise NotComparableError(
            f"counted by different rules: version {rules[0]} and version {rules[1]}",
            where=where,
            help="measure both with the same archscope",
        )
    if base.inputs and head.inputs and base.model.mode != head.model.mode:
        raise NotComparableError(
            f"one ran in {base.model.mode} mode and one in {head.model.mode} mode",
            where=where,
            help="measure both in the same mode",
        )
    if not different_inputs and _signature(base.inputs) != _signature(head.inputs):
        raise NotComparableError(
            f"different inputs: {describe_inputs(base.inputs)} and {describe_inputs(head.inputs)}",
            where=where,
            help="give both the same --input, or ask for it with --different-inputs",
        )


def _signature(inputs: tuple[InputRecord, ...]) -> tuple[tuple[tuple[int, ...], str], ...]:
    return tuple((record.shape, record.dtype) for record in inputs)


def describe_inputs(inputs: tuple[InputRecord, ...]) -> str:
    """``1x3x640x640 float32`` for every input, or ``none`` for a model that was not run."""
    texts = ["x".join(map(str, record.shape)) + f" {record.dtype}" for record in inputs]
    return ", ".join(texts) or "none"


def _side(report: Report) -> Side:
    return Side(model=report.model, inputs=report.inputs, complete=report.totals.complete)


def _change(base: Figures, head: Figures) -> Change:
    return Change(base=base, head=head, delta=head - base)


def _total(report: Report) -> Figures:
    totals, step = report.totals, report.totals.training
    return Figures(
        modules=len(report.modules),
        parameters=totals.parameters,
        trainable=totals.trainable,
        parameter_bytes=totals.parameter_bytes,
        macs=totals.macs,
        flops=totals.flops,
        activations=totals.activations,
        peak_activation_bytes=totals.peak_activation_bytes,
        bytes_read=totals.bytes_read,
        bytes_written=totals.bytes_written,
        training_flops=step.flops if step else None,
        training_memory_bytes=step.memory_bytes if step else None,
    )


def _components(base: Report, head: Report) -> Iterable[ComponentChange]:
    before, after = _component_figures(base), _component_figures(head)
    for name in dict.fromkeys([*before, *after]):
        change = _change(before.get(name, _absent(base)), after.get(name, _absent(head)))
        yield ComponentChange(
            name=name,
            status=_status(name in before, name in after),
            base=change.base,
            head=change.head,
            delta=change.delta,
        )


def _component_figures(report: Report) -> dict[str, Figures]:
    modules: dict[str, int] = {}
    for row in report.modules:
        modules[row.component] = modules.get(row.component, 0) + 1
    figures = {row.name: _component(row, modules.get(row.name, 0)) for row in report.components}
    bare = {name: replace(_absent(report), modules=count) for name, count in modules.items() if name not in figures}
    return figures | bare


def _component(row: ComponentRow, modules: int) -> Figures:
    return Figures(
        modules=modules,
        parameters=row.parameters,
        trainable=row.trainable,
        parameter_bytes=row.parameter_bytes,
        macs=row.macs,
        flops=row.flops,
        activations=row.activations,
    )


def _modules(base: Report, head: Report) -> Iterable[ModuleChange]:
    before, after = {row.path: row for row in base.modules}, {row.path: row for row in head.modules}
    sizes, new_sizes = _subtrees(before), _subtrees(after)
    for path in dict.fromkeys([*before, *after]):
        old, new = before.get(path), after.get(path)
        present = old or new
        if present is None:
            continue
        change = _change(
            _module(old, sizes[path]) if old else _absent(base),
            _module(new, new_sizes[path]) if new else _absent(head),
        )
        yield ModuleChange(
            path=path,
            depth=present.depth,
            status=_status(old is not None, new is not None),
            base_type=old.type if old else "",
            head_type=new.type if new else "",
            base_component=old.component if old else "",
            head_component=new.component if new else "",
            base=change.base,
            head=change.head,
            delta=change.delta,
            own=_change(_own(old) if old else _absent(base), _own(new) if new else _absent(head)),
        )


def _module(row: ModuleRow, modules: int) -> Figures:
    return Figures(
        modules=modules,
        parameters=row.parameters,
        trainable=row.trainable,
        parameter_bytes=row.parameter_bytes,
        macs=row.macs,
        flops=row.flops,
        activations=row.activations,
    )


def _own(row: ModuleRow) -> Figures:
    return Figures(
        modules=1,
        parameters=row.own_parameters,
        trainable=None,
        parameter_bytes=None,
        macs=row.own_macs,
        flops=row.own_flops,
        activations=row.own_activations,
    )


def _absent(report: Report) -> Figures:
    """A row that a side lacks costs nothing, as far as that side was measured."""
    if report.totals.macs is None:
        return Figures(macs=None, flops=None, activations=None)
    return Figures()


def _subtrees(rows: dict[Path, ModuleRow]) -> dict[Path, int]:
    """For every path, the modules at and below it."""
    sizes = dict.fromkeys(rows, 0)
    for path in rows:
        part = path
        while True:
            if part in sizes:
                sizes[part] += 1
            if not part:
                break
            part = part.rpartition(".")[0]
    return sizes


def _status(before: bool, after: bool) -> str:  # noqa: FBT001 - a truth table of two
    if before and after:
        return "both"
    return "new" if after else "deleted"


def _sorted(rows: Iterable[Row], key: str) -> tuple[Row, ...]:
    return tuple(
        sorted(rows, key=lambda row: (-abs(row.delta.parameters), -abs(row.delta.macs or 0), getattr(row, key)))
    )
