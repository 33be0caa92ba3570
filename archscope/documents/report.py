"""A report in brief: who and how, the totals, the components, then modules, components or operators, TOTAL last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archscope.documents import document as doc
from archscope.documents.columns import (
    INTENSITY,
    THE_MODEL,
    FigureColumns,
    path_name,
    path_names,
    shown_metrics,
    was_run,
)
from archscope.documents.module_tree import flat_modules, module_tree
from archscope.documents.pictures import report_sheet
from archscope.documents.receptive_field import FIELD_COLUMNS, field_notes
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
from archscope.metrics import Rows, carried_by
from archscope.report import UNASSIGNED, ModuleRow, Report
from archscope.report_queries import (
    UNDECIDED,
    ancestors,
    changed_options,
    describe_inputs,
    parent,
    unseen,
)
from archscope.serial import to_plain

_LISTED = 5  # modules that a note names


def brief_document(report: Report, view: View | None = None) -> doc.Document:
    """What a terminal shows of ``report``."""
    view = view or View()
    tree = flat_modules if view.lists else module_tree
    draw = {"modules": tree, "components": _component_modules, "operators": operators_table}[view.by]
    blocks: list[doc.Block] = [*doc.lines(*identity(report)), doc.Facts(total_facts(report))]
    blocks += [doc.Facts(step_facts(report), title="one training step")] if report.totals.training else []
    blocks += doc.together(
        doc.Paragraph(f"{rule.name} counts {rule.counted:,} and {rule.parameters:,} parameters: {rule.description}")
        for rule in report.conventions
    )
    said = field_notes(report) if {*view.columns} & {*FIELD_COLUMNS} else ()
    if any(row.name != UNASSIGNED for row in report.components):
        blocks.append(_component_table(report, view))
    blocks += [*draw(report, view), *doc.together([*warnings(report), *notes(report), *said])]
    return doc.Document(title=report.model.name, beside=report.model.source, blocks=tuple(blocks))


def identity(report: Report) -> Iterator[str]:
    """Which model it is, with the options that were set, and how it was run."""
    model = report.model
    changed = [f"{option.name}={option.value}" for option in changed_options(model)]
    yield from [model.description] if model.description else []
    yield from [f"options  {', '.join(changed)}"] if changed else []
    if not was_run(report):
        yield f"not run: parameters only ({model.fallback or 'no input is known'})"
        return
    yield f"input  {describe_inputs(report.inputs) or 'none'}  ({model.mode} mode, {model.device})"
    where = "" if model.device == "meta" else "not on meta: "
    yield from [f"{where}{model.fallback}"] if model.fallback else []


def _component_table(report: Report, view: View) -> doc.Table:
    known = [name for name in view.columns if name in carried_by(Rows.COMPONENTS) or name == INTENSITY]
    told = FigureColumns(report, shown_metrics(report, "parameters", known, all_bars=True))
    return doc.table(
        (*doc.names("component"), *told.columns(), *doc.names("", optional=True)),
        ((row.name, *told.cells(row), row.description) for row in report.components),
        ("TOTAL", *told.total(), ""),
    )


def _component_modules(report: Report, view: View) -> Iterator[doc.Block]:
    """The modules that each component claims, outermost ones only."""
    told = FigureColumns(report, shown_metrics(report, view.ranking, view.columns))
    by_path = {row.path: row for row in report.modules}
    rows = [
        (component.name, row.path or THE_MODEL, *told.cells(row, bars=bool(row.path)))
        for component in report.components
        for row in _sorted([by_path[path] for path in component.modules], view.sort)
        if view.wants(row, report, component=component.name, path=row.path, type=row.type)
    ]
    kept = rows[: view.limit] if view.limit else rows
    more = f"+{len(rows) - len(kept)} more rows (-n 0 shows them)" if len(kept) < len(rows) else ""
    yield doc.table((*doc.names("component", "module"), *told.columns()), kept, left_out=more)


def warnings(report: Report) -> Iterator[doc.Paragraph]:
    """What was not counted, and what that means for the figures."""
    listed = {row.op for row in report.uncounted}
    further = [row for row in report.training_uncounted if row.op not in listed]
    for where, rows in (("", report.uncounted), (" in the training step", further)):
        for row in rows:
            calls = f", {row.calls} call{'s' if row.calls != 1 else ''} in "
            modules = path_names(row.modules, _LISTED)
            text = doc.sentence(f"not counted{where}: ", doc.Name(row.op), calls, modules)
            yield doc.Paragraph(text, tone=doc.DOUBTFUL)
    for flow in report.undecided:
        text = doc.sentence(f"{flow.op} in ", path_name(flow.path), f": {UNDECIDED[flow.taken]}")
        yield doc.Paragraph(text, tone=doc.DOUBTFUL)
    if said := unseen(report):
        yield doc.Paragraph(said)
    for line in reservations(report):
        yield doc.Paragraph(line, tone=doc.DOUBTFUL)
    if report.uncounted:
        yield doc.Paragraph("MACs and FLOPs are lower bounds (>=)")
    elif report.training_uncounted:
        yield doc.Paragraph("the MACs and FLOPs of the training step are lower bounds (>=)")


def notes(report: Report) -> Iterator[doc.Paragraph]:
    """What was never called, picked by routers, shared or tied."""
    if report.uncalled:
        outer = [path for path in report.uncalled if not any(above in report.uncalled for above in ancestors(path))]
        yield doc.Paragraph(doc.sentence("never called: ", path_names(outer, _LISTED)))
    if report.mixtures:
        yield doc.Paragraph(doc.sentence("experts: ", path_names([row.path for row in report.mixtures], _LISTED)))
    shared = [("shared: ", row.path, row.aliases) for row in report.modules if row.aliases]
    for word, path, aliases in [*shared, *_tied(report)]:
        yield doc.Paragraph(doc.sentence(word, path_name(path), " is also ", path_names(aliases, _LISTED)))
    for row in report.shared:
        if row.caller != parent(row.owner):
            runs = f" runs {row.macs:,} MACs of "
            owner = doc.Name(row.owner)
            yield doc.Paragraph(doc.sentence("shared: ", path_name(row.caller), runs, owner, ", counted there"))


def _tied(report: Report) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The parameters with further names that no shared module explains."""
    places = {row.path: {row.path, *row.aliases} for row in report.modules}
    for record in report.parameters:
        known = places.get(parent(record.path), set())
        if further := tuple(alias for alias in record.aliases if parent(alias) not in known):
            yield "tied: ", record.path, further


def _sorted(rows: Sequence[ModuleRow], sort: str) -> Sequence[ModuleRow]:
    if sort == "order":
        return rows
    if sort == "name":
        return sorted(rows, key=lambda row: row.path)
    return sorted(rows, key=lambda row: -(row[sort] or 0))


REPORT: doc.Telling[Report] = doc.Telling(
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
