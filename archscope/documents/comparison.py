"""A comparison: both identities, the totals, the components and the changed modules, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archscope.documents import document as doc
from archscope.documents.columns import change_columns
from archscope.documents.comparison_view import ComparisonView
from archscope.documents.pictures import GREY, Bar, Panel, Sheet, component_colors
from archscope.metrics import METRICS, Rows, carried_by
from archscope.report_queries import changed_options, describe_inputs
from archscope.results.comparison import Change, Comparison, ComponentChange, ModuleChange, Side
from archscope.units import format_count, format_integer

_TAGS = {"new": "[NEW]", "deleted": "[DEL]", "both": ""}
_LISTED = 40  # changes inside the model's children that a page lists
_BARS = 10


def brief_document(comparison: Comparison, view: ComparisonView | None = None) -> doc.Document:
    """What a terminal shows of ``comparison``."""
    view = view or ComparisonView()
    base, head = comparison.base, comparison.head
    shown = _metrics(comparison, view.metric, wide=view.wide)
    lines = (f"head  {identity(head)}  {head.model.source}", f"input {_inputs(comparison)}")
    tables = (totals_table(comparison), _component_table(comparison, shown, view))
    blocks = (*doc.lines(*lines), *tables, *_module_blocks(comparison, view, shown))
    blocks = (*blocks, *_causes(comparison))
    return doc.Document(title=f"base  {identity(base)}", beside=base.model.source, blocks=blocks)


def _causes(comparison: Comparison) -> Iterator[doc.Block]:
    """What the export changed, where one of the two is the file of the other."""
    if comparison.causes:
        yield doc.table(
            doc.texts("what the export changed") + doc.figures("calls", "parameters") + doc.texts(""),
            (
                (cause.name, doc.Count(cause.calls), doc.Count(cause.parameters, sign=True), cause.what)
                for cause in comparison.causes
            ),
        )


def totals_table(comparison: Comparison) -> doc.Table:
    """Every total that either side knows, before and after."""
    sides = (comparison.totals.base, comparison.totals.head)
    return doc.table(
        (*doc.texts("total"), *change_columns(("",))),
        (
            (METRICS[name].label if name in METRICS else name, *_cells(comparison.totals, name, comparison))
            for name in ("modules", *METRICS)
            if any(side.get(name) is not None for side in sides)
        ),
    )


def full_document(comparison: Comparison, figure: str = "") -> doc.Document:
    """What a page says of ``comparison``; ``figure`` is the address of its picture, empty for none."""
    title = f"{identity(comparison.base)} and {identity(comparison.head)}"
    return doc.Document(title=title, blocks=tuple(_sections(comparison, figure)))


def _sections(comparison: Comparison, figure: str) -> Iterator[doc.Block]:
    base, head, shown = comparison.base, comparison.head, _metrics(comparison)
    yield doc.Paragraph(f"Input: {_inputs(comparison)}. Deltas are {head.model.name} minus {base.model.name}.")
    if not (base.complete and head.complete):
        yield doc.Paragraph("MACs and FLOPs with >= are lower bounds: operators without a formula ran.")
    yield from _causes(comparison)
    yield doc.Heading("Components")
    yield _component_table(comparison, shown)
    if figure:
        yield doc.Picture(address=figure, words="Parameters and MACs by component")
    children, same = _changed(comparison, ComparisonView())
    yield doc.Heading("Modules of the model")
    yield _module_table(comparison, children, shown, total=True)
    if same:
        yield doc.Paragraph(f"{same} unchanged.")
    inner = [row for row in _changed(comparison, ComparisonView(depth=0))[0] if row.depth > 1]
    if inner:
        yield doc.Heading("Inside them")
        yield _module_table(comparison, inner[:_LISTED], shown, total=False)
    if len(inner) > _LISTED:
        yield doc.Paragraph(f"{len(inner) - _LISTED} smaller changes are not listed.")


def identity(side: Side) -> str:
    """A model's name with the options that were set: ``featherface-baseline (bifpn_channels=32)``."""
    changed = [f"{option.name}={option.value}" for option in changed_options(side.model)]
    return f"{side.model.name} ({', '.join(changed)})" if changed else side.model.name


def _inputs(comparison: Comparison) -> str:
    before, after = (describe_inputs(side.inputs) or "not run" for side in (comparison.base, comparison.head))
    return before if before == after else f"{before} against {after}"


def _metrics(comparison: Comparison, metric: str = "parameters", *, wide: bool = False) -> tuple[str, ...]:
    """The metrics of a table: parameters, MACs and ``metric``, as far as either side was measured."""
    sides = (comparison.totals.base, comparison.totals.head)
    more = [name for name, one in carried_by(Rows.COMPONENTS).items() if one.prominent] if wide else []
    wanted = dict.fromkeys(("parameters", "macs", metric, *more))
    return tuple(name for name in wanted if any(side[name] is not None for side in sides))


def _cells(change: Change, metric: str, comparison: Comparison) -> tuple[doc.Cell, ...]:
    """Before, after, difference and percent of one metric."""
    bound = metric in METRICS and METRICS[metric].lower_bound
    before, delta = change.base.get(metric), change.delta.get(metric)
    return (
        doc.Count(before, least=bound and not comparison.base.complete),
        doc.Count(change.head.get(metric), least=bound and not comparison.head.complete),
        doc.Count(delta, sign=True),
        doc.Share(delta, before, change=True),
    )


def _figures(change: Change, comparison: Comparison, shown: Sequence[str]) -> Iterator[doc.Cell]:
    """How many modules, and the cells of each metric."""
    before, after = change.base.modules, change.head.modules
    yield format_integer(before) if before == after else f"{before:,} -> {after:,}"
    for name in shown:
        yield from _cells(change, name, comparison)


def _component_table(comparison: Comparison, shown: Sequence[str], view: ComparisonView | None = None) -> doc.Table:
    wants = (view or ComparisonView()).wants
    rows = [r for r in comparison.components if wants(r, comparison, path="", component=r.name, status=r.status)]
    return doc.table(
        (*doc.names("component"), *doc.texts(""), *doc.figures("modules", optional=True), *change_columns(shown)),
        ((row.name, _TAGS[row.status], *_figures(row, comparison, shown)) for row in rows),
        ("TOTAL", "", *_figures(comparison.totals, comparison, shown)),
    )


def _module_blocks(comparison: Comparison, view: ComparisonView, shown: Sequence[str]) -> Iterator[doc.Block]:
    changed, same = _changed(comparison, view)
    kept = changed[: view.limit] if view.limit else changed
    yield _module_table(comparison, kept, shown, total=True)
    hidden = sum(1 for row in comparison.modules if row.path and view.depth and row.depth > view.depth)
    unwanted = sum(1 for row in comparison.modules if row.path) - hidden - len(changed) - same
    notes = {
        f"+{len(changed) - len(kept)} smaller changes (-n 0 shows them)": len(kept) < len(changed),
        f"{same} unchanged module{'s' if same > 1 else ''}": same,
        f"{hidden} modules of either below depth {view.depth} (--depth 0 shows the changed ones)": hidden,
        f"{unwanted} modules that --where leaves out": unwanted,
    }
    yield from doc.lines(*(note for note, holds in notes.items() if holds), tone=doc.ASIDE)


def _changed(comparison: Comparison, view: ComparisonView) -> tuple[Sequence[ModuleChange], int]:
    """The changed modules down to the depth, the largest change first, and how many are unchanged."""
    within = [
        row
        for row in comparison.modules
        if row.path and (not view.depth or row.depth <= view.depth) and view.wants(row, comparison, **_names(row))
    ]
    changed = [row for row in within if row.is_changed]
    changed.sort(key=lambda row: (-abs(row.delta[view.metric] or 0), -abs(row.delta.parameters), row.path))
    return changed, len(within) - len(changed)


def _names(row: ModuleChange) -> dict[str, str | int]:
    component = row.head_component or row.base_component
    kind = row.head_type or row.base_type
    return {"path": row.path, "type": kind, "component": component, "status": row.status, "depth": row.depth}


def _module_table(
    comparison: Comparison, rows: Sequence[ModuleChange], shown: Sequence[str], *, total: bool
) -> doc.Table:
    names = doc.names("module") + doc.texts("") + doc.names("type", optional=True)
    return doc.table(
        (*names, *doc.figures("modules", optional=True), *change_columns(shown)),
        ((doc.Name(row.path), _TAGS[row.status], _type(row), *_figures(row, comparison, shown)) for row in rows),
        ("TOTAL", "", "", *_figures(comparison.totals, comparison, shown)) if total else (),
    )


def _type(row: ModuleChange) -> str:
    return " -> ".join(dict.fromkeys(kind for kind in (row.base_type, row.head_type) if kind))


def _data(comparison: Comparison) -> doc.Table:
    """A row for the total, then one for each component and module (with its submodules; the root's name is empty)."""
    metrics, sides = [*comparison.totals.base], ("base", "head", "delta")
    rows: list[tuple[str, str, str, Change]] = [("total", "", "both", comparison.totals)]
    rows += [("component", row.name, row.status, row) for row in comparison.components]
    rows += [("module", row.path, row.status, row) for row in comparison.modules]
    return doc.table(
        doc.texts("kind", "name", "status", *(f"{side}_{name}" for name in metrics for side in sides)),
        (
            (*said, *(doc.Count(side.get(name)) for name in metrics for side in (row.base, row.head, row.delta)))
            for *said, row in rows
        ),
    )


def _for_paper(comparison: Comparison) -> doc.Document:
    """Components and total before, after, and the difference, in parameters and MACs."""
    shown = _metrics(comparison)

    def cells(label: str, row: Change) -> tuple[doc.Cell, ...]:
        return (label, *(cell for name in shown for cell in _cells(row, name, comparison)))

    columns = [*doc.texts("Component")]
    for name in shown:
        columns += doc.figures(f"{METRICS[name].title} before", "after", "Δ", "%")
    caption = f"{comparison.base.model.name} and {comparison.head.model.name}"
    rows = (cells(row.name, row) for row in comparison.components)
    paper = doc.table(columns, rows, cells("Total", comparison.totals), caption=caption)
    return doc.Document(title=caption, blocks=(paper,))


def _picture(comparison: Comparison) -> Sheet:
    """Parameters and MACs of each component before and after, bars of one panel to one scale."""
    totals, shown = comparison.totals, _metrics(comparison)
    parts = [
        f"{METRICS[name].label} {format_integer(totals.base[name])} to {format_integer(totals.head[name])}"
        for name in shown
    ]
    inputs = describe_inputs(comparison.base.inputs)
    return Sheet(
        title=f"{identity(comparison.base)} and {identity(comparison.head)}",
        subtitle=", ".join([*parts, *([f"input {inputs}"] if inputs else [])]),
        panels=tuple(_panel(comparison, name) for name in shown),
    )


def _panel(comparison: Comparison, metric: str) -> Panel:
    """One metric of each component; the rows are the same in every panel, and in the order of the components."""
    colors = component_colors([*comparison.base.components, *comparison.head.components])
    rows, rest = _drawn(comparison)
    pairs = [(row.name, colors[row.name], (row.base[metric] or 0, row.head[metric] or 0)) for row in rows]
    if rest:
        sums = [
            sum(side[metric] or 0 for side in sides) for sides in zip(*((r.base, r.head) for r in rest), strict=True)
        ]
        pairs.append((f"{len(rest)} others", GREY, (sums[0], sums[1])))
    largest = max((value for *_, values in pairs for value in values), default=0)
    return Panel(
        title=f"{METRICS[metric].label} by component",
        series=(comparison.base.model.name, comparison.head.model.name),
        wholes=(largest, largest),
        bars=tuple(_bar(*pair) for pair in pairs),
    )


def _drawn(comparison: Comparison) -> tuple[list[ComponentChange], list[ComponentChange]]:
    """The components with a bar of their own, in order, and the smaller ones that share one."""
    shown, place = _metrics(comparison), [*comparison.base.components, *comparison.head.components].index
    rows = [row for row in comparison.components if any(side[name] for name in shown for side in (row.base, row.head))]
    rows.sort(key=lambda row: place(row.name))
    if len(rows) <= _BARS:
        return rows, []
    ranked = sorted(rows, key=lambda row: -max(row.base[shown[0]] or 0, row.head[shown[0]] or 0))
    kept = {row.name for row in ranked[: _BARS - 1]}
    return [row for row in rows if row.name in kept], [row for row in rows if row.name not in kept]


def _bar(label: str, color: str, values: tuple[int, int]) -> Bar:
    before, after = values
    change = str(doc.Share(after - before, before, change=True)) or str(doc.Count(after - before, sign=True))
    notes = (format_count(before, 1), f"{format_count(after, 1)} ({change})")
    return Bar(label=label, color=color, values=values, notes=notes)


COMPARISON: doc.Telling[Comparison] = doc.Telling(
    brief=brief_document,
    full=full_document,
    data=_data,
    paper=_for_paper,
    record=Comparison.plain,
    picture=_picture,
    titles={"latex": "the components as a LaTeX table"},
    protocols={"html": ("the page of both models", "archscope.protocols.page:render_html")},
)
