"""What a law is told of part by part: components, or what repeats in blocks, and where one overtakes another."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from archscope.judge.scaling.inverse import spread
from archscope.results.polynomial import Formula
from archscope.results.scaling import Scaling
from archscope.results.scaling_region import Group, Region, summed

ATTENTION = "attention scores and their products"
_ATTENTION = "attention"  # the family of formulas
_MOST = 8  # parts
_SAMPLED = 512  # sizes between which a crossing is looked for
_LEAST = 20  # a part below 1/20 of the largest one is not told of


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """From ``size`` of ``dimension`` on ``upper`` costs more MACs than ``lower``; before it does not.

    The other dimensions are ``fixed``.
    """

    dimension: str
    size: int
    upper: str
    lower: str
    fixed: tuple[tuple[str, int], ...]


def parts(law: Scaling, region: Region) -> dict[str, Mapping[str, Formula | None]]:
    """The parts of the whole, which add to it: components that somebody named, else what repeats in blocks."""
    if law.own_components:
        return dict(region.components)
    groups: dict[str, list[Group]] = defaultdict(list)
    for group in region.groups:
        groups[_part(group)].append(group)
    return (
        {name: summed(held, ran=region.ran) for name, held in groups.items()}
        if len(groups) <= 2 * _MOST
        else dict(region.components)
    )


def _part(group: Group) -> str:
    """``layers.*.mlp`` of what lies in the blocks of a list; what attention multiplies is a part of its own."""
    if group.family == _ATTENTION:
        return ATTENTION
    names = group.path.split(".")
    for place, name in enumerate(names[:-1]):
        if name.isdigit() or name == "*":
            return ".".join((*names[:place], "*", names[place + 1]))
    return group.component


def crossings(law: Scaling, metric: str = "macs") -> tuple[Crossing, ...]:
    """Where one part begins to cost more than another along one dimension, the others being at their smallest.

    None is told where it may lie at sizes between two regions, of which no formula is known.
    """
    found = []
    known = {region: parts(law, region) for region in law.laws}
    base = {one.name: one.values[0] for one in law.dimensions}
    for one in law.dimensions:
        sizes = [size for size in one.values if any(_holds(region, {**base, one.name: size}) for region in known)]
        sampled = spread(sizes, _SAMPLED) if sizes else []
        shown = {size: _values(known, {**base, one.name: size}, metric) for size in sampled}
        names = _worth(shown)
        for upper, lower in itertools.permutations(names, 2):
            over = [shown[size].get(upper, 0) > shown[size].get(lower, 0) for size in sampled]
            if not over or over[0] or not over[-1] or over != sorted(over):
                continue
            place = over.index(True)
            low, high = sizes.index(sampled[place - 1]), sizes.index(sampled[place])
            while high - low > 1:
                middle = (low + high) // 2
                there = _values(known, {**base, one.name: sizes[middle]}, metric)
                low, high = (low, middle) if there.get(upper, 0) > there.get(lower, 0) else (middle, high)
            if one.values.index(sizes[high]) - one.values.index(sizes[low]) > 1:
                continue
            others = tuple((name, size) for name, size in base.items() if name != one.name)
            found.append(Crossing(dimension=one.name, size=sizes[high], upper=upper, lower=lower, fixed=others))
    return tuple(found)


def _holds(region: Region, sizes: Mapping[str, int]) -> bool:
    return region.holds([*sizes.values()])


def _worth(shown: Mapping[int, Mapping[str, int]]) -> list[str]:
    """The parts that are ever large enough to be told of."""
    names: dict[str, None] = {}
    for values in shown.values():
        most = max(values.values(), default=0)
        names.update({name: None for name, value in values.items() if value * _LEAST > most})
    return [*names][:_MOST]


Parts: TypeAlias = Mapping[str, Mapping[str, Formula | None]]


def _values(known: Mapping[Region, Parts], sizes: Mapping[str, int], metric: str) -> dict[str, int]:
    held = next((found for region, found in known.items() if _holds(region, sizes)), {})
    values = {name: formulas.get(metric) for name, formulas in held.items()}
    return {name: formula.at(sizes) or 0 for name, formula in values.items() if formula is not None}
