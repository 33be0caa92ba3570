"""The figure of a comparison, as plain data: paired bars by component."""

from __future__ import annotations

from archscope.render.change import TITLES, metrics, percent, signed, value
from archscope.render.comparison_text import identity
from archscope.render.facts import describe_inputs
from archscope.render.names import ascii_only, shorten
from archscope.render.palette import component_colors
from archscope.render.panels import Bar, Panel, Sheet
from archscope.results.comparison import Comparison
from archscope.units import format_count, format_integer

_ROWS = 10


def comparison_sheet(comparison: Comparison) -> Sheet:
    """Parameters and MACs of each component before and after, bars of one panel to one scale."""
    names = shorten(ascii_only(identity(comparison.base)), 60), shorten(ascii_only(identity(comparison.head)), 60)
    totals = comparison.totals
    shown = metrics(comparison)
    parts = [
        f"{TITLES[metric]} {format_integer(value(totals.base, metric))} to {format_integer(value(totals.head, metric))}"
        for metric in shown
    ]
    inputs = describe_inputs(comparison.base.inputs)
    return Sheet(
        title=f"{names[0]} and {names[1]}",
        subtitle=shorten(ascii_only(", ".join([*parts, *([f"input {inputs}"] if inputs else [])])), 120),
        panels=tuple(_panel(comparison, metric) for metric in shown),
    )


def _panel(comparison: Comparison, metric: str) -> Panel:
    rows = [row for row in comparison.components if value(row.base, metric) or value(row.head, metric)]
    colors = component_colors(row.name for row in comparison.components)
    largest = max((value(side, metric) or 0 for row in rows for side in (row.base, row.head)), default=0)
    rows.sort(key=lambda row: (-(value(row.base, metric) or 0), -(value(row.head, metric) or 0), row.name))
    bars = []
    for row in rows[:_ROWS]:
        before, after = value(row.base, metric) or 0, value(row.head, metric) or 0
        change = percent(before, after - before) or signed(after - before)
        bars.append(
            Bar(
                label=shorten(ascii_only(row.name), 20),
                color=colors[row.name],
                values=(before, after),
                notes=(format_count(before, 1), f"{format_count(after, 1)} ({change})"),
            )
        )
    series = (shorten(ascii_only(comparison.base.model.name), 26), shorten(ascii_only(comparison.head.model.name), 26))
    return Panel(title=f"{TITLES[metric]} by component", series=series, wholes=(largest, largest), bars=tuple(bars))
