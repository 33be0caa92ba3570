"""Three or more models side by side: a column for each, the first is the one that percentages are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from archscope.documents import document as doc
from archscope.documents.pictures import PALETTE, Bar, Panel, Sheet
from archscope.documents.where import Where
from archscope.metrics import BYTES, METRICS, FigureRow, Rows, carried_by
from archscope.report import ModuleRow, Report
from archscope.report_queries import describe_inputs
from archscope.results.side_by_side import SideBySide
from archscope.units import format_count

Reports = Sequence[Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What to show of components and modules: one ``metric``, modules down to ``depth``, ``limit`` of them (0: all).

    ``where`` says which of them; ``wide`` shows them by every prominent metric, one table after the other.
    """

    metric: str = "parameters"
    depth: int = 1
    limit: int = 30
    where: Where | None = None
    wide: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the tables."""
        more = [name for name, one in carried_by(Rows.COMPONENTS).items() if one.prominent] if self.wide else []
        return (self.metric, *(name for name in more if name != self.metric))


Found = FigureRow | ModuleRow | None


def column_fields(rows: Sequence[Found]) -> dict[str, int | None]:
    """What conditions know of a row: each metric as its largest value, ``delta.`` the largest less the least."""
    fields: dict[str, int | None] = {}
    for name in carried_by(Rows.COMPONENTS):
        values = [None if row is None else row.figures.get(name) for row in rows]
        known = [value for value in values if value is not None]
        fields[name] = max(known, default=None)
        fields[f"delta.{name}"] = max(known) - min(value or 0 for value in values) if known else None
    return fields


def brief_document(reports: Reports, view: Columns | None = None) -> doc.Document:
    """What a terminal shows of ``reports``."""
    view = view or Columns()
    inputs = dict.fromkeys(describe_inputs(report.inputs) or "not run" for report in reports)
    blocks: list[doc.Block] = [doc.Paragraph(f"input {' | '.join(inputs)}", close=True), _totals(reports)]
    for metric in view.metrics:
        if any(report.totals.figures.get(metric) is not None for report in reports):
            blocks += _components(reports, view, metric)
            blocks += _modules(reports, view, metric)
    return doc.Document(title=" · ".join(column_names(reports)), blocks=tuple(blocks))


def _components(reports: Reports, view: Columns, metric: str) -> Iterator[doc.Block]:
    names = dict.fromkeys(row.name for report in reports for row in report.components)
    if len(names) < 2:
        return
    by_name = [{row.name: row for row in report.components} for report in reports]
    found = [(name, [rows.get(name) for rows in by_name]) for name in names]
    kept = [(name, rows) for name, rows in found if _wanted(reports, view, rows, path="", component=name)]
    values = [(name, [_value(row, metric) for row in rows]) for name, rows in kept]
    yield _table(reports, f"component, {METRICS[metric].label}", values, metric)


def _wanted(reports: Reports, view: Columns, rows: Sequence[Found], **names: str | int) -> bool:
    if view.where is None:
        return True
    return view.where.holds({**column_fields(rows), **names}, column_fields([report.totals for report in reports]))


def column_names(reports: Reports) -> list[str]:
    """The names of the models, numbered where several have the same: ``net``, ``net #2``."""
    names = [report.model.name for report in reports]
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [name if count == 1 else f"{name} #{count}" for name, count in zip(names, counts, strict=True)]


def _totals(reports: Reports) -> doc.Table:
    columns = (*doc.names("total"), *doc.figures(*(doc.Name(name) for name in column_names(reports))))
    told = [name for name in carried_by(Rows.TOTALS) if any(report.totals.figures.get(name) for report in reports)]
    return doc.table(columns, ((METRICS[name].label, *_cells(reports, name)) for name in told))


def _cells(reports: Reports, metric: str) -> Iterator[doc.Count]:
    for report in reports:
        least = METRICS[metric].lower_bound and not report.totals.complete
        yield doc.Count(report.totals.figures.get(metric), least=least)


def _modules(reports: Reports, view: Columns, metric: str) -> Iterator[doc.Block]:
    """The modules that differ, the largest difference first."""
    by_path = [
        {row.path: row for row in report.modules if row.path and (not view.depth or row.depth <= view.depth)}
        for report in reports
    ]
    paths = dict.fromkeys(path for found in by_path for path in found)
    found = [(path, [rows.get(path) for rows in by_path]) for path in paths]
    chosen = [(path, rows) for path, rows in found if _wanted(reports, view, rows, **_names(rows))]
    values = [(path, [_value(row, metric) for row in rows]) for path, rows in chosen]
    differ = [(path, row) for path, row in values if len({*row}) > 1]
    differ.sort(key=lambda row: -_spread(row[1]))
    same = len(values) - len(differ)
    kept = differ[: view.limit] if view.limit else differ
    yield _table(reports, f"module, {METRICS[metric].label}", kept, metric)
    notes = {
        f"+{len(differ) - len(kept)} smaller differences (-n 0 shows them)": len(kept) < len(differ),
        f"{same} module{'s are' if same > 1 else ' is'} the same in all": same,
        f"{len(found) - len(chosen)} modules that --where leaves out": len(chosen) < len(found),
    }
    yield from doc.lines(*(note for note, holds in notes.items() if holds), tone=doc.ASIDE)


def _names(rows: Sequence[ModuleRow | None]) -> dict[str, str | int]:
    """The names of the first model that has the module."""
    row = next(row for row in rows if row is not None)
    return {"path": row.path, "type": row.type, "component": row.component, "depth": row.depth}


def _table(reports: Reports, title: str, rows: Sequence[tuple[str, Sequence[int | None]]], metric: str) -> doc.Table:
    columns = (*doc.names(title), *doc.figures(*(doc.Name(name) for name in column_names(reports))))
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


def _picture(reports: Reports) -> Sheet:
    """A bar for each model, its share of the largest, by each of the prominent metrics that are no bytes."""
    known = [
        name
        for name, one in carried_by(Rows.TOTALS).items()
        if one.prominent and one.unit != BYTES and any(report.totals.figures.get(name) for report in reports)
    ]
    inputs = dict.fromkeys(describe_inputs(report.inputs) for report in reports if report.inputs)
    return Sheet(
        title=f"{len(reports)} models side by side",
        subtitle=f"input {' | '.join(inputs)}" if inputs else "not run",
        panels=tuple(_panel(reports, name) for name in known[:4]),
    )


def _panel(reports: Reports, metric: str) -> Panel:
    values = [report.totals.figures.get(metric) for report in reports]
    return Panel(
        title=METRICS[metric].label,
        series=(METRICS[metric].label,),
        wholes=(max(value or 0 for value in values),),
        bars=tuple(
            Bar(label=name, color=PALETTE[place % len(PALETTE)], values=(value or 0,), notes=(_note(cell),))
            for place, (name, value, cell) in enumerate(
                zip(column_names(reports), values, _cells(reports, metric), strict=True)
            )
        ),
    )


def _note(cell: doc.Count) -> str:
    return ("" if cell.value is None else f"{'>= ' if cell.least else ''}{format_count(cell.value)}") or "not measured"


SIDE_BY_SIDE: doc.Telling[SideBySide] = doc.Telling(
    brief=lambda result: brief_document(result.reports),
    data=lambda result: _data(result.reports),
    record=lambda result: _record(result.reports),
    picture=lambda result: _picture(result.reports),
)
