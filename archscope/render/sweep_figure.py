"""The figure of a sweep: every setting as a point over two metrics, the limits as lines, the front joined."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archscope.render.figures import png
from archscope.render.names import ascii_only, shorten
from archscope.render.palette import GREY, LESS, MORE
from archscope.render.sweep_text import FRONT, MEETS, OVER, describe, status
from archscope.results.sweep import METRICS, Sweep
from archscope.serial import to_plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = (11.0, 7.0)
_WIDE, _HIGH = 0.14, 0.035  # room of a label, as shares of what is drawn
_WORDS = {"parameters": "parameters", "macs": "MACs", "flops": "FLOPs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A setting: ``kind`` is front, meets or over; ``label`` is empty unless it is to be written beside."""

    x: int
    y: int
    kind: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Dots over two metrics; ``limits`` are None where there is none."""

    title: str
    subtitle: str
    metrics: tuple[str, str]
    limits: tuple[int | None, int | None]
    dots: tuple[Dot, ...]

    @property
    def digest(self) -> str:
        """What the figure was drawn from, in 64 characters."""
        return hashlib.sha256(json.dumps(to_plain(self)).encode()).hexdigest()


def scatter(sweep: Sweep) -> Scatter:
    """The settings over the first two axes of ``sweep`` (with one axis, parameters or MACs is the other)."""
    named = [axis.metric for axis in sweep.axes]
    named += [metric for metric in METRICS if metric not in named]
    across, up = named[0], named[1]
    limits = {limit.metric: limit.max for limit in sweep.limits}
    places = {}
    for index in range(len(sweep.points)):
        x, y = _value(sweep, index, across), _value(sweep, index, up)
        if x is not None and y is not None:
            places[index] = x, y
    labelled = _apart(places, [index for index in reversed(sweep.front) if index in places])
    dots = [
        Dot(x=x, y=y, kind=status(sweep, index), label=_label(sweep, index) if index in labelled else "")
        for index, (x, y) in places.items()
    ]
    return Scatter(
        title=shorten(ascii_only(sweep.model), 60),
        subtitle=shorten(ascii_only(describe(sweep)), 110),
        metrics=(across, up),
        limits=(limits.get(across), limits.get(up)),
        dots=tuple(dots),
    )


def _apart(places: dict[int, tuple[int, int]], wanted: list[int]) -> set[int]:
    """Those of ``wanted``, the first ones first, that are far enough from each other to carry a label."""
    spans = [max(1, max(values) - min(values)) for values in zip(*places.values(), strict=True)]
    labelled: list[int] = []
    for index in wanted:
        near = (
            abs(places[index][0] - places[other][0]) < _WIDE * spans[0]
            and abs(places[index][1] - places[other][1]) < _HIGH * spans[1]
            for other in labelled
        )
        if not any(near):
            labelled.append(index)
    return set(labelled)


def _value(sweep: Sweep, index: int, metric: str) -> int | None:
    value: int | None = getattr(sweep.points[index], metric)
    return value


def _label(sweep: Sweep, index: int) -> str:
    return shorten(ascii_only(", ".join(str(setting.value) for setting in sweep.points[index].settings)), 40)


def render_sweep_png(sweep: Sweep) -> bytes:
    """The scatter of ``sweep`` as PNG, 1650 pixels across."""
    drawn = scatter(sweep)
    return png(lambda: _draw(drawn), drawn.digest)


def _draw(drawn: Scatter) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(f"{drawn.title}\n{drawn.subtitle}", fontsize=13, fontweight="bold")
    looks = {OVER: (GREY, 22, "over the limits"), MEETS: (LESS, 30, "meets the limits"), FRONT: (MORE, 52, "front")}
    if drawn.limits == (None, None):
        looks[MEETS] = (LESS, 30, "measured")
    for kind, (color, size, words) in looks.items():
        found = [dot for dot in drawn.dots if dot.kind == kind]
        if found:
            axes.scatter([dot.x for dot in found], [dot.y for dot in found], s=size, color=color, label=words, zorder=3)
    front = sorted((dot.x, dot.y) for dot in drawn.dots if dot.kind == FRONT)
    axes.plot([x for x, _ in front], [y for _, y in front], color=MORE, linewidth=1.0, zorder=2)
    for dot in drawn.dots:
        if dot.label:
            axes.annotate(dot.label, (dot.x, dot.y), xytext=(6, -11), textcoords="offset points", fontsize=8.5)
    across, up = drawn.limits
    if across is not None:
        axes.axvline(across, color="#444444", linewidth=1.2, linestyle="--", zorder=1)
    if up is not None:
        axes.axhline(up, color="#444444", linewidth=1.2, linestyle="--", zorder=1)
    axes.set_xlabel(_WORDS[drawn.metrics[0]])
    axes.set_ylabel(_WORDS[drawn.metrics[1]])
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.yaxis.set_major_formatter(EngFormatter())
    axes.spines["bottom"].set_visible(True)
    axes.margins(0.07)
    axes.grid(color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    if drawn.dots:
        axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9.5)
    return figure
