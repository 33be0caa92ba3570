"""The report in a terminal: totals, components, then modules, components or operators with TOTAL last."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.render.cells import THE_MODEL, figure_columns, figures, shown_metrics, total_cells
from archscope.render.facts import ancestors, bounded, describe_inputs, parent, short_components, unseen
from archscope.render.measures import Measure, model_measures, run_measures, training_measures
from archscope.render.names import plain
from archscope.render.style import PLAIN, Column, Style, lay_out
from archscope.render.tree import View, component_tree, module_tree
from archscope.report import ComponentRow, Report
from archscope.units import format_integer, format_percent

_LISTED = 5  # modules that a note names


def render_text(report: Report, view: View | None = None, style: Style = PLAIN) -> str:
    """``report`` as text for people; nothing is cut unless ``style`` has a width."""
    view = view or View()
    draw = {"modules": module_tree, "components": component_tree, "operators": _operator_table}[view.by]
    sections = [
        _header(report, style),
        _measures(model_measures(report) + run_measures(report)),
        _measures(training_measures(report), style.bold("one training step")),
        _restated(report),
        _component_table(report, view, style),
        draw(report, view, style),
        _notes(report, style),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _restated(report: Report) -> list[str]:
    return [
        f"{plain(row.name)} counts {format_integer(row.counted)} and {format_integer(row.parameters)} parameters: "
        f"{plain(row.description)}"
        for row in report.conventions
    ]


def _header(report: Report, style: Style) -> list[str]:
    model = report.model
    lines = [f"{style.bold(plain(model.name))}  {plain(model.source)}".rstrip()]
    if model.description:
        lines.append(plain(model.description))
    changed = [f"{option.name}={option.value}" for option in model.options if option.value != option.default]
    if changed:
        lines.append(plain(f"options  {', '.join(changed)}"))
    if report.totals.macs is None:
        lines.append(f"not run: parameters only ({plain(model.fallback or 'no input is known')})")
    else:
        lines.append(plain(f"input  {describe_inputs(report.inputs) or 'none'}  ({model.mode} mode, {model.device})"))
    if model.fallback and report.totals.macs is not None:
        lines.append(plain(f"not on meta: {model.fallback}"))
    return lines


def _measures(rows: Sequence[Measure], title: str = "") -> list[str]:
    width = max((len(value) for _, value, _ in rows), default=0)
    label = max((len(name) for name, _, _ in rows), default=0)
    lines = [f"{name:{label}}  {value:>{width}}  {other}".rstrip() for name, value, other in rows]
    return [title, *lines] if title and rows else lines


def _component_table(report: Report, view: View, style: Style) -> list[str]:
    short = short_components(report)
    known = tuple(column for column in view.columns if hasattr(ComponentRow, column))
    shown = shown_metrics(report, "parameters", known, all_bars=True)
    rows = [
        (row.name, *figures(row, report, shown, style, short=row.name in short), row.description)
        for row in report.components
    ]
    rows.append(("TOTAL", *total_cells(report, shown), ""))
    description = Column(title="", names=True, optional=True)
    columns = (Column(title="component", names=True), *figure_columns(shown), description)
    return lay_out(columns, rows, style, total=True)


def _operator_table(report: Report, view: View, style: Style) -> list[str]:
    if report.totals.macs is None:
        return ["operators are known after a run: give --input"]
    operators = sorted(report.operators, key=lambda row: (-row.macs, -row.flops, row.op))
    if view.sort == "name":
        operators.sort(key=lambda row: row.op)
    elif view.sort == "flops":
        operators.sort(key=lambda row: -row.flops)
    shown = operators[: view.limit] if view.limit else operators
    rows = []
    for row in shown:
        unknown = row.kind == "uncounted"
        macs, flops = ("?", "?") if unknown else (format_integer(row.macs), format_integer(row.flops))
        shares = [
            "" if unknown else format_percent(part, whole or 0, 1)
            for part, whole in ((row.macs, report.totals.macs), (row.flops, report.totals.flops))
        ]
        rows.append((row.op, row.kind, format_integer(row.calls), macs, shares[0], flops, shares[1]))
    short = not report.totals.complete
    calls = sum(row.calls for row in operators)
    macs = bounded(report.totals.macs, "macs", short=short)
    flops = bounded(report.totals.flops, "flops", short=short)
    rows.append(("TOTAL", "", format_integer(calls), macs, "", flops, ""))
    titles = ("calls", "MACs", "share", "FLOPs", "share")
    columns = (Column(title="operator", names=True), Column(title="kind"))
    lines = lay_out((*columns, *(Column(title=title, right=True) for title in titles)), rows, style, total=True)
    hidden = operators[len(shown) :]
    if hidden:
        share = format_percent(sum(row.flops for row in hidden), report.totals.flops or 0, 1)
        lines.insert(-1, style.paint(f"+{len(hidden)} smaller rows, {share} of FLOPs (-n 0 shows them)", "dim"))
    return lines


def _notes(report: Report, style: Style) -> list[str]:
    lines = []
    for row in report.uncounted:
        calls = "1 call" if row.calls == 1 else f"{row.calls} calls"
        lines.append(style.paint(f"not counted: {plain(row.op)}, {calls} in {_listed(row.modules)}", "yellow"))
    if said := unseen(report):
        lines.append(said)
    if report.uncounted:
        lines.append("MACs and FLOPs are lower bounds (>=)")
    if report.uncalled:
        lines.append(f"never called: {_listed([path for path in report.uncalled if not _inside(path, report)])}")
    if report.mixtures:
        lines.append(f"experts: {_listed([row.path for row in report.mixtures])}")
    shared = [row for row in report.modules if row.aliases]
    lines += [f"shared: {plain(row.path)} is also {_listed(row.aliases)}" for row in shared]
    lines += [f"tied: {plain(path)} is also {_listed(aliases)}" for path, aliases in _tied(report)]
    return lines


def _tied(report: Report) -> list[tuple[str, tuple[str, ...]]]:
    """The parameters with further names that no shared module explains."""
    places = {row.path: {row.path, *row.aliases} for row in report.modules}
    tied = []
    for record in report.parameters:
        known = places.get(parent(record.path), set())
        further = tuple(alias for alias in record.aliases if parent(alias) not in known)
        if further:
            tied.append((record.path, further))
    return tied


def _inside(path: str, report: Report) -> bool:
    """Whether a module around ``path`` was not called either: naming that one is enough."""
    return any(ancestor in report.uncalled for ancestor in ancestors(path))


def _listed(paths: Sequence[str]) -> str:
    names = [plain(path) or THE_MODEL for path in paths[:_LISTED]]
    more = len(paths) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
