"""Draw a waterfall: from today's total over what was saved to what remains, and the goal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.documents.pictures import Waterfall
from archscope.render.names import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = (11.0, 6.2)
_ASSUMED = _GOAL = "#111111"  # no component has it


def draw(drawn: Waterfall) -> Figure:
    """The waterfall, 11 x 6.2 inches."""
    import textwrap

    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(f"{label(drawn.title, 90)}\n{label(drawn.subtitle, 120)}", fontsize=13, fontweight="bold")
    legend: dict[str, str] = {}
    top = max(max(bar.start, bar.end) for bar in drawn.bars)
    for place, bar in enumerate(drawn.bars):
        low, high = sorted((bar.start, bar.end))
        rises = bar.start and bar.end > bar.start
        axes.bar(place, high - low, 0.62, bottom=low, color=bar.color, hatch="////" if rises else "", edgecolor="white")
        floor = 0
        for part in bar.parts:
            axes.bar(place, part.value, 0.62, bottom=floor, color=part.color)
            floor += part.value
            legend.setdefault(part.label, part.color)
        axes.text(place, high + top * 0.012, bar.note, ha="center", va="bottom", fontsize=9)
        if place + 1 < len(drawn.bars) and drawn.bars[place + 1].start:
            axes.plot((place - 0.31, place + 1.31), (bar.end, bar.end), color="#888888", linewidth=0.8)
        if bar.assumed is not None:
            axes.plot((place - 0.38, place + 0.38), (bar.assumed, bar.assumed), color=_ASSUMED, linewidth=2.2)
    axes.axhline(drawn.goal, color=_GOAL, linewidth=1.6, linestyle="--", label=f"goal {drawn.goal:,}")
    if any(bar.assumed is not None for bar in drawn.bars):
        axes.plot([], [], color=_ASSUMED, linewidth=2.2, label="where the assumed saving would end")
    for name, color in legend.items():
        axes.bar([0], [0], color=color, label=label(name, 26))
    axes.legend(loc="upper right", frameon=False, fontsize=9.5, ncols=1 + len(legend) // 6)
    labels = [textwrap.fill(label(bar.label, 48), 16) for bar in drawn.bars]
    axes.set_xticks(range(len(drawn.bars)), labels, fontsize=9)
    axes.set_xlim(-0.55, len(drawn.bars) - 0.45)
    axes.set_ylim(0, top * 1.14)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.0f}"))
    axes.set_ylabel(drawn.word)
    axes.tick_params(length=0)
    return figure
