"""The cells that text tables share: a figure, its share of the whole, a bar."""

from __future__ import annotations

from collections.abc import Mapping

from archscope.render.facts import bounded, figure, metrics
from archscope.render.style import Column, Style
from archscope.report import Report, Totals
from archscope.units import format_percent

TITLES = {"parameters": "parameters", "macs": "MACs", "flops": "FLOPs", "activations": "activations"}
THE_MODEL = "[the model itself]"


def ranking(sort: str) -> str:
    """The metric that says which rows are large when rows stand in the order ``sort``."""
    return "parameters" if sort in {"order", "name"} else sort


def shown_metrics(report: Report, metric: str, *, all_bars: bool = False) -> dict[str, bool]:
    """The metrics of a table, parameters, MACs and ``metric``, each with whether it has a bar."""
    wanted = {"parameters", "macs", metric}
    return {name: all_bars or name == metric for name in metrics(report) if name in wanted}


def figure_columns(shown: Mapping[str, bool]) -> tuple[Column, ...]:
    """The columns of ``figures``."""
    columns: list[Column] = []
    for metric, bar in shown.items():
        columns += [Column(title=TITLES[metric], right=True), Column(title="share", right=True)]
        if bar:
            columns.append(Column(title="", optional=True))
    return tuple(columns)


def figures(
    row: object, whole: Totals, shown: Mapping[str, bool], style: Style, *, short: bool = False
) -> tuple[str, ...]:
    """Value, share of ``whole`` and, where ``shown`` says so, a bar, for each metric of ``shown``."""
    cells: list[str] = []
    for metric, bar in shown.items():
        value, most = figure(row, metric), figure(whole, metric) or 0
        cells += [bounded(value, metric, short=short), format_percent(value or 0, most, 1)]
        if bar:
            cells.append("" if row is whole else style.bar(value or 0, most))
    return tuple(cells)


def total_cells(report: Report, shown: Mapping[str, bool]) -> tuple[str, ...]:
    """The figures of a last row, TOTAL."""
    return figures(report.totals, report.totals, shown, Style(), short=not report.totals.complete)
