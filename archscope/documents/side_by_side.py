"""Three or more models side by side: a column for each, the first is the one that percentages are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archscope.documents import document as doc
from archscope.metrics import METRICS, FigureRow, Rows, carried_by
from archscope.report import ModuleRow, Report
from archscope.report_queries import describe_inputs

Reports = Sequence[Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What to show of components and modules: one ``metric``, modules down to ``depth``, ``limit`` of them (0: all)."""

    metric: str = "parameters"
    depth: int = 1
    limit: int = 30


def brief_document(reports: Reports, view: Columns | None = None) -> doc.Document:
    """What a terminal shows of ``reports``."""
    view = view or Columns()
    inputs = dict.fromkeys(describe_inputs(report.inputs) or "not run" for report in reports)
    blocks: list[doc.Block] = [doc.Paragraph(f"input {' | '.join(inputs)}", close=True), _totals(reports)]
    label = METRICS[view.metric].label
    components = dict.fromkeys(row.name for report in reports for row in report.components)
    if len(components) > 1:
        by_name = [{row.name: row for row in report.components} for report in reports]
        rows = [(name, [_value(found.get(name), view.metric) for found in by_name]) for name in components]
        blocks.append(_table(reports, f"component, {label}", rows, view.metric))
    blocks += _modules(reports, view, label)
    return doc.Document(title=" · ".join(report.model.name for report in reports), blocks=tuple(blocks))


def _totals(reports: Reports) -> doc.Table:
    columns = (*doc.names("total"), *doc.figures(*(doc.Name(report.model.name) for report in reports)))
    told = [name for name in carried_by(Rows.TOTALS) if any(report.totals.figures.get(name) for report in reports)]
    return doc.table(columns, ((METRICS[name].label, *_cells(reports, name)) for name in told))


def _cells(reports: Reports, metric: str) -> Iterator[doc.Count]:
    for report in reports:
        least = METRICS[metric].lower_bound and not report.totals.complete
        yield doc.Count(report.totals.figures.get(metric), least=least)


def _modules(reports: Reports, view: Columns, label: str) -> Iterator[doc.Block]:
    """The modules that differ, the largest difference first."""
    by_path = [
        {row.path: row for row in report.modules if row.path and (not view.depth or row.depth <= view.depth)}
        for report in reports
    ]
    paths = dict.fromkeys(path for found in by_path for path in found)
    rows = [(path, [_value(found.get(path), view.metric) for found in by_path]) for path in paths]
    differ = [(path, values) for path, values in rows if len({*values}) > 1]
    differ.sort(key=lambda row: -_spread(row[1]))
    same = len(rows) - len(differ)
    kept = differ[: view.limit] if view.limit else differ
    yield _table(reports, f"module, {label}", kept, view.metric)
    notes = {
        f"+{len(differ) - len(kept)} smaller differences (-n 0 shows them)": len(kept) < len(differ),
        f"{same} module{'s are' if same > 1 else ' is'} the same in all": same,
    }
    yield from doc.lines(*(note for note, holds in notes.items() if holds), tone=doc.ASIDE)


def _table(reports: Reports, title: str, rows: Sequence[tuple[str, Sequence[int | None]]], metric: str) -> doc.Table:
    columns = (*doc.names(title), *doc.figures(*(doc.Name(report.model.name) for report in reports)))
    cells: list[list[doc.Cell]] = [[name, *map(doc.Count, values)] for name, values in rows]
    return doc.table(columns, cells, ("TOTAL", *_cells(reports, metric)))


def _value(row: FigureRow | ModuleRow | None, metric: str) -> int | None:
    return None if row is None else row.figures.get(metric)


def _spread(values: Sequence[int | None]) -> int:
    known = [value or 0 for value in values]
    return max(known) - min(known)


def _data(reports: Reports) -> doc.Table:
    names = [*carried_by(Rows.TOTALS)]
    columns = (doc.Column("model", key="model"), *(doc.Column(name, key=name, figures=True) for name in names))
    rows: list[list[doc.Cell]] = [
        [report.model.name, *(doc.Count(report.totals.figures.get(name)) for name in names)] for report in reports
    ]
    return doc.table(columns, rows)


def _record(reports: Reports) -> Any:
    return [
        {
            "model": report.model.name,
            "totals": dict(report.totals.figures),
            "components": {row.name: dict(row.figures) for row in report.components},
        }
        for report in reports
    ]


SIDE_BY_SIDE: doc.Telling[Reports] = doc.Telling(brief=brief_document, data=_data, record=_record)
