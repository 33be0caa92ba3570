"""The modules of a report in a terminal: as a tree, or by component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archscope.render.cells import (
    THE_MODEL,
    TITLES,
    figure_columns,
    figures,
    own_figures,
    ranking,
    shown_metrics,
    total_cells,
)
from archscope.render.facts import children, figure, uncounted_paths
from archscope.render.style import Column, Style, lay_out
from archscope.report import ModuleRow, Report
from archscope.units import format_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What to show: ``by`` modules, components or operators; ``sort`` a metric, or ``order`` for the model's own.

    ``depth`` levels of modules and ``limit`` rows at most, 0 for all of them. ``columns`` are further figures.
    """

    by: str = "modules"
    depth: int = 2
    sort: str = "order"
    limit: int = 30
    columns: tuple[str, ...] = ()


def module_tree(report: Report, view: View, style: Style) -> list[str]:
    """Every module with its submodules below it, TOTAL last."""
    metric = ranking(view.sort)
    shown = shown_metrics(report, metric, view.columns)
    short, below = uncounted_paths(report), children(report)
    deep = [row for row in report.modules if row.path and (not view.depth or row.depth <= view.depth)]
    kept = {row.path for row in _outer_largest(deep, metric, view.limit)}
    rows: list[tuple[str, ...]] = []
    waiting = [*reversed(_sorted(below.get("", ()), view.sort))]
    while waiting:  # no recursion: a model may be nested deeper than Python's stack
        row = waiting.pop()
        if row.path in kept:
            name = "  " * (row.depth - 1) + row.path.rpartition(".")[2]
            rows.append((name, row.type, *figures(row, report, shown, style, short=row.path in short)))
            waiting += reversed(_sorted(below.get(row.path, ()), view.sort))
    root = report.modules[0]
    if any(figure(root, f"own_{name}") for name in shown):
        rows.append((THE_MODEL, root.type, *own_figures(report, shown, style)))
    rows.append(("TOTAL", "", *total_cells(report, shown)))
    columns = (Column(title="module", names=True), Column(title="type", names=True, optional=True))
    lines = lay_out((*columns, *figure_columns(shown)), rows, style, total=True)
    left_out = [row for row in deep if row.path not in kept]
    if left_out:
        lines.insert(-1, style.paint(_left_out(report, left_out, metric), "dim"))
    deeper = sum(1 for row in report.modules if row.path) - len(deep)
    if deeper:
        lines.append(style.paint(f"{deeper} modules below depth {view.depth} (--depth 0 shows them)", "dim"))
    return lines


def component_tree(report: Report, view: View, style: Style) -> list[str]:
    """The modules that each component claims, outermost ones only."""
    metric = ranking(view.sort)
    shown = shown_metrics(report, metric, view.columns)
    short = uncounted_paths(report)
    by_path = {row.path: row for row in report.modules}
    rows: list[tuple[str, ...]] = []
    for component in report.components:
        for row in _sorted([by_path[path] for path in component.modules], view.sort):
            cells = figures(row, report, shown, style, short=row.path in short)
            rows.append((component.name, row.path or THE_MODEL, *cells))
    limited = rows[: view.limit] if view.limit else rows
    columns = (Column(title="component", names=True), Column(title="module", names=True))
    lines = lay_out((*columns, *figure_columns(shown)), limited, style)
    if len(limited) < len(rows):
        lines.append(style.paint(f"+{len(rows) - len(limited)} more rows (-n 0 shows them)", "dim"))
    return lines


def _outer_largest(rows: Sequence[ModuleRow], metric: str, limit: int) -> Sequence[ModuleRow]:
    """The ``limit`` rows that say most: outer ones before inner ones, so that trees stay whole, then the largest."""
    ordered = sorted(rows, key=lambda row: (row.depth, -(figure(row, metric) or 0)))
    return ordered[:limit] if limit else ordered


def _sorted(rows: Sequence[ModuleRow], sort: str) -> Sequence[ModuleRow]:
    if sort == "order":
        return rows
    if sort == "name":
        return sorted(rows, key=lambda row: row.path)
    return sorted(rows, key=lambda row: -(figure(row, sort) or 0))


def _left_out(report: Report, rows: Sequence[ModuleRow], metric: str) -> str:
    outer = [figure(row, metric) or 0 for row in rows if row.depth == 1]
    share = format_percent(sum(outer), figure(report.totals, metric) or 0, 1)
    what = f"smaller rows, {share} of {TITLES[metric]}" if outer else "smaller rows inside those shown"
    return f"+{len(rows)} {what} (-n 0 shows them)"
