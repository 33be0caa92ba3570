"""The Pareto front of a sweep: the points that no other point equals or beats on every axis."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.results.sweep import Axis, Limit, Point


def pareto_front(points: Sequence[Point], axes: tuple[Axis, ...], limits: tuple[Limit, ...]) -> tuple[int, ...]:
    """Indices of the points that meet ``limits`` and that no other such point equals or beats on every axis.

    Of points with the same figures all stand on the front. Along the first axis, the best first.
    """
    places = {
        index: tuple(_place(point, axis) for axis in axes)
        for index, point in enumerate(points)
        if point.meets(limits) and all(point[axis.metric] is not None for axis in axes)
    }
    front: list[int] = []
    for index in sorted(places, key=lambda index: (places[index], index)):
        if not any(_beats(places[other], places[index]) for other in front):
            front.append(index)
    return tuple(front)


def _place(point: Point, axis: Axis) -> int:
    value = point[axis.metric] or 0
    return -value if axis.most else value


def _beats(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
