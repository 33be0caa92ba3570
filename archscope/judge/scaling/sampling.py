"""Which sizes are run: both ends of every range, and sizes between them that are spread and of all residues."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from archscope.judge.scaling.interpolation import Point

# The fractional parts of multiples of these fill a square evenly; they are powers of roots of x^(d+1) = x + 1.
_STEPS = ((0.6180339887,), (0.7548776662, 0.5698402909), (0.8191725134, 0.6710436067, 0.5497004779))
_MORE = 0.4142135623


def sample(axes: Sequence[Sequence[int]]) -> Iterator[Point]:
    """All points of the grid of ``axes``, each once: corners first, then their neighbours, then spread evenly."""
    seen: set[Point] = set()
    for point in _wanted(axes):
        if point not in seen:
            seen.add(point)
            yield point


def _wanted(axes: Sequence[Sequence[int]]) -> Iterator[Point]:
    ends = [(axis[0], axis[-1]) for axis in axes]
    low, high = tuple(axis[0] for axis in axes), tuple(axis[-1] for axis in axes)
    yield from (low, high)
    if len(axes) <= 2:
        yield from itertools.product(*ends)
    near = [(axis[min(1, len(axis) - 1)], axis[max(0, len(axis) - 2)]) for axis in axes]
    yield from (tuple(pair[0] for pair in near), tuple(pair[1] for pair in near))
    grid = math.prod(map(len, axes))
    steps = _STEPS[len(axes) - 1] if len(axes) <= len(_STEPS) else [_MORE**n % 1 for n in range(1, len(axes) + 1)]
    for number in range(1, 40 * min(grid, 2000)):
        yield tuple(axis[int(number * step % 1 * len(axis))] for axis, step in zip(axes, steps, strict=True))
    if grid <= 10_000:
        yield from itertools.product(*axes)
