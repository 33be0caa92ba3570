"""Drawing a sweep with matplotlib: settings as points over two metrics, limits as lines, the Pareto front joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.documents.pictures import DOUBT, GREY, LESS, MORE, Scatter
from archscope.documents.sweep import FRONT, MEETS, OVER, UNPROVEN
from archscope.metrics import METRICS
from archscope.render.names import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = (11.0, 7.0)


def draw(drawn: Scatter) -> Figure:
    """The scatter, 11 x 7 inches."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(f"{label(drawn.title, 60)}\n{label(drawn.subtitle, 110)}", fontsize=13, fontweight="bold")
    looks = {OVER: (GREY, 22, "over the limits"), UNPROVEN: (DOUBT, 30, "unproven")}
    looks |= {MEETS: (LESS, 30, "meets the limits"), FRONT: (MORE, 52, "front")}
    if drawn.limits == (None, None):
        looks[MEETS] = (LESS, 30, "measured")
    for kind, (color, size, words) in looks.items():
        found = [dot for dot in drawn.dots if dot.status == kind]
        if found:
            axes.scatter([dot.x for dot in found], [dot.y for dot in found], s=size, color=color, label=words, zorder=3)
    front = sorted((dot.x, dot.y) for dot in drawn.dots if dot.status == FRONT)
    axes.plot([x for x, _ in front], [y for _, y in front], color=MORE, linewidth=1.0, zorder=2)
    for dot in drawn.dots:
        if dot.label:
            axes.annotate(
                label(dot.label, 40), (dot.x, dot.y), xytext=(6, -11), textcoords="offset points", fontsize=8.5
            )
    across, up = drawn.limits
    if across is not None:
        axes.axvline(across, color="#444444", linewidth=1.2, linestyle="--", zorder=1)
    if up is not None:
        axes.axhline(up, color="#444444", linewidth=1.2, linestyle="--", zorder=1)
    axes.set_xlabel(METRICS[drawn.axes[0]].label)
    axes.set_ylabel(METRICS[drawn.axes[1]].label)
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.yaxis.set_major_formatter(EngFormatter())
    axes.spines["bottom"].set_visible(True)
    axes.margins(0.07)
    axes.grid(color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    if drawn.dots:
        axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9.5)
    return figure
