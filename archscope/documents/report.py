"""A report in brief: who and how, the totals, the components, then modules, components or operators, TOTAL last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from archscope.documents.columns import (
    THE_MODEL,
    figure_cells,
    figure_columns,
    shown_metrics,
)
from archscope.documents.document import (
    ASIDE,
    DOUBTFUL,
    Block,
    Cell,
    Column,
    Document,
    Facts,
    Name,
    Paragraph,
    Row,
    Table,
    Telling,
    joined,
    sentence,
)
from archscope.documents.pictures import report_sheet
from archscope.documents.report_in_full import full_document
from archscope.documents.report_tables import (
    View,
    components_for_paper,
    modules_table,
    operators_table,
    step_facts,
    total_facts,
)
from archscope.judge.reservations import reservations
from archscope.metrics import METRICS, Rows, carried_by
from archscope.report import ModuleRow, Report
from archscope.report_queries import (
    UNDECIDED,
    ancestors,
    children,
    describe_inputs,
    parent,
    short_components,
    uncounted_paths,
    unseen,
)
from archscope.serial import to_plain
from archscope.units import format_percent

_LISTED = 5  # modules that a note names


def brief_document(report: Report, view: View | None = None) -> Document:
    """What a terminal shows of ``report``."""
    view = view or View()
    draw = {"modules": _module_tree, "components": _component_modules, "operators": operators_table}[view.by]
    blocks: list[Block] = [*_identity(report), Facts(facts=total_facts(report))]
    blocks += [Facts(facts=step_facts(report), title="one training step")] if report.totals.training else []
    for rule in report.conventions:
        text = f"{rule.name} counts {rule.counted:,} and {rule.parameters:,} parameters: {rule.description}"
        blocks.append(Paragraph(text=text, close=rule is not report.conventions[0]))
    blocks += [_component_table(report, view), *draw(report, view)]
    notes = [*_notes(report)]
    blocks += [replace(note, close=place > 0) for place, note in enumerate(notes)]
    return Document(title=report.model.name, beside=report.model.source, blocks=tuple(blocks))


def _identity(report: Report) -> Iterator[Paragraph]:
    model = report.model
    changed = [f"{option.name}={option.value}" for option in model.options if option.value != option.default]
    lines = [model.description, f"options  {', '.join(changed)}" if changed else ""]
    if report.totals.macs is None:
        lines.append(f"not run: parameters only ({model.fallback or 'no input is known'})")
    else:
        lines.append(f"input  {describe_inputs(report.inputs) or 'none'}  ({model.mode} mode, {model.device})")
        lines.append(f"not on meta: {model.fallback}" if model.fallback else "")
    return (Paragraph(text=line, close=True) for line in lines if line)


def _component_table(report: Report, view: View) -> Table:
    short, ran = short_components(report), report.totals.macs is not None
    known = tuple(name for name in view.columns if name in carried_by(Rows.COMPONENTS) or name not in METRICS)
    shown = shown_metrics("parameters", known, run=ran, all_bars=True)
    return Table(
        columns=(
            Column(title="component", names=True),
            *figure_columns(shown),
            Column(title="", names=True, optional=True),
        ),
        rows=tuple(
            Row(cells=(row.name, *figure_cells(row, report.totals, shown, short=row.name in short), row.description))
            for row in report.components
        ),
        total=Row(cells=("TOTAL", *_total_cells(report, shown), "")),
    )


def _total_cells(report: Report, shown: dict[str, int]) -> tuple[Cell, ...]:
    whole = report.modules[0]
    return figure_cells(whole, whole, shown, short=not report.totals.complete, bars=False)


def _module_tree(report: Report, view: View) -> Iterator[Block]:
    """Every module with its submodules below it."""
    shown = shown_metrics(view.ranking, view.columns, run=report.totals.macs is not None)
    short, below, root = uncounted_paths(report), children(report), report.modules[0]
    deep = [row for row in report.modules if row.path and (not view.depth or row.depth <= view.depth)]
    kept = {row.path for row in _outer_largest(deep, view.ranking, view.limit)}
    rows: list[Row] = []
    waiting = [*reversed(_sorted(below.get("", ()), view.sort))]
    while waiting:  # no recursion: a model may be nested deeper than Python's stack
        row = waiting.pop()
        if row.path in kept:
            cells = figure_cells(row, root, shown, short=row.path in short)
            rows.append(Row(cells=(row.path.rpartition(".")[2], row.type, *cells), indent=row.depth - 1))
            waiting += reversed(_sorted(below.get(row.path, ()), view.sort))
    if any(root.own.get(name) for name in shown):
        own = figure_cells(root.own, root, shown, short=False)
        rows.append(Row(cells=(THE_MODEL, root.type, *own)))
    left_out = [row for row in deep if row.path not in kept]
    yield Table(
        columns=(
            Column(title="module", names=True),
            Column(title="type", names=True, optional=True),
            *figure_columns(shown),
        ),
        rows=tuple(rows),
        total=Row(cells=("TOTAL", "", *_total_cells(report, shown))),
        left_out=_left_out(report, left_out, view.ranking) if left_out else "",
    )
    deeper = sum(1 for row in report.modules if row.path) - len(deep)
    if deeper:
        text = f"{deeper} modules below depth {view.depth} (--depth 0 shows them)"
        yield Paragraph(text=text, tone=ASIDE, close=True)


def _component_modules(report: Report, view: View) -> Iterator[Block]:
    """The modules that each component claims, outermost ones only."""
    shown = shown_metrics(view.ranking, view.columns, run=report.totals.macs is not None)
    short, by_path = uncounted_paths(report), {row.path: row for row in report.modules}
    rows = [
        Row(
            cells=(
                component.name,
                row.path or THE_MODEL,
                *figure_cells(row, report.modules[0], shown, short=row.path in short, bars=bool(row.path)),
            )
        )
        for component in report.components
        for row in _sorted([by_path[path] for path in component.modules], view.sort)
    ]
    kept = rows[: view.limit] if view.limit else rows
    names = (Column(title="component", names=True), Column(title="module", names=True))
    more = f"+{len(rows) - len(kept)} more rows (-n 0 shows them)" if len(kept) < len(rows) else ""
    yield Table(columns=(*names, *figure_columns(shown)), rows=tuple(kept), left_out=more)


def _notes(report: Report) -> Iterator[Paragraph]:
    yield from _not_counted(report)
    if report.uncalled:
        outer = [path for path in report.uncalled if not any(above in report.uncalled for above in ancestors(path))]
        yield Paragraph(text=sentence("never called: ", _listed(outer)))
    if report.mixtures:
        yield Paragraph(text=sentence("experts: ", _listed([row.path for row in report.mixtures])))
    for module in report.modules:
        if module.aliases:
            yield Paragraph(text=sentence("shared: ", Name(module.path), " is also ", _listed(module.aliases)))
    for path, aliases in _tied(report):
        yield Paragraph(text=sentence("tied: ", Name(path), " is also ", _listed(aliases)))


def _not_counted(report: Report) -> Iterator[Paragraph]:
    listed = {row.op for row in report.uncounted}
    further = [row for row in report.training_uncounted if row.op not in listed]
    for where, rows in (("", report.uncounted), (" in the training step", further)):
        for row in rows:
            calls = "1 call" if row.calls == 1 else f"{row.calls} calls"
            text = sentence(f"not counted{where}: ", Name(row.op), f", {calls} in ", _listed(row.modules))
            yield Paragraph(text=text, tone=DOUBTFUL)
    for flow in report.undecided:
        yield Paragraph(text=sentence(f"{flow.op} in ", _listed([flow.path]), f": {UNDECIDED[flow.taken]}"))
    if said := unseen(report):
        yield Paragraph(text=said)
    for line in reservations(report):
        yield Paragraph(text=line, tone=DOUBTFUL)
    if report.uncounted:
        yield Paragraph(text="MACs and FLOPs are lower bounds (>=)")
    elif report.training_uncounted:
        yield Paragraph(text="the MACs and FLOPs of the training step are lower bounds (>=)")


def _tied(report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The parameters with further names that no shared module explains."""
    places = {row.path: {row.path, *row.aliases} for row in report.modules}
    for record in report.parameters:
        known = places.get(parent(record.path), set())
        further = tuple(alias for alias in record.aliases if parent(alias) not in known)
        if further:
            yield record.path, further


def _listed(paths: Sequence[str]) -> Any:
    names = [Name(path) if path else THE_MODEL for path in paths[:_LISTED]]
    more = len(paths) - len(names)
    return sentence(joined(names, last=", "), f" and {more} more" if more else "")


def _outer_largest(rows: Sequence[ModuleRow], metric: str, limit: int) -> Sequence[ModuleRow]:
    """The ``limit`` rows that say most: outer ones before inner ones, so that trees stay whole, then the largest."""
    ordered = sorted(rows, key=lambda row: (row.depth, -(row[metric] or 0)))
    return ordered[:limit] if limit else ordered


def _sorted(rows: Sequence[ModuleRow], sort: str) -> Sequence[ModuleRow]:
    if sort == "order":
        return rows
    if sort == "name":
        return sorted(rows, key=lambda row: row.path)
    return sorted(rows, key=lambda row: -(row[sort] or 0))


def _left_out(report: Report, rows: Sequence[ModuleRow], metric: str) -> str:
    outer = [row[metric] or 0 for row in rows if row.depth == 1]
    share = format_percent(sum(outer), report.totals[metric] or 0, 1)
    what = f"smaller rows, {share} of {METRICS[metric].label}" if outer else "smaller rows inside those shown"
    return f"+{len(rows)} {what} (-n 0 shows them)"


REPORT: Telling[Report] = Telling(
    brief=brief_document,
    full=full_document,
    data=modules_table,
    paper=components_for_paper,
    record=lambda report: to_plain(replace(report, calls=None)),
    picture=report_sheet,
    titles={"csv": "CSV, a row per module,", "latex": "the components as a LaTeX table"},
    protocols={
        "html": ("the page", "archscope.protocols.page:render_html"),
        "graph": ("the component graph as SVG", "archscope.protocols.page.graph:component_graph"),
    },
)
