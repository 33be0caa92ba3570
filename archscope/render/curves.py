"""Draw curves over two axes from 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.documents.curves import Curves
from archscope.render.names import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = (11.0, 7.0)


def draw(drawn: Curves) -> Figure:
    """The curves, 11 x 7 inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(f"{label(drawn.title, 60)}\n{label(drawn.subtitle, 110)}", fontsize=13, fontweight="bold")
    for curve in drawn.curves:
        axes.plot(curve.x, curve.y, color=curve.color, linewidth=1.8, label=label(curve.label, 60))
    axes.set_xlabel(drawn.axes[0])
    axes.set_ylabel(drawn.axes[1])
    axes.set_xlim(0, 1.005)
    axes.set_ylim(0, 1.02)
    axes.spines["bottom"].set_visible(True)
    axes.grid(color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    if drawn.curves:
        axes.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=10.5)
    return figure
