"""The component graph as SVG: what each component costs, and the shapes of the tensors between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archscope.documents.pictures import GREY, component_colors
from archscope.protocols.page.layering import columns, lanes, rows
from archscope.protocols.page.template import fill
from archscope.render.names import plain, shorten
from archscope.report import ComponentRow, Report
from archscope.units import format_count, format_integer

INPUT = "[input]"
BOX_HEIGHT = 66
GAP_X, GAP_Y = 128, 30
LINE = 14  # pixels from one line of text to the next
MARGIN = 14
SHAPES = 4  # on an edge; the rest is counted
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node of the picture; ``x`` and ``y`` are its upper left corner."""

    name: str
    lines: tuple[str, ...]
    color: str
    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        """The height at which edges meet it."""
        return self.y + BOX_HEIGHT / 2

    @property
    def first(self) -> float:
        """The height of its first line of text."""
        lines = len(self.lines)
        return self.middle - LINE * (lines - 1) / 2 + (3 if lines > 1 else 4)


def component_graph(report: Report, colors: Mapping[str, str] | None = None) -> str:
    """An SVG document; a graph without edges still shows its components.

    ``colors`` are those that the components have elsewhere, where another report stands beside this one.
    """
    shapes: dict[tuple[str, str], list[str]] = {}
    for flow in report.flows:
        shapes.setdefault((flow.source, flow.target), []).append(_TIMES.join(map(str, flow.shape)) or "scalar")
    labels = {edge: _shown(texts) for edge, texts in shapes.items() if edge[0] != edge[1]}
    costs = {row.name: row for row in report.components}
    linked = dict.fromkeys(name for edge in labels for name in edge)  # in order of first use
    nodes = [*linked] or [name for name, row in costs.items() if row.modules]
    column = columns(nodes, [*labels])
    over = _reach({edge: texts for edge, texts in labels.items() if column[edge[1]] - column[edge[0]] > 1}, column)
    under = _reach({edge: texts for edge, texts in labels.items() if column[edge[1]] <= column[edge[0]]}, column)
    tallest = LINE * max((len(texts) for texts in labels.values()), default=0)
    beside = tallest - BOX_HEIGHT // 2 + 4  # what labels between two boxes need above them
    top = MARGIN + max(0, beside, *(reach + LINE * len(labels[edge]) for edge, reach in over.items()))
    row = rows(nodes, [*labels], column)
    places = {name: (column[name], row[name]) for name in nodes}
    boxes = _place(places, costs, colors or component_colors(costs), top)
    bottom = max((box.y + BOX_HEIGHT for box in boxes.values()), default=0)
    width = max((box.x + box.width for box in boxes.values()), default=0) + MARGIN
    height = bottom + MARGIN + max((reach + LINE * len(labels[edge]) for edge, reach in under.items()), default=0)
    apex = {edge: top - reach for edge, reach in over.items()} | {edge: bottom + reach for edge, reach in under.items()}
    drawn = [_edge(boxes[edge[0]], boxes[edge[1]], texts, apex.get(edge)) for edge, texts in labels.items()]
    summary = "; ".join(f"{source} to {target}: {', '.join(shapes[source, target])}" for source, target in labels)
    label = plain(f"Component graph of {report.model.name}. {summary}")
    sizes = {"width": width, "height": height, "high": BOX_HEIGHT, "line": LINE}
    return fill("graph.svg", edges=drawn, boxes=boxes.values(), label=label, **sizes) + "\n"


def _shown(texts: list[str]) -> list[str]:
    return [*texts[:SHAPES], *([f"+{len(texts) - SHAPES} more"] if len(texts) > SHAPES else [])]


def _reach(arcs: dict[tuple[str, str], list[str]], column: Mapping[str, int]) -> dict[tuple[str, str], float]:
    """How far the apex of each arc stands from the boxes: arcs over the same columns get lanes of their own."""
    lane = lanes({edge: (column[edge[0]], column[edge[1]]) for edge in arcs})
    heights = [
        max(LINE * len(arcs[edge]) for edge in arcs if lane[edge] == place) + 8
        for place in range(max(lane.values(), default=-1) + 1)
    ]
    return {edge: 22 + sum(heights[: lane[edge]]) for edge in arcs}


def _place(
    places: Mapping[str, tuple[int, int]], costs: Mapping[str, ComponentRow], colors: Mapping[str, str], top: float
) -> dict[str, Box]:
    """The boxes, each in its column and row; a column is centred."""
    texts = {name: _lines(name, costs.get(name)) for name in places}
    levels = max((column for column, _ in places.values()), default=-1) + 1
    members = [[name for name in places if places[name][0] == level] for level in range(levels)]
    widths = [max(_width(texts[name]) for name in names) for names in members]
    tallest = max((len(names) for names in members), default=0)
    return {
        name: Box(
            name=plain(name),
            lines=texts[name],
            color=colors.get(name, GREY),
            x=MARGIN + sum(widths[:column]) + column * GAP_X,
            y=top + (row + (tallest - len(members[column])) / 2) * (BOX_HEIGHT + GAP_Y),
            width=widths[column],
        )
        for name, (column, row) in places.items()
    }


def _lines(name: str, cost: ComponentRow | None) -> tuple[str, ...]:
    title = shorten(plain(name), 26, "…")
    if cost is None:
        return (title,)
    macs = "not run" if cost.macs is None else f"{format_count(cost.macs)} MACs"
    return title, f"{format_integer(cost.parameters)} parameters", macs


def _width(lines: Iterable[str]) -> float:
    return max(92.0, 26 + max(8.2 * len(line) if place == 0 else 6.6 * len(line) for place, line in enumerate(lines)))


def _edge(source: Box, target: Box, texts: list[str], apex: float | None) -> dict[str, Any]:
    """The line with its head, and the shapes that flow along it. ``apex`` is the height of an arc's middle."""
    high = LINE * (len(texts) - 1)
    path, head, (x, y) = _straight(source, target, high) if apex is None else _arc(source, target, apex, high)
    return {"path": path, "head": head, "texts": texts, "x": x, "y": y}


Line = tuple[str, str, tuple[float, float]]  # the path, its head, where the shapes go


def _straight(source: Box, target: Box, high: float) -> Line:
    """From side to side, between neighbouring columns."""
    start, end = source.x + source.width, target.x
    middle = (start + end) / 2
    path = _curve((start, source.middle), (middle, source.middle), (middle, target.middle), (end - 7, target.middle))
    head = f"M{_point(end, target.middle)}l-8 -4v8z"
    return path, head, (middle, (source.middle + target.middle) / 2 - high - 8)


def _arc(source: Box, target: Box, apex: float, high: float) -> Line:
    """Over the boxes between, or below them when it leads back."""
    forward = target.x > source.x
    out = 0.7 if forward else 0.3
    left, right = source.x + source.width * out, target.x + target.width * (1 - out)
    below = 0 if forward else BOX_HEIGHT
    start, end = source.y + below, target.y + below
    far = (8 * apex - start - end) / 6  # the middle of a Bezier curve then stands at the apex
    tip = -7 if forward else 7
    path = _curve((left, start), (left, far), (right, far), (right, end + tip))
    head = f"M{_point(right, end)}l-4 {-8 if forward else 8}h8z"
    return path, head, ((left + right) / 2, apex - high - 5 if forward else apex + LINE)


def _curve(*points: tuple[float, float]) -> str:
    first, *others = (_point(*point) for point in points)
    return f"M{first}C{' '.join(others)}"


def _point(x: float, y: float) -> str:
    return f"{x:.1f} {y:.1f}"
