"""Comparing two reports: totals, components and modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from archscope.errors import NotComparableError, UsageError
from archscope.judge.export_causes import export_causes
from archscope.judge.exported_inputs import same_inputs
from archscope.metrics import METRICS, FigureRow, Rows, carried_by
from archscope.records import Path
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.report_queries import describe_shapes
from archscope.results.comparison import (
    COMPARISON_VERSION,
    Change,
    ComparedFigures,
    Comparison,
    ComponentChange,
    ModuleChange,
    Side,
)

Row = TypeVar("Row", ComponentChange, ModuleChange)


def compare(base: Report, head: Report, *, different_inputs: bool = False) -> Comparison:
    """``head`` held against ``base``, row by row: components by name, modules by path.

    Raises NotComparableError when the two ran on other input shapes or dtypes, in other modes, or were counted by
    other rules; ``different_inputs`` admits the first. Raises UsageError for what is no report.
    """
    for side in (base, head):
        if not isinstance(side, Report):
            raise UsageError(
                f"{type(side).__name__} is no report",
                help="compare takes two reports: compare(analyze(before, x), analyze(after, x))",
            )
    _require_comparable(base, head, different_inputs=different_inputs)
    return Comparison(
        comparison_version=COMPARISON_VERSION,
        base=_side(base),
        head=_side(head),
        totals=Change(**_change(_total(base), _total(head))),
        components=_sorted(_components(base, head), "name"),
        modules=_sorted(_modules(base, head), "path"),
        causes=export_causes(base, head),
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
    if not different_inputs and not same_inputs(base, head):
        raise NotComparableError(
            f"different inputs: {describe_shapes(base.inputs)} and {describe_shapes(head.inputs)}",
            where=where,
            help="give both the same --input, or ask for it with --different-inputs",
        )


def _side(report: Report) -> Side:
    return Side(
        model=report.model,
        inputs=report.inputs,
        complete=report.totals.complete,
        components=tuple(row.name for row in report.components),
    )


def _change(base: ComparedFigures, head: ComparedFigures) -> dict[str, ComparedFigures]:
    return {"base": base, "head": head, "delta": head - base}


def _figures(row: FigureRow | None, report: Report, modules: int) -> ComparedFigures:
    """The figures of one side of a row; a row that the side lacks costs nothing, as far as that side was measured."""
    figures: Mapping[str, int | None]
    if row is not None:
        figures = row.figures
    else:
        ran = report.totals.macs is not None
        figures = {name: 0 for name, metric in METRICS.items() if metric.additive and (ran or not metric.run)}
    return ComparedFigures({name: figures.get(name) for name in carried_by(Rows.TOTALS)}, modules=modules)


def _total(report: Report) -> ComparedFigures:
    return _figures(report.totals, report, len(report.modules))


def _components(base: Report, head: Report) -> Iterable[ComponentChange]:
    before, after = _component_figures(base), _component_figures(head)
    for name in dict.fromkeys([*before, *after]):
        yield ComponentChange(
            name=name,
            status=_status(name in before, name in after),
            **_change(before.get(name, _figures(None, base, 0)), after.get(name, _figures(None, head, 0))),
        )


def _component_figures(report: Report) -> dict[str, ComparedFigures]:
    counts = Counter(row.component for row in report.modules)
    rows: dict[str, ComponentRow | None] = {**dict.fromkeys(counts), **{row.name: row for row in report.components}}
    order = [row.name for row in report.components] + [name for name in counts if rows[name] is None]
    return {name: _figures(rows[name], report, counts[name]) for name in order}


def _modules(base: Report, head: Report) -> Iterable[ModuleChange]:
    before, after = {row.path: row for row in base.modules}, {row.path: row for row in head.modules}
    sizes, new_sizes = _subtrees(before), _subtrees(after)
    for path in dict.fromkeys([*before, *after]):
        old, new = before.get(path), after.get(path)
        yield ModuleChange(
            path=path,
            depth=path.count(".") + 1 if path else 0,
            status=_status(old is not None, new is not None),
            base_type=old.type if old else "",
            head_type=new.type if new else "",
            base_component=old.component if old else "",
            head_component=new.component if new else "",
            own=Change(
                **_change(
                    _figures(old and old.own, base, 1 if old else 0), _figures(new and new.own, head, 1 if new else 0)
                )
            ),
            **_change(_figures(old, base, sizes.get(path, 0)), _figures(new, head, new_sizes.get(path, 0))),
        )


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
