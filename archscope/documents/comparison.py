"""A comparison: both identities, the totals, the components and the changed modules, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archscope.documents.columns import change_columns
from archscope.documents.document import (
    ASIDE,
    Block,
    Cell,
    Column,
    Count,
    Document,
    Heading,
    Inline,
    Name,
    Paragraph,
    Picture,
    Row,
    Share,
    Table,
    Telling,
    sentence,
)
from archscope.documents.pictures import Bar, Panel, Sheet, component_colors
from archscope.metrics import METRICS
from archscope.report_queries import describe_inputs
from archscope.results.comparison import (
    Change,
    ComparedFigures,
    Comparison,
    ComponentChange,
    ModuleChange,
    Side,
)
from archscope.serial import to_plain
from archscope.units import format_count, format_integer

_TAGS = {"new": "[NEW]", "deleted": "[DEL]", "both": ""}
_LISTED = 40  # changes inside the model's children that a page lists
_BARS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonView:
    """What to show: changes of ``metric`` first, modules down to ``depth``, ``limit`` of them at most (0: all)."""

    metric: str = "parameters"
    depth: int = 1
    limit: int = 30


def brief_document(comparison: Comparison, view: ComparisonView | None = None) -> Document:
    """What a terminal shows of ``comparison``."""
    view = view or ComparisonView()
    base, head = comparison.base, comparison.head
    lines = [sentence("head  ", identity(head), f"  {head.model.source}"), f"input {_inputs(comparison)}"]
    shown = _metrics(comparison, view.metric)
    totals = Table(
        columns=(Column(title="total"), *change_columns(("",))),
        rows=tuple(
            Row(cells=(METRICS[name].label if name in METRICS else name, *_cells(comparison.totals, name, comparison)))
            for name in ("modules", *METRICS)
            if (comparison.totals.base.get(name), comparison.totals.head.get(name)) != (None, None)
        ),
    )
    return Document(
        title=f"base  {identity(base)}",
        beside=base.model.source,
        blocks=(
            *(Paragraph(text=line, close=True) for line in lines),
            totals,
            _component_table(comparison, shown),
            *_module_blocks(comparison, view, shown),
        ),
    )


def full_document(comparison: Comparison, figure: str = "") -> Document:
    """What a page says of ``comparison``; ``figure`` is the address of its picture, empty for none."""
    base, head = comparison.base, comparison.head
    return Document(
        title=f"{identity(base)} and {identity(head)}", blocks=tuple(_sections(comparison, base, head, figure))
    )


def _sections(comparison: Comparison, base: Side, head: Side, figure: str) -> Iterator[Block]:
    shown = _metrics(comparison)
    yield Paragraph(text=f"Input: {_inputs(comparison)}. Deltas are {head.model.name} minus {base.model.name}.")
    if not (base.complete and head.complete):
        yield Paragraph(text="MACs and FLOPs with >= are lower bounds: operators without a formula ran.")
    yield Heading(text="Components")
    yield _component_table(comparison, shown)
    if figure:
        yield Picture(address=figure, words="Parameters and MACs by component")
    children, same = _changed(comparison, ComparisonView())
    yield Heading(text="Modules of the model")
    yield _module_table(comparison, children, shown, total=True)
    if same:
        yield Paragraph(text=f"{same} unchanged.")
    inner = [row for row in _changed(comparison, ComparisonView(depth=0))[0] if row.depth > 1]
    if inner:
        yield Heading(text="Inside them")
        yield _module_table(comparison, inner[:_LISTED], shown, total=False)
    if len(inner) > _LISTED:
        yield Paragraph(text=f"{len(inner) - _LISTED} smaller changes are not listed.")


def identity(side: Side) -> str:
    """A model's name with the options that were set: ``featherface-baseline (bifpn_channels=32)``."""
    changed = [f"{option.name}={option.value}" for option in side.model.options if option.value != option.default]
    return f"{side.model.name} ({', '.join(changed)})" if changed else side.model.name


def _inputs(comparison: Comparison) -> str:
    before, after = (describe_inputs(side.inputs) or "not run" for side in (comparison.base, comparison.head))
    return before if before == after else f"{before} against {after}"


def _metrics(comparison: Comparison, metric: str = "parameters") -> tuple[str, ...]:
    """The metrics of a table: parameters, MACs and ``metric``, as far as either side was measured."""
    sides = (comparison.totals.base, comparison.totals.head)
    wanted = dict.fromkeys(("parameters", "macs", metric))
    return tuple(name for name in wanted if any(side[name] is not None for side in sides))


def _cells(change: Change, metric: str, comparison: Comparison) -> tuple[Cell, ...]:
    """Before, after, difference and percent of one metric."""
    bound = metric in METRICS and METRICS[metric].lower_bound
    before, delta = change.base.get(metric), change.delta.get(metric)
    return (
        Count(before, least=bound and not comparison.base.complete),
        Count(change.head.get(metric), least=bound and not comparison.head.complete),
        Count(delta, sign=True),
        Share(delta, before, change=True),
    )


def _figures(change: Change, comparison: Comparison, shown: Sequence[str]) -> tuple[Cell, ...]:
    before, after = change.base.modules, change.head.modules
    count = format_integer(before) if before == after else f"{before:,} -> {after:,}"
    return (count, *(cell for name in shown for cell in _cells(change, name, comparison)))


def _component_table(comparison: Comparison, shown: Sequence[str]) -> Table:
    return Table(
        columns=(
            Column(title="component", names=True),
            Column(title=""),
            Column(title="modules", figures=True, optional=True),
            *change_columns(shown),
        ),
        rows=tuple(
            Row(cells=(row.name, _TAGS[row.status], *_figures(row, comparison, shown))) for row in comparison.components
        ),
        total=Row(cells=("TOTAL", "", *_figures(comparison.totals, comparison, shown))),
    )


def _module_blocks(comparison: Comparison, view: ComparisonView, shown: Sequence[str]) -> Iterator[Block]:
    changed, same = _changed(comparison, view)
    kept = changed[: view.limit] if view.limit else changed
    yield _module_table(comparison, kept, shown, total=True)
    hidden = sum(1 for row in comparison.modules if row.path) - len(changed) - same
    for text, said in (
        (f"+{len(changed) - len(kept)} smaller changes (-n 0 shows them)", len(kept) < len(changed)),
        (f"{same} unchanged module{'s' if same > 1 else ''}", same),
        (f"{hidden} modules of either below depth {view.depth} (--depth 0 shows the changed ones)", hidden),
    ):
        if said:
            yield Paragraph(text=text, tone=ASIDE, close=True)


def _changed(comparison: Comparison, view: ComparisonView) -> tuple[Sequence[ModuleChange], int]:
    """The changed modules down to the depth, the largest change first, and how many are unchanged."""
    within = [row for row in comparison.modules if row.path and (not view.depth or row.depth <= view.depth)]
    changed = [row for row in within if row.is_changed]
    changed.sort(key=lambda row: (-abs(row.delta[view.metric] or 0), -abs(row.delta.parameters), row.path))
    return changed, len(within) - len(changed)


def _module_table(comparison: Comparison, rows: Sequence[ModuleChange], shown: Sequence[str], *, total: bool) -> Table:
    return Table(
        columns=(
            Column(title="module", names=True),
            Column(title=""),
            Column(title="type", names=True, optional=True),
            Column(title="modules", figures=True, optional=True),
            *change_columns(shown),
        ),
        rows=tuple(
            Row(cells=(Name(row.path), _TAGS[row.status], _type(row), *_figures(row, comparison, shown)))
            for row in rows
        ),
        total=Row(cells=("TOTAL", "", "", *_figures(comparison.totals, comparison, shown))) if total else None,
    )


def _type(row: ModuleChange) -> Inline:
    types = dict.fromkeys(kind for kind in (row.base_type, row.head_type) if kind)
    return " -> ".join(types)


def _data(comparison: Comparison) -> Table:
    """A row for the total, then one for each component and module (with its submodules; the root's name is empty)."""
    names = [*comparison.totals.base]
    rows: list[tuple[str, str, str, Change]] = [("total", "", "both", comparison.totals)]
    rows += [("component", row.name, row.status, row) for row in comparison.components]
    rows += [("module", row.path, row.status, row) for row in comparison.modules]
    sides = ("base", "head", "delta")
    keys = ("kind", "name", "status", *(f"{side}_{name}" for name in names for side in sides))
    return Table(
        columns=tuple(Column(title=key, key=key) for key in keys),
        rows=tuple(
            Row(
                cells=(
                    *texts,
                    *(Count(figures.get(name)) for name in names for figures in (row.base, row.head, row.delta)),
                )
            )
            for *texts, row in rows
        ),
    )


def _for_paper(comparison: Comparison) -> Document:
    """Components and total before, after, and the difference, in parameters and MACs."""
    shown = _metrics(comparison)
    columns = [Column(title="Component")]
    for name in shown:
        titles = (f"{METRICS[name].title} before", "after", "Δ", "%")
        columns += [Column(title=title, figures=True) for title in titles]
    changes: list[tuple[str, ComponentChange | Change]] = [(row.name, row) for row in comparison.components]
    rows = [
        Row(cells=(label, *(cell for name in shown for cell in _cells(row, name, comparison))))
        for label, row in [*changes, ("Total", comparison.totals)]
    ]
    caption = f"{comparison.base.model.name} and {comparison.head.model.name}"
    table = Table(columns=tuple(columns), rows=tuple(rows[:-1]), total=rows[-1], caption=caption)
    return Document(title=caption, blocks=(table,))


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
    rows = [row for row in comparison.components if row.base[metric] or row.head[metric]]
    colors = component_colors(dict.fromkeys([*comparison.base.components, *comparison.head.components]))
    largest = max((side[metric] or 0 for row in rows for side in (row.base, row.head)), default=0)
    rows.sort(key=lambda row: (-(row.base[metric] or 0), -(row.head[metric] or 0), row.name))
    return Panel(
        title=f"{METRICS[metric].label} by component",
        series=(comparison.base.model.name, comparison.head.model.name),
        wholes=(largest, largest),
        bars=tuple(_bar(row.name, colors[row.name], row.base, row.head, metric) for row in rows[:_BARS]),
    )


def _bar(name: str, color: str, base: ComparedFigures, head: ComparedFigures, metric: str) -> Bar:
    before, after = base[metric] or 0, head[metric] or 0
    change = str(Share(after - before, before, change=True)) or str(Count(after - before, sign=True))
    notes = (format_count(before, 1), f"{format_count(after, 1)} ({change})")
    return Bar(label=name, color=color, values=(before, after), notes=notes)


COMPARISON: Telling[Comparison] = Telling(
    brief=brief_document,
    full=full_document,
    data=_data,
    paper=_for_paper,
    record=to_plain,
    picture=_picture,
    titles={"latex": "the components as a LaTeX table"},
    protocols={"html": ("the page of both models", "archscope.protocols.page:render_html")},
)
