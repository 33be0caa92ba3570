"""Modules as a table: a tree with runs of identical layers folded, or a flat list of those that hold the cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archscope.documents import document as doc
from archscope.documents.columns import THE_MODEL, FigureColumns, shown_metrics
from archscope.documents.repeats import Group, folded, kinds, run_name
from archscope.documents.report_tables import View, smaller_rows
from archscope.errors import UsageError
from archscope.measure.summing.path_patterns import PathPattern
from archscope.metrics import METRICS, Rows, carried_by
from archscope.records import Path
from archscope.report import ModuleRow, Report
from archscope.report_queries import children
from archscope.units import format_percent


def module_tree(report: Report, view: View) -> Iterator[doc.Block]:
    """Every module with its submodules below it; identical layers in a row are one row, with their figures together."""
    shown = shown_metrics(report, view.ranking, view.columns)
    told, below, root = FigureColumns(report, shown), children(report), report.modules[0]
    deep = [row for row in report.modules if row.path and (not view.depth or row.depth <= view.depth)]
    groups = [*_groups(view, below, kinds(report), {row.path: row for row in report.modules})]
    kept = {group[0].path for group in _outer_largest(groups, view.ranking, view.limit)}
    rows = [
        doc.Row((run_name(group), _type(group), *told.cells(*group)), indent=group[0].depth - 1)
        for group in groups
        if group[0].path in kept
    ]
    if any(root.own.get(name) for name in shown):
        rows.append(doc.Row((THE_MODEL, root.type, *told.cells(root.own))))
    left_out = [group for group in groups if group[0].path not in kept]
    yield doc.table(
        (*doc.names("module"), *doc.names("type", optional=True), *told.columns()),
        rows,
        ("TOTAL", "", *told.total()),
        left_out=_left_out(report, left_out, view.ranking) if left_out else "",
    )
    deeper = sum(1 for row in report.modules if row.path) - len(deep)
    if deeper:
        yield from doc.lines(f"{deeper} modules below depth {view.depth} (--depth 0 shows them)", tone=doc.ASIDE)


def flat_modules(report: Report, view: View) -> Iterator[doc.Block]:
    """The modules that hold some cost themselves, by their whole paths and without submodules, so that rows add up."""
    metric = view.ranking
    patterns = [PathPattern(pattern) for pattern in view.patterns]
    shown = shown_metrics(report, metric, [name for name in view.columns if name in carried_by(Rows.COMPONENTS)])
    told, chosen = FigureColumns(report, shown), bool(patterns or view.where)
    wanted = [row for row in report.modules if not patterns or any(one.matches(row.path) for one in patterns)]
    if not wanted:
        raise UsageError(
            f"no module matches {', '.join(map(repr, view.patterns))}", help="'dec.**' matches dec and all below it"
        )
    found = [row for row in wanted if any(row.own.get(name) for name in shown) and _is_wanted(row, view, report)]
    if view.sort == "name":
        found.sort(key=lambda row: row.path)
    elif view.sort != "order" or not patterns:
        found.sort(key=lambda row: -(row.own.get(metric) or 0))
    kept = found[: view.limit] if view.limit else found
    rest = sum(row.own.get(metric) or 0 for row in found[len(kept) :])
    share = format_percent(rest, report.totals[metric] or 0, 1)
    left_out = f"+{smaller_rows(len(found) - len(kept))}, {share} of {METRICS[metric].label} (-n 0 shows them)"
    yield doc.table(
        (*doc.names("module"), *doc.names("type", optional=True), *told.columns()),
        ((row.path or THE_MODEL, row.type, *told.cells(row.own)) for row in kept),
        ("MATCHED" if chosen else "TOTAL", "", *_sum_of(told, found, chosen=chosen)),
        left_out=left_out if len(kept) < len(found) else "",
    )


def _is_wanted(row: ModuleRow, view: View, report: Report) -> bool:
    """Whether the figures of ``row`` without its submodules are those that were asked for."""
    names = {"path": row.path, "type": row.type, "component": row.component}
    whole = report.totals.figures
    values = {**row.own, **names, "depth": row.depth, "calls": row.calls}
    return view.where is None or view.where.holds(values, whole)


def _sum_of(told: FigureColumns, found: Sequence[ModuleRow], *, chosen: bool) -> Iterator[doc.Cell]:
    if not found and chosen:
        return told.nothing()
    return told.cells(*(row.own for row in found)) if found else told.total()


def _groups(
    view: View,
    below: Mapping[Path, Sequence[ModuleRow]],
    known: Mapping[Path, int],
    by_path: Mapping[Path, ModuleRow],
) -> Iterator[Group]:
    """The rows of the tree in order, each a module or a run of identical ones."""
    waiting = [*reversed(_folded([(row,) for row in below.get("", ())], view.sort, known))]
    while waiting:  # no recursion: a model may be nested deeper than Python's stack
        group = waiting.pop()
        if view.depth and group[0].depth > view.depth:
            continue
        yield group
        inner: list[Group] = [
            tuple(by_path[f"{row.path}.{child.path.rpartition('.')[2]}"] for row in group)
            for child in below.get(group[0].path, ())
        ]
        waiting += reversed(_folded(inner, view.sort, known))


def _folded(groups: Sequence[Group], sort: str, known: Mapping[Path, int]) -> list[Group]:
    """``groups`` of siblings, sorted, with runs of numbered and identical ones joined."""
    if sort == "name":
        groups = sorted(groups, key=lambda group: group[0].path)
    elif sort != "order":
        groups = sorted(groups, key=lambda group: -sum(row[sort] or 0 for row in group))
    return folded(groups, known)


def _type(group: Group) -> str:
    return group[0].type


def _outer_largest(groups: Sequence[Group], metric: str, limit: int) -> Sequence[Group]:
    """The ``limit`` rows that say most: outer ones before inner ones, so that trees stay whole, then the largest."""
    ordered = sorted(groups, key=lambda group: (group[0].depth, -sum(row[metric] or 0 for row in group)))
    return ordered[:limit] if limit else ordered


def _left_out(report: Report, groups: Sequence[Group], metric: str) -> str:
    outer = [row[metric] or 0 for group in groups for row in group if row.depth == 1]
    share = format_percent(sum(outer), report.totals[metric] or 0, 1)
    what = f", {share} of {METRICS[metric].label}" if outer else " inside those shown"
    return f"+{smaller_rows(len(groups))}{what} (-n 0 shows them)"
