"""Boxes of sizes: the values of each dimension, and how a box is cut into others."""

from __future__ import annotations

import itertools
from typing import TypeAlias

Axes: TypeAlias = tuple[tuple[int, ...], ...]


def cut(axes: Axes, place: int, count: int) -> list[Axes]:
    """The box of the first ``count`` sizes of one dimension, and that of the others."""
    parts = (axes[place][:count], axes[place][count:])
    return [(*axes[:place], part, *axes[place + 1 :]) for part in parts if part]


def apart(axes: Axes, single: dict[int, int]) -> list[Axes]:
    """The box without one size of some dimensions, and the boxes of every set of them with that size."""
    parts = [
        ((single[place],), tuple(size for size in axis if size != single[place])) if place in single else (axis,)
        for place, axis in enumerate(axes)
    ]
    return [*reversed([*itertools.product(*parts)])]
