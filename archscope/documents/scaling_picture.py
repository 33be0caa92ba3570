"""The picture of a law of size: its parts over one dimension, their shares, and where one overtakes another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from archscope.documents.pictures import GREY, Drawing, colors_beside
from archscope.judge.scaling.inverse import spread
from archscope.judge.scaling.parts import crossings, parts
from archscope.results.scaling import Dimension, Scaling
from archscope.results.scaling_region import Region

_SIZES = 256
_BANDS = 8
_WIDE = 16  # times as large at the end as at the start: then the axes are logarithmic


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The MACs of one part at each size."""

    label: str
    color: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A size at which one part overtakes another."""

    size: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A size that was run and has no formula: its MACs."""

    size: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeBands(Drawing):
    """Bands over the sizes of a dimension, stacked, and below them their shares; ``log`` for logarithmic axes.

    ``starts`` are the places in ``sizes`` where other formulas begin to hold: no band goes on from there.
    """

    kind: ClassVar[str] = "bands"
    title: str
    subtitle: str
    dimension: str
    sizes: tuple[int, ...]
    starts: tuple[int, ...]
    bands: tuple[Band, ...]
    dots: tuple[Dot, ...]
    marks: tuple[Mark, ...]
    log: bool


def bands(law: Scaling) -> SizeBands:
    """The parts over the dimension with most sizes, the others being at their smallest."""
    along = max(law.dimensions, key=lambda one: len(one.values))
    base = {one.name: one.values[0] for one in law.dimensions}
    sizes: list[int] = []
    values: list[Mapping[str, int]] = []
    starts: list[int] = []
    last = None
    for size in spread(along.values, _SIZES):
        region = next((one for one in law.laws if one.holds([*{**base, along.name: size}.values()])), None)
        found = {} if region is None else _values(law, region, {**base, along.name: size})
        if not found:
            last = None
            continue
        starts += [len(sizes)] if region is not last else []
        last = region
        sizes.append(size)
        values.append(found)
    names = sorted({name for one in values for name in one if one[name]}, key=lambda n: -values[-1].get(n, 0))
    fixed = ", ".join(f"{name} {size:,}" for name, size in base.items() if name != along.name)
    shown = crossings(law)
    return SizeBands(
        title=law.model,
        subtitle=f"MACs over {along.name}" + (f", at {fixed}" if fixed else ""),
        dimension=along.name,
        sizes=tuple(sizes),
        starts=tuple(starts),
        bands=tuple(_bands(law, names, values)),
        dots=_dots(law, along, base),
        marks=tuple(
            Mark(size=one.size, label=f"{one.upper} over {one.lower}") for one in shown if one.dimension == along.name
        ),
        log=along.values[-1] >= _WIDE * along.values[0],
    )


def _values(law: Scaling, region: Region, sizes: Mapping[str, int]) -> dict[str, int]:
    """The MACs of each part; nothing where one of them has no formula."""
    found = {name: formulas.get("macs") for name, formulas in parts(law, region).items()}
    known = {name: formula.at(sizes) or 0 for name, formula in found.items() if formula is not None}
    return known if len(known) == len(found) else {}


def _bands(law: Scaling, names: list[str], values: list[Mapping[str, int]]) -> list[Band]:
    components = dict.fromkeys(name for region in (*law.laws, *law.regions) for name in region.names)
    colors = colors_beside(components, names)
    made = [
        Band(label=name, color=colors[name], values=tuple(one.get(name, 0) for one in values))
        for name in names[:_BANDS]
    ]
    if names[_BANDS:]:
        rest = tuple(sum(one.get(name, 0) for name in names[_BANDS:]) for one in values)
        made.append(Band(label=f"{len(names) - _BANDS} others", color=GREY, values=rest))
    return made


def _dots(law: Scaling, along: Dimension, base: Mapping[str, int]) -> tuple[Dot, ...]:
    """The runs at sizes without a formula, the other dimensions being those of ``base``."""
    found = {}
    for run in law.regions:
        sizes = dict(zip((one.name for one in law.dimensions), run.low, strict=True))
        if not run.measured or any(sizes[name] != size for name, size in base.items() if name != along.name):
            continue
        formula, value = run.totals.get("macs"), None
        region = next((one for one in law.laws if one.holds(run.low)), None)
        if formula is not None and (region is None or not _values(law, region, sizes)):
            value = formula.at(sizes)
        if value is not None:
            found[sizes[along.name]] = value
    return tuple(Dot(size=size, value=value) for size, value in sorted(found.items()))
