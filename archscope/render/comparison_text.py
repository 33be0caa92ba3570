"""A comparison in a terminal: both identities, totals, components, changed modules with TOTAL last."""

from __future__ import annotations

from archscope.render.change import TAGS, TITLES, cells, metrics, module_rows, side_name
from archscope.render.facts import describe_inputs
from archscope.render.names import plain
from archscope.render.style import PLAIN, Column, Style, lay_out
from archscope.results.comparison import Comparison, ModuleChange, Side
from archscope.units import format_integer

_TOTALS = {
    "modules": "modules",
    "parameters": "parameters",
    "trainable": "trainable",
    "parameter_bytes": "parameter bytes",
    "macs": "MACs",
    "flops": "FLOPs",
    "activations": "activations",
    "peak_activation_bytes": "peak activation bytes",
    "bytes_read": "bytes read",
    "bytes_written": "bytes written",
    "training_flops": "training FLOPs",
    "training_memory_bytes": "training memory bytes",
}


def render_comparison_text(
    comparison: Comparison, style: Style = PLAIN, *, metric: str = "parameters", depth: int = 1, limit: int = 30
) -> str:
    """``comparison`` as text for people: modules down to ``depth``, ``limit`` of them at most (0: all)."""
    sections = [
        _header(comparison, style),
        _totals(comparison, style),
        _components(comparison, metric, style),
        _modules(comparison, metric, depth, limit, style),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _header(comparison: Comparison, style: Style) -> list[str]:
    lines = [
        f"{word}  {style.bold(plain(identity(side)))}  {plain(side.model.source)}".rstrip()
        for word, side in (("base", comparison.base), ("head", comparison.head))
    ]
    before, after = (describe_inputs(side.inputs) or "not run" for side in (comparison.base, comparison.head))
    lines.append(plain(f"input {before}" if before == after else f"input {before} against {after}"))
    return lines


def identity(side: Side) -> str:
    """The model's name with its options."""
    return side_name(
        side.model.name,
        [(option.name, option.value) for option in side.model.options if option.value != option.default],
    )


def _totals(comparison: Comparison, style: Style) -> list[str]:
    totals = comparison.totals
    columns = (Column(title="total"), *_columns(("",)))
    rows = [
        (title, *cells(totals.base, totals.head, totals.delta, metric, comparison))
        for metric, title in _TOTALS.items()
        if getattr(totals.base, metric) is not None or getattr(totals.head, metric) is not None
    ]
    return lay_out(columns, rows, style)


def _columns(names: tuple[str, ...]) -> tuple[Column, ...]:
    columns: list[Column] = []
    for name in names:
        columns += [
            Column(title=f"{name} before".strip(), right=True),
            Column(title="after", right=True),
            Column(title="delta", right=True),
            Column(title="%", right=True, optional=True),
        ]
    return tuple(columns)


def _components(comparison: Comparison, metric: str, style: Style) -> list[str]:
    shown = metrics(comparison, metric)
    columns = (
        Column(title="component", names=True),
        Column(title=""),
        Column(title="modules", right=True, optional=True),
        *_columns(tuple(TITLES[name] for name in shown)),
    )
    rows = []
    for row in comparison.components:
        figures = [cell for name in shown for cell in cells(row.base, row.head, row.delta, name, comparison)]
        rows.append((row.name, TAGS[row.status], _arrow(row.base.modules, row.head.modules), *figures))
    rows.append(_total_row(comparison, shown, ("TOTAL", "")))
    return lay_out(columns, rows, style, total=True)


def _total_row(comparison: Comparison, shown: tuple[str, ...], start: tuple[str, ...]) -> tuple[str, ...]:
    totals = comparison.totals
    figures = [cell for name in shown for cell in cells(totals.base, totals.head, totals.delta, name, comparison)]
    return (*start, _arrow(totals.base.modules, totals.head.modules), *figures)


def _arrow(before: int, after: int) -> str:
    return format_integer(before) if before == after else f"{before:,} -> {after:,}"


def _modules(comparison: Comparison, metric: str, depth: int, limit: int, style: Style) -> list[str]:
    changed, same = module_rows(comparison, depth=depth, metric=metric)
    shown = metrics(comparison, metric)
    kept = changed[:limit] if limit else changed
    columns = (
        Column(title="module", names=True),
        Column(title=""),
        Column(title="type", names=True, optional=True),
        Column(title="modules", right=True, optional=True),
        *_columns(tuple(TITLES[name] for name in shown)),
    )
    rows = [
        (
            row.path,
            TAGS[row.status],
            module_type(row),
            _arrow(row.base.modules, row.head.modules),
            *(cell for name in shown for cell in cells(row.base, row.head, row.delta, name, comparison)),
        )
        for row in kept
    ]
    rows.append(_total_row(comparison, shown, ("TOTAL", "", "")))
    lines = lay_out(columns, rows, style, total=True)
    notes = []
    if len(kept) < len(changed):
        notes.append(f"+{len(changed) - len(kept)} smaller changes (-n 0 shows them)")
    if same:
        notes.append(f"{same} unchanged module{'s' if same > 1 else ''}")
    hidden = sum(1 for row in comparison.modules if row.path) - len(changed) - same
    if hidden:
        notes.append(f"{hidden} modules of either below depth {depth} (--depth 0 shows the changed ones)")
    return [*lines, *(style.paint(note, "dim") for note in notes)]


def module_type(row: ModuleChange) -> str:
    """The type on both sides: ``Conv2d``, or ``SSH -> Sequential``."""
    names = [name for name in (row.base_type, row.head_type) if name]
    return names[0] if len(set(names)) == 1 else " -> ".join(names)
