"""Draw bands over a size: what each part costs, stacked, and below it the share of each, crossings marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archscope.documents.scaling_picture import SizeBands
from archscope.render.names import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = (11.0, 8.0)
_MARKS = 4  # that are written beside


def draw(drawn: SizeBands) -> Figure:
    """The bands, 11 x 8 inches."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, FuncFormatter, NullFormatter

    figure = Figure(figsize=_INCHES, layout="constrained")
    figure.suptitle(f"{label(drawn.title, 60)}\n{label(drawn.subtitle, 110)}", fontsize=13, fontweight="bold")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    totals = [sum(column) for column in zip(*(band.values for band in drawn.bands), strict=True)]
    floor = [0.0] * len(drawn.sizes)
    share = [0.0] * len(drawn.sizes)
    for band in drawn.bands:
        top = [low + value for low, value in zip(floor, map(float, band.values), strict=True)]
        part = [low + value / (total or 1) for low, value, total in zip(share, band.values, totals, strict=True)]
        name = label(band.label, 44)
        if drawn.log:
            above.plot(
                drawn.sizes,
                [float(value) or None for value in band.values],
                color=band.color,
                linewidth=1.8,
                label=name,
            )
        else:
            above.fill_between(drawn.sizes, floor, top, color=band.color, label=name, linewidth=0)
        below.fill_between(drawn.sizes, share, part, color=band.color, linewidth=0)
        floor, share = top, part
    above.plot(drawn.sizes, list(map(float, totals)), color="#222222", linewidth=1.6, label="total")
    if drawn.log:
        above.set_xscale("log")
        above.set_yscale("log")
        below.xaxis.set_minor_formatter(NullFormatter())
    for place, mark in enumerate(drawn.marks):
        for axes in (above, below):
            axes.axvline(mark.size, color="#444444", linewidth=1.0, linestyle="--")
        if place < _MARKS:
            above.annotate(
                f"{mark.size:,}",
                (mark.size, 0.97 - 0.05 * place),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
                va="top",
                fontsize=8.5,
            )
    above.set_ylabel("MACs")
    above.yaxis.set_major_formatter(EngFormatter())
    below.set_ylim(0, 1)
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:.0%}"))
    below.set_ylabel("share of MACs")
    below.set_xlabel(label(drawn.dimension, 60))
    below.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.0f}"))
    for axes in (above, below):
        axes.spines["bottom"].set_visible(True)
        axes.grid(color="#E4E4E4", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.margins(x=0)
    if drawn.sizes:
        above.legend(
            loc="lower right" if drawn.log else "upper left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9
        )
    return figure
