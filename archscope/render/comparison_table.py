"""A comparison as CSV: a row for the total, then one for each component and module."""

from __future__ import annotations

import csv
import io
from dataclasses import fields

from archscope.render.names import cell
from archscope.results.comparison import Comparison, Figures

_METRICS = tuple(field.name for field in fields(Figures))
_COLUMNS = (
    "kind",
    "name",
    "status",
    *(f"{side}_{metric}" for metric in _METRICS for side in ("base", "head", "delta")),
)


def render_comparison_csv(comparison: Comparison) -> str:
    """Raw integers; an empty cell is not measured. Modules with their submodules; the root's name is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    totals = comparison.totals
    writer.writerow(["total", "", "both", *_values(totals.base, totals.head, totals.delta)])
    for part in comparison.components:
        writer.writerow(["component", cell(part.name), part.status, *_values(part.base, part.head, part.delta)])
    for row in comparison.modules:
        writer.writerow(["module", cell(row.path), row.status, *_values(row.base, row.head, row.delta)])
    return out.getvalue()


def _values(base: Figures, head: Figures, delta: Figures) -> list[int | None]:
    return [getattr(side, metric) for metric in _METRICS for side in (base, head, delta)]
