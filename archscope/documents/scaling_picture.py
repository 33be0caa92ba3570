"""The picture of a law of size: its parts over one dimension, their shares, and where one overtakes another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archscope.documents.pictures import COLORS, GREY, Drawing, component_colors
from archscope.judge.scaling.inverse import spread
from archscope.judge.scaling.parts import crossings, parts
from archscope.results.scaling import Scaling

_SIZES = 120
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
class SizeBands(Drawing):
    """Bands over the sizes of a dimension, stacked, and below them their shares; ``log`` for logarithmic axes."""

    kind: ClassVar[str] = "bands"
    title: str
    subtitle: str
    dimension: str
    sizes: tuple[int, ...]
    bands: tuple[Band, ...]
    marks: tuple[Mark, ...]
    log: bool


def bands(law: Scaling) -> SizeBands:
    """The parts over the dimension with most sizes, the others being at their smallest."""
    along = max(law.dimensions, key=lambda one: len(one.values))
    base = {one.name: one.values[0] for one in law.dimensions}
    sizes, values = [], []
    for size in spread(along.values, _SIZES):
        chosen = {**base, along.name: size}
        region = next((one for one in (*law.laws, *law.regions) if one.holds([*chosen.values()])), None)
        if region is None:
            continue
        found = {name: formulas.get("macs") for name, formulas in parts(law, region).items()}
        if any(formula is None for formula in found.values()):
            continue
        sizes.append(size)
        values.append({name: formula.at(chosen) or 0 for name, formula in found.items() if formula is not None})
    names = sorted({name for one in values for name in one if one[name]}, key=lambda n: -values[-1].get(n, 0))
    colors = component_colors(names[:_BANDS])
    bands = [
        Band(label=name, color=colors.get(name, COLORS[0]), values=tuple(one.get(name, 0) for one in values))
        for name in names[:_BANDS]
    ]
    if names[_BANDS:]:
        rest = tuple(sum(one.get(name, 0) for name in names[_BANDS:]) for one in values)
        bands.append(Band(label=f"{len(names) - _BANDS} others", color=GREY, values=rest))
    fixed = ", ".join(f"{name} {size:,}" for name, size in base.items() if name != along.name)
    marks = tuple(
        Mark(size=one.size, label=f"{one.upper} over {one.lower}")
        for one in crossings(law)
        if one.dimension == along.name
    )
    return SizeBands(
        title=law.model,
        subtitle=f"MACs over {along.name}" + (f", at {fixed}" if fixed else ""),
        dimension=along.name,
        sizes=tuple(sizes),
        bands=tuple(bands),
        marks=marks,
        log=bool(sizes) and sizes[-1] >= _WIDE * sizes[0],
    )
