"""The receptive field and the stride of a tensor along one input axis, from the positions that it depends on."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from archscope.measure.summing.receptive_field.positions import Axis, Positions, existing
from archscope.measure.summing.receptive_field.reach import Reach, UntoldError, hull, is_empty

_MOST_POSITIONS = 1 << 18


class Extent(NamedTuple):
    """How many positions of an axis one position of a tensor depends on at most; ``whole`` where on all of them."""

    positions: int
    whole: bool


def extent_of(state: Positions, axis: Axis, size: int) -> Extent:
    """The extent along ``axis``, whose input has ``size`` positions; raises UntoldError where it is not known.

    What slides goes on beyond the borders of the input, as textbooks have it; what does not, or does so at several
    strides at once, is cut there.
    """
    if axis in state.unknown:
        raise UntoldError(state.unknown[axis])
    parts = [part for part in state.reaches.get(axis, ()) if not all(map(is_empty, part.intervals))]
    still = [_cut(part.intervals[0], size) for part in parts if not part.steps]
    if any(interval == (0, size - 1) for interval in still):
        return Extent(size, whole=True)
    if len(parts) == 1 and parts[0].slopes:
        return Extent(max(_length(interval) for interval in _seen(parts[0], state)), whole=False)
    numbers = {step.factor for part in parts for step in part.steps}
    sizes = [p.size for dim in state.dims for unit in dim for p in unit.factors if p.number in numbers]
    if math.prod(sizes) > _MOST_POSITIONS:
        raise UntoldError("too many positions at different strides")
    indices = existing(state, numbers) if parts else ()
    intervals = [_cut(hull(part.at(index) for part in parts), size) for index in indices]
    if (0, size - 1) in intervals:
        return Extent(size, whole=True)
    return Extent(max(map(_length, intervals), default=0), whole=False)


def _seen(part: Reach, state: Positions) -> list[tuple[int, int]]:
    """The intervals of residues that a position of the tensor has."""
    sizes = {p.number: p.size for dim in state.dims for unit in dim for p in unit.factors}
    if all(sizes.get(step.factor, 1) >= step.period for step in part.steps):
        return [*part.intervals]
    return [part.at(index) for index in existing(state, {step.factor for step in part.steps})]


def _cut(interval: tuple[int, int], size: int) -> tuple[int, int]:
    return max(interval[0], 0), min(interval[1], size - 1)


def _length(interval: tuple[int, int]) -> int:
    return max(0, interval[1] - interval[0] + 1)


def strides_of(state: Positions, axis: Axis) -> frozenset[Fraction]:
    """How far apart neighbouring positions stand along ``axis``; several where tensors of several strides were joined.

    Positions that a dimension holds inside each of an axis (those of a window, subpixels) divide its steps.
    """
    found: dict[frozenset[int], set[Fraction]] = {}
    pieces: set[Fraction] = set()
    for part in state.reaches.get(axis, ()):
        pieces |= part.pieces
        steps = _steps(state, part, axis)
        if steps:
            moving = frozenset(factor for factor, _ in part.slopes)
            found.setdefault(moving, set()).add(min(steps))
    finest = [moving for moving in found if not any(moving < other for other in found)]
    return frozenset(pieces.union(*(found[moving] for moving in finest)))


def _steps(state: Positions, part: Reach, axis: Axis) -> list[Fraction]:
    slopes = dict(part.slopes)
    others = {
        number
        for other, known in state.reaches.items()
        if other != axis
        for reach in known
        for number, _ in reach.slopes
    }
    steps = []
    for dim in state.dims:
        parts = [factor for unit in dim for factor in unit.factors]
        alone = others.isdisjoint(factor.number for factor in parts)
        inside = 1
        for number, size in reversed(parts):
            if number in slopes:
                steps.append(abs(slopes[number]) / inside)
                inside = 1
            else:
                inside *= size if alone else 1
    return steps
