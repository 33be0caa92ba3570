"""What the figure shows, as plain data: the drawing measures nothing, and two figures are equal when their data are."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archscope.render.facts import blocks, describe_inputs, figure, ranked
from archscope.render.names import ascii_only, shorten
from archscope.render.palette import COLORS, GREY, component_colors
from archscope.report import UNASSIGNED, ComponentRow, ModuleRow, Report
from archscope.serial import to_plain
from archscope.units import format_count, format_integer, format_percent

_ROWS = 10
_LABEL = 26  # characters


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
class Sheet:
    """A figure: a heading, a line below it, four panels at most."""

    title: str
    subtitle: str
    panels: tuple[Panel, ...]

    @property
    def digest(self) -> str:
        """What the figure was drawn from, in 64 characters."""
        return hashlib.sha256(json.dumps(to_plain(self)).encode()).hexdigest()


def sheet(report: Report) -> Sheet:
    """Components, the largest modules, and the attention modules and detection heads where the model has them."""
    panels = [_components(report), _largest(report)]
    for role, title in (("attention", "Attention"), ("head", "Heads")):
        found = [row for row in report.components if row.role == role and row.modules]
        panels += [_instances(report, title, found)] if found else []
    spare = [_operators(report), _types(report), _tensors(report)]
    panels += [panel for panel in spare if panel.bars][: 4 - len(panels)]
    return Sheet(title=_label(report.model.name, 60), subtitle=_subtitle(report), panels=tuple(panels[:4]))


def _subtitle(report: Report) -> str:
    totals = report.totals
    parts = [f"{format_integer(totals.parameters)} parameters"]
    if totals.macs is not None:
        least = "" if totals.complete else "at least "
        parts += [f"{least}{format_count(totals.macs)} MACs", f"input {describe_inputs(report.inputs) or 'none'}"]
    return _label(" \N{MIDDLE DOT} ".join(map(ascii_only, parts)), 120, keep="\N{MIDDLE DOT}")


def _label(text: str, width: int = _LABEL, keep: str = "") -> str:
    return shorten("".join(char if char in keep else ascii_only(char) for char in text), width)


def _components(report: Report) -> Panel:
    colors = component_colors(row.name for row in report.components)
    macs = report.totals.macs
    wholes = (report.totals.parameters,) if macs is None else (report.totals.parameters, macs)
    names = ("parameters",) if macs is None else ("parameters", "macs")
    sized = [row for row in report.components if row.name != UNASSIGNED or any(figure(row, name) for name in names)]
    kept = sized if len(sized) <= _ROWS else sized[: _ROWS - 1]
    bars = [_bar(row.name, colors[row.name], [figure(row, name) or 0 for name in names], wholes) for row in kept]
    if len(kept) < len(sized):
        rest = [sum(figure(row, name) or 0 for row in sized[len(kept) :]) for name in names]
        bars.append(_bar(f"{len(sized) - len(kept)} others", GREY, rest, wholes))
    series = ("parameters", "MACs")[: len(wholes)]
    return Panel(title=f"{' and '.join(series)} by component", series=series, wholes=wholes, bars=tuple(bars))


def _bar(label: str, color: str, values: Sequence[int], wholes: Sequence[int]) -> Bar:
    notes = tuple(format_percent(value, whole, 1) for value, whole in zip(values, wholes, strict=True))
    return Bar(label=_label(label), color=color, values=tuple(values), notes=notes)


def _largest(report: Report) -> Panel:
    rows = ranked(blocks(report, _ROWS), "parameters", _ROWS)
    return _modules(report, f"The {len(rows)} largest modules: parameters", rows)


def _instances(report: Report, title: str, found: Iterable[ComponentRow]) -> Panel:
    by_path = {row.path: row for row in report.modules}
    rows = [by_path[path] for component in found for path in component.modules]
    names = ", ".join(component.name for component in found)
    whose = "" if names == title else f" ({_label(names, 20)})"
    what = f"{title}{whose}, {len(rows)}: parameters"
    return _modules(report, what, rows if len(rows) <= _ROWS else ranked(rows, "parameters", _ROWS))


def _modules(report: Report, title: str, rows: Sequence[ModuleRow]) -> Panel:
    colors = component_colors(row.name for row in report.components)
    bars = [
        Bar(
            label=_label(row.path or "[the model itself]"),
            color=colors.get(row.component, GREY),
            values=(row.parameters,),
            notes=(
                format_integer(row.parameters) + ("" if row.macs is None else f" ({format_count(row.macs, 1)} MACs)"),
            ),
        )
        for row in rows
    ]
    return Panel(title=title, series=("parameters",), wholes=(report.totals.parameters,), bars=tuple(bars))


def _operators(report: Report) -> Panel:
    whole = report.totals.flops or 0
    rows = sorted((row for row in report.operators if row.flops), key=lambda row: (-row.flops, row.op))[:_ROWS]
    bars = [_plain_bar(row.op, row.flops, format_percent(row.flops, whole, 1)) for row in rows]
    return Panel(title="Operators: FLOPs", series=("FLOPs",), wholes=(whole,), bars=tuple(bars))


def _types(report: Report) -> Panel:
    sums: Counter[str] = Counter()
    for row in report.modules:
        sums[row.type] += row.own_parameters
    largest = [pair for pair in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])) if pair[1]][:_ROWS]
    bars = [_plain_bar(name, value, format_integer(value)) for name, value in largest]
    title = "Module types: their own parameters"
    return Panel(title=title, series=("parameters",), wholes=(report.totals.parameters,), bars=tuple(bars))


def _tensors(report: Report) -> Panel:
    rows = sorted(report.parameters, key=lambda row: (-row.numel, row.path))[:_ROWS]
    bars = [_plain_bar(row.path, row.numel, format_integer(row.numel)) for row in rows]
    whole = (report.totals.parameters,)
    return Panel(title="Largest parameters", series=("parameters",), wholes=whole, bars=tuple(bars))


def _plain_bar(label: str, value: int, note: str) -> Bar:
    return Bar(label=_label(label), color=COLORS[0], values=(value,), notes=(note,))
