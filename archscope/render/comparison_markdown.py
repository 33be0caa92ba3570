"""A comparison as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.render.change import TAGS, TITLES, cells, metrics, module_rows
from archscope.render.comparison_text import identity, module_type
from archscope.render.facts import describe_inputs
from archscope.render.markdown_table import markdown_table
from archscope.render.names import Safe, code, markdown
from archscope.results.comparison import Comparison, ComponentChange, ModuleChange

_LIMIT = 40


def render_comparison_markdown(comparison: Comparison, figure: str = "") -> str:
    """Totals and components, then the changed children of the model and the largest changes inside them.

    ``figure`` is the address of the picture, empty for none.
    """
    base, head = comparison.base, comparison.head
    before, after = (describe_inputs(side.inputs) or "not run" for side in (base, head))
    inputs = before if before == after else f"{before} against {after}"
    parts = [
        f"# {markdown(identity(base))} and {markdown(identity(head))}",
        f"Input: {markdown(inputs)}. Deltas are {markdown(head.model.name)} minus {markdown(base.model.name)}.",
    ]
    if not (base.complete and head.complete):
        parts.append("MACs and FLOPs with `>=` are lower bounds: operators without a formula ran.")
    parts += ["## Components", _table("component", comparison, comparison.components)]
    if figure:
        parts.append(f"![Parameters and MACs by component]({figure})")
    children, same = module_rows(comparison, depth=1, metric="parameters")
    parts += ["## Modules of the model", _table("module", comparison, children)]
    if same:
        parts.append(f"{same} unchanged.")
    inner = [row for row in module_rows(comparison, depth=0, metric="parameters")[0] if row.depth > 1]
    if inner:
        parts += ["## Inside them", _table("module", comparison, inner[:_LIMIT], total=False)]
    if len(inner) > _LIMIT:
        parts.append(f"{len(inner) - _LIMIT} smaller changes are not listed.")
    return "\n\n".join(parts) + "\n"


def _table(
    what: str,
    comparison: Comparison,
    changes: Sequence[ComponentChange] | Sequence[ModuleChange],
    *,
    total: bool = True,
) -> str:
    shown = metrics(comparison)
    titles = [
        what,
        "",
        *(f"{name}" for metric in shown for name in (f"{TITLES[metric]} before", "after", "delta", "%")),
    ]
    rows: list[list[str]] = []
    for row in changes:
        figures = [Safe(cell) for metric in shown for cell in cells(row.base, row.head, row.delta, metric, comparison)]
        rows.append([_name(row), TAGS[row.status], *figures])
    if total:
        sums = comparison.totals
        figures = [
            Safe(cell) for metric in shown for cell in cells(sums.base, sums.head, sums.delta, metric, comparison)
        ]
        rows.append(["TOTAL", "", *figures])
    return markdown_table(titles, rows, left=2)


def _name(row: ComponentChange | ModuleChange) -> str:
    if isinstance(row, ComponentChange):
        return row.name
    kind = module_type(row)
    return Safe(f"{code(row.path)} {markdown(kind)}") if "->" in kind else code(row.path)
