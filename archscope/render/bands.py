"""Draw bands over a size: what each part costs, stacked, and below it the share of each, crossings marked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from archscope.documents.scaling_picture import SizeBands
from archscope.render.names import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (11.0, 8.0)
_MARKS = 4  # that are written beside
_NEAR_THE_END = 0.9  # of the width: what is written there stands to the left


def draw(drawn: SizeBands) -> Figure:
    """The bands, 11 x 8 inches."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, FuncFormatter, NullFormatter

    figure = Figure(figsize=_INCHES, layout="constrained")
    figure.suptitle(f"{label(drawn.title, 60)}\n{label(drawn.subtitle, 110)}", fontsize=13, fontweight="bold")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    if drawn.log:
        above.set_xscale("log")
        above.set_yscale("log")
        below.xaxis.set_minor_formatter(NullFormatter())
    _draw_bands(drawn, above, below)
    if drawn.dots:
        sizes, values = [dot.size for dot in drawn.dots], [float(dot.value) for dot in drawn.dots]
        above.plot(sizes, values, "o", color="#222222", markersize=4, label="run, no formula")
    _draw_marks(drawn, above, below)
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
        axes.margins(x=0 if drawn.bands else 0.02)
    if not drawn.log:
        above.set_ylim(bottom=0)
    if drawn.bands or drawn.dots:
        above.legend(
            loc="lower right" if drawn.log else "upper left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9
        )
    else:
        above.text(0.5, 0.5, "no MACs to show", ha="center", transform=above.transAxes)
    return figure


def _pieces(drawn: SizeBands) -> Iterator[slice]:
    """The sizes between which formulas hold all the way."""
    borders = [*drawn.starts, len(drawn.sizes)] if drawn.bands else []
    return (slice(start, end) for start, end in itertools.pairwise(borders))


def _draw_bands(drawn: SizeBands, above: Axes, below: Axes) -> None:
    totals = [sum(column) for column in zip(*(band.values for band in drawn.bands), strict=True)]
    for number, piece in enumerate(_pieces(drawn)):
        sizes, whole = drawn.sizes[piece], totals[piece]
        floor = [0] * len(sizes)
        for band in drawn.bands:
            name = "_" if number else label(band.label, 44)
            values = band.values[piece]
            top = [under + value for under, value in zip(floor, values, strict=True)]
            share = [[part / (total or 1) for part, total in zip(edge, whole, strict=True)] for edge in (floor, top)]
            if drawn.log:
                shown = [float(value) or math.nan for value in values]
                above.plot(sizes, shown, color=band.color, linewidth=2.6, label=name)
            else:
                low, high = [*map(float, floor)], [*map(float, top)]
                above.fill_between(sizes, low, high, color=band.color, label=name, linewidth=0)
            below.fill_between(sizes, share[0], share[1], color=band.color, linewidth=0)
            floor = top
        style = "--" if drawn.log else "-"
        above.plot(sizes, [*map(float, whole)], style, color="#222222", linewidth=1.4, label="_" if number else "total")


def _draw_marks(drawn: SizeBands, above: Axes, below: Axes) -> None:
    low, high = above.get_xlim()
    for place, mark in enumerate(drawn.marks):
        for axes in (above, below):
            axes.axvline(mark.size, color="#444444", linewidth=1.0, linestyle="--")
        if place < _MARKS:
            left = (mark.size - low) / (high - low) > _NEAR_THE_END
            above.annotate(
                f"{mark.size:,}",
                (mark.size, 0.97 - 0.05 * place),
                xycoords=("data", "axes fraction"),
                xytext=(-4 if left else 4, 0),
                textcoords="offset points",
                ha="right" if left else "left",
                va="top",
                fontsize=8.5,
            )
