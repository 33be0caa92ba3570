"""What pictures show, as plain data, in one palette: two pictures are equal when their data are.

Source of the colours: M. Okabe and K. Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import ClassVar

from archscope.documents.columns import THE_MODEL
from archscope.documents.repeats import Group, largest_groups, run_path, whose
from archscope.report import UNASSIGNED, ComponentRow, ModuleRow, Report
from archscope.report_queries import describe_inputs, ranked
from archscope.serial import to_plain
from archscope.units import format_count, format_integer, format_percent

# Blue first and yellow late: the first few stand apart best on white and on black. After these, they repeat.
COLORS = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#56B4E9",  # sky blue
    "#D55E00",  # vermillion
    "#F0E442",  # yellow
)
#: The same darker, then lighter: what comes after the first few still has a colour of its own.
PALETTE = (
    *COLORS,
    *("#003F62", "#8A5F00", "#005A42", "#8A3F6B", "#1F6E9E", "#7A3500", "#9C920F"),
    *("#7FB8D8", "#F2CF80", "#7FCEB9", "#E5BCD3", "#AAD9F4", "#EAAE80", "#F7F1A0"),
)
GREY = "#9A9A9A"
TOTAL = "#444444"
LESS = "#0072B2"  # a saving
MORE = "#D55E00"  # an increase
DOUBT = "#CC79A7"  # what is not proven
_ROWS = 10


def component_colors(names: Iterable[str]) -> dict[str, str]:
    """The colour of each component by its place in the report; ``[unassigned]`` is grey and takes no place."""
    claimed = [name for name in dict.fromkeys(names) if name != UNASSIGNED]
    return {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(claimed)} | {UNASSIGNED: GREY}


def colors_beside(components: Iterable[str], shown: Iterable[str]) -> dict[str, str]:
    """The colours of what is ``shown``: a component has its own, other parts what no component beside them has."""
    own = component_colors(components)
    names = [*dict.fromkeys(shown)]
    free = [color for color in PALETTE if color not in own.values()] or [*PALETTE]
    others = (name for name in names if name not in own)
    return {name: own[name] for name in names if name in own} | dict(zip(others, cycle(free), strict=False))


class Drawing:
    """A picture as data; ``kind`` names the module of ``archscope.render`` that draws it."""

    __slots__ = ()
    kind: ClassVar[str]

    @property
    def digest(self) -> str:
        """What the picture was drawn from, in 64 characters."""
        return hashlib.sha256(json.dumps(to_plain(self)).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of a panel: a figure for each series, and the words at the end of the last bar."""

    label: str
    color: str
    values: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A set of bars. ``series`` names the bars of a row; lengths are shares of ``wholes``, one for each series."""

    title: str
    series: tuple[str, ...]
    wholes: tuple[int, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet(Drawing):
    """Bars: a heading, a line below it, four panels at most."""

    kind: ClassVar[str] = "bars"
    title: str
    subtitle: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component's part of a bar."""

    label: str
    color: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A bar of a waterfall from ``start`` to ``end``; ``assumed`` is where it was thought to end, None if unsaid.

    ``parts`` add to a bar from 0, and are drawn in its place.
    """

    label: str
    start: int
    end: int
    note: str
    color: str
    assumed: int | None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall(Drawing):
    """Bars from left to right, each from where the last one ended, and a line at the goal."""

    kind: ClassVar[str] = "waterfall"
    title: str
    subtitle: str
    word: str
    goal: int
    bars: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point: ``status`` is front, meets, unproven or over; ``label`` is empty unless it is to be written beside."""

    x: int
    y: int
    status: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter(Drawing):
    """Dots over two metrics; ``limits`` are None where there is none."""

    kind: ClassVar[str] = "scatter"
    title: str
    subtitle: str
    axes: tuple[str, str]
    limits: tuple[int | None, int | None]
    dots: tuple[Dot, ...]


def report_sheet(report: Report) -> Sheet:
    """Components, the largest modules, and the attention modules and detection heads where the model has them."""
    panels = [_components(report), _largest(report)]
    for role, title in (("attention", "Attention"), ("head", "Heads")):
        found = [row for row in report.components if row.role == role and row.modules]
        panels += [_instances(report, title, found)] if found else []
    panels += [panel for panel in _spare(report) if panel.bars][: 4 - len(panels)]
    return Sheet(title=report.model.name, subtitle=_subtitle(report), panels=tuple(panels[:4]))


def _subtitle(report: Report) -> str:
    totals = report.totals
    parts = [f"{format_integer(totals.parameters)} parameters"]
    if totals.macs is not None:
        least = "" if totals.complete else "at least "
        parts += [f"{least}{format_count(totals.macs)} MACs", f"input {describe_inputs(report.inputs) or 'none'}"]
    return ", ".join(parts)


def _components(report: Report) -> Panel:
    colors = component_colors(row.name for row in report.components)
    macs = report.totals.macs
    wholes = (report.totals.parameters,) if macs is None else (report.totals.parameters, macs)
    names = ("parameters",) if macs is None else ("parameters", "macs")
    sized = [row for row in report.components if row.name != UNASSIGNED or any(row[name] for name in names)]
    kept = sized if len(sized) <= _ROWS else sized[: _ROWS - 1]
    bars = [_bar(row.name, colors[row.name], [row[name] or 0 for name in names], wholes) for row in kept]
    if len(kept) < len(sized):
        rest = [sum(row[name] or 0 for row in sized[len(kept) :]) for name in names]
        bars.append(_bar(f"{len(sized) - len(kept)} others", GREY, rest, wholes))
    series = ("parameters", "MACs")[: len(wholes)]
    return Panel(title=f"{' and '.join(series)} by component", series=series, wholes=wholes, bars=tuple(bars))


def _bar(label: str, color: str, values: Sequence[int], wholes: Sequence[int]) -> Bar:
    notes = tuple(format_percent(value, whole, 1) for value, whole in zip(values, wholes, strict=True))
    return Bar(label=label, color=color, values=tuple(values), notes=notes)


def _largest(report: Report) -> Panel:
    groups = largest_groups(report, "parameters", _ROWS)
    which = "largest module" if len(groups) == 1 else f"{len(groups)} largest modules"
    return _modules(report, f"The {which}: parameters", groups)


def _instances(report: Report, title: str, found: Iterable[ComponentRow]) -> Panel:
    by_path = {row.path: row for row in report.modules}
    rows = [by_path[path] for component in found for path in component.modules]
    names = ", ".join(component.name for component in found)
    names_of = "" if names == title else f" ({names})"
    what = f"{title}{names_of}, {len(rows)}: parameters"
    return _modules(report, what, [(row,) for row in _most(rows)])


def _most(rows: Sequence[ModuleRow]) -> Sequence[ModuleRow]:
    return rows if len(rows) <= _ROWS else ranked(rows, "parameters", _ROWS)


def _modules(report: Report, title: str, groups: Sequence[Group]) -> Panel:
    """A bar for each module, or for several that are alike and follow each other, with their figures together."""
    colors = component_colors(row.name for row in report.components)
    bars = []
    for group in groups:
        parameters, macs = sum(row.parameters for row in group), sum(row.macs or 0 for row in group)
        note = format_integer(parameters) + ("" if group[0].macs is None else f" ({format_count(macs, 1)} MACs)")
        color = colors.get(whose(group), GREY)
        bars.append(Bar(label=run_path(group) or THE_MODEL, color=color, values=(parameters,), notes=(note,)))
    return Panel(title=title, series=("parameters",), wholes=(report.totals.parameters,), bars=tuple(bars))


def _spare(report: Report) -> Iterator[Panel]:
    """What fills a sheet of a model that has few components: operators, types of modules, parameters."""
    whole, flops = report.totals.parameters, report.totals.flops or 0
    ran = {row.op: row.flops or 0 for row in report.operators}
    notes = {op: format_percent(value, flops, 1) for op, value in ran.items()}
    yield _ranking("Operators: FLOPs", "FLOPs", flops, ran, notes)
    sums: Counter[str] = Counter()
    for row in report.modules:
        sums[row.type] += row.own_parameters
    yield _ranking("Module types: their own parameters", "parameters", whole, sums)
    yield _ranking("Largest parameters", "parameters", whole, {row.path: row.numel for row in report.parameters})


def _ranking(
    title: str, unit: str, whole: int, values: Mapping[str, int], notes: Mapping[str, str] | None = None
) -> Panel:
    """The largest of ``values``, each with its note or else its exact figure."""
    largest = sorted((name for name, value in values.items() if value), key=lambda name: (-values[name], name))[:_ROWS]
    said = notes or {name: format_integer(values[name]) for name in largest}
    bars = (Bar(label=name, color=TOTAL, values=(values[name],), notes=(said[name],)) for name in largest)
    return Panel(title=title, series=(unit,), wholes=(whole,), bars=tuple(bars))
