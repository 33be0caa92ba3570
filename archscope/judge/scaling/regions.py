"""The boxes of sizes in which one set of formulas holds: the whole range where it can be, else pieces with borders."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

from archscope.judge.scaling.fit import Fit, fit_region, measured_region, mismatches
from archscope.judge.scaling.floor_terms import telling_size
from archscope.judge.scaling.interpolation import Point
from archscope.judge.scaling.inverse import spread
from archscope.judge.scaling.observation import Observation
from archscope.judge.scaling.sampling import sample
from archscope.results.scaling_region import Region

_FIRST = (1, 8, 16, 24)  # runs that a box starts with, by its dimensions
_MOST_IN_A_BOX = 48
_MOST = 96  # runs of one law
_TELLING = 12  # runs in a row that tell floor terms apart
_SINGLED_OUT = 4  # sizes at which a term of a remainder is 0 that have to be run
_LEAST_TO_SPLIT = 4  # sizes: fewer are measured one by one

Axes = tuple[tuple[int, ...], ...]


class Regions:
    """The regions of one model, found by ``run``, which is asked for each point once."""

    def __init__(self, names: Sequence[str], run: Callable[[Point], Observation]) -> None:
        self._names = tuple(names)
        self._run = run
        self.seen: dict[Point, Observation] = {}

    def find(self, axes: Axes) -> tuple[Region, ...]:
        """The regions of the box that ``axes`` span; first every size that was measured."""
        found = self._of_box(axes)
        return (*(measured_region(point, run) for point, run in self.seen.items()), *found)

    def _of_box(self, axes: Axes) -> list[Region]:
        """The regions of a box; where there are none, its sizes are left to what was measured."""
        if math.prod(map(len, axes)) == 1:
            self._observe(tuple(axis[0] for axis in axes))
            return []
        fitted = self._fitted(axes, telling=False)
        for split in (self._without_ones, self._by_program, self._by_figures):
            if fitted is not None and not fitted.unfit:
                return [fitted.region]
            if len(self.seen) >= _MOST:
                break
            boxes = split(axes)
            if boxes is not None:
                return [region for box in boxes for region in self._of_box(box)]
            if split == self._by_program:
                fitted = self._fitted(axes)
        if math.prod(map(len, axes)) <= _MOST_IN_A_BOX:
            for point in itertools.product(*axes):
                self._observe(point)
        fitted = self._held_to_all(fitted, axes)
        return [fitted.region] if fitted is not None and fitted.region.groups else []

    def _held_to_all(self, fitted: Fit | None, axes: Axes) -> Fit | None:
        """What is left of ``fitted`` when runs that came after it are to be met too."""
        inside = self._inside(axes)
        if fitted is None or not mismatches(fitted.region, inside, self._names):
            return fitted
        return self._verified_only(fit_region(inside, self._names, axes), len(inside))

    def _observe(self, point: Point) -> Observation:
        if point not in self.seen:
            self.seen[point] = self._run(point)
        return self.seen[point]

    def _inside(self, axes: Axes) -> dict[Point, Observation]:
        sets = [frozenset(axis) for axis in axes]
        return {
            point: run
            for point, run in self.seen.items()
            if all(size in values for size, values in zip(point, sets, strict=True))
        }

    def _fitted(self, axes: Axes, *, telling: bool = True) -> Fit | None:
        """The formulas of a box, verified; with what is unfit where some have none; None where none is verified.

        With ``telling``, sizes are run that tell floor terms apart.
        """
        dimensions = sum(len(axis) > 1 for axis in axes)
        have = len(self._inside(axes))
        wanted = (
            max(have, 6 * dimensions) if have else _FIRST[dimensions] if dimensions < len(_FIRST) else 8 * dimensions
        )
        points = sample(axes)
        told = 0
        while True:
            self._run_to(points, wanted, axes)
            seen = self._inside(axes)
            found = fit_region(seen, self._names, axes, rounded=told > 0)
            if self._run_multiples(found, axes):
                continue
            if not found.unfit:
                if found.needed <= len(seen):
                    return found if not mismatches(found.region, seen, self._names) else None
                if len(seen) < wanted or found.needed > _MOST_IN_A_BOX:
                    return self._verified_only(found, len(seen))
                wanted = found.needed
            elif len(seen) < _FIRST[min(dimensions, 3)] and len(seen) == wanted:
                wanted = _FIRST[min(dimensions, 3)]
            elif not telling or told > _TELLING or (told and not self._tell(found, axes, told)):
                return self._verified_only(found, len(seen))
            else:
                told += 1
                wanted = len(self._inside(axes))

    def _verified_only(self, found: Fit, runs: int) -> Fit | None:
        """What is left of ``found`` when ``runs`` are all that there are."""
        return found if found.unfit and found.needed <= runs else None

    def _run_to(self, points: Iterator[Point], wanted: int, axes: Axes) -> None:
        have = len(self._inside(axes))
        while have < wanted and len(self.seen) < _MOST:
            point = next(points, ())
            if not point:
                return
            if point not in self.seen:
                self._observe(point)
                have += 1

    def _run_multiples(self, found: Fit, axes: Axes) -> bool:
        """Run sizes that terms of a remainder single out, which few runs have met; False where that was done."""
        inside = self._inside(axes)
        ran = False
        for quantity in found.region.quantities:
            if not quantity.rest:
                continue
            place = self._names.index(quantity.dimensions[0])
            special = [size for size in axes[place] if not quantity.at({quantity.dimensions[0]: size})]
            known = {point[place] for point in inside}
            left = [size for size in special if size not in known]
            missing = max(0, _SINGLED_OUT - (len(special) - len(left)))
            for size in spread(left, missing) if missing > 1 else left[:missing]:
                if len(self.seen) < _MOST:
                    self._observe(tuple(size if at == place else axis[-1] for at, axis in enumerate(axes)))
                    ran = True
        return ran

    def _tell(self, found: Fit, axes: Axes, told: int) -> bool:
        """Run one more size, one that tells floor terms apart where there is such; False where none is left."""
        inside = self._inside(axes)
        if len(inside) >= _MOST_IN_A_BOX or len(self.seen) >= _MOST:
            return False
        rows = [*itertools.islice(sample(axes), 4 * _MOST_IN_A_BOX)]
        for place, name in enumerate(self._names):
            size = telling_size(found.floors.get(name, ()), axes[place], {point[place] for point in inside})
            if size is not None:
                base = rows[told % len(rows)]
                point = (*base[:place], size, *base[place + 1 :])
                if point not in self.seen:
                    self._observe(point)
                    return True
        more = [row for row in rows if row not in self.seen][:1]
        for row in more:
            self._observe(row)
        return bool(more)

    def _without_ones(self, axes: Axes) -> list[Axes] | None:
        """A size of 1 is often a case of its own: the box without it, and those sizes by themselves."""
        ones = [place for place, axis in enumerate(axes) if axis[0] == 1 and len(axis) > _LEAST_TO_SPLIT]
        inside = self._inside(axes)
        for count in range(1, len(ones) + 1):
            for places in itertools.combinations(ones, count):
                rest = {point: run for point, run in inside.items() if all(point[place] != 1 for place in places)}
                if len(rest) > 2 and not fit_region(rest, self._names, axes).unfit:
                    return _apart(axes, dict.fromkeys(places, 1))
        return None

    def _by_program(self, axes: Axes) -> list[Axes] | None:
        """Two boxes of which the first ends where the model begins to run other operators along one dimension."""
        for place, axis in enumerate(axes):
            if len(axis) <= _LEAST_TO_SPLIT:
                continue

            def program(index: int, place: int = place, axis: tuple[int, ...] = axis) -> tuple[int, ...]:
                point = tuple(axis[index] if at == place else other[-1] for at, other in enumerate(axes))
                return self._observe(point).program

            first = program(0)
            if program(len(axis) - 1) == first or program(1) != first:
                continue
            low, high = 1, len(axis) - 1
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if program(middle) == first else (low, middle)
            if program(min(high + 1, len(axis) - 1)) == program(high):
                return _cut(axes, place, high)
        return None

    def _by_figures(self, axes: Axes) -> list[Axes] | None:
        """Two boxes of which formulas hold in one, as far along one dimension as they do, from its low or high end."""
        for place in sorted(range(len(axes)), key=lambda at: -len(axes[at])):
            count = len(axes[place]) // 2
            while count >= 3 * _LEAST_TO_SPLIT // 2:
                for lower in (True, False):
                    parts = _cut(axes, place, count if lower else len(axes[place]) - count)
                    fitted = self._fitted(parts[0 if lower else -1], telling=False)
                    if fitted is not None and not fitted.unfit:
                        return _cut(axes, place, self._border(fitted.region, axes, place, count, lower=lower))
                    if len(self.seen) >= _MOST:
                        return None
                count //= 2
        return None

    def _border(self, region: Region, axes: Axes, place: int, count: int, *, lower: bool) -> int:
        """How many sizes of one dimension lie below the border up to which the formulas of ``region`` hold.

        They are known to hold for ``count`` sizes of the ``lower`` end, or of the other one.
        """
        axis = axes[place] if lower else axes[place][::-1]
        good, bad = count - 1, len(axis)
        while bad - good > 1:
            middle = (good + bad) // 2
            point = tuple(axis[middle] if at == place else other[-1] for at, other in enumerate(axes))
            self._observe(point)
            holds = not mismatches(region, {point: self.seen[point]}, self._names)
            good, bad = (middle, bad) if holds else (good, middle)
        return bad if lower else len(axis) - bad


def _cut(axes: Axes, place: int, count: int) -> list[Axes]:
    """The box of the first ``count`` sizes of one dimension, and that of the others."""
    parts = (axes[place][:count], axes[place][count:])
    return [(*axes[:place], part, *axes[place + 1 :]) for part in parts if part]


def _apart(axes: Axes, single: dict[int, int]) -> list[Axes]:
    """The box without one size of some dimensions, and the boxes of every set of them with that size."""
    parts = [
        ((single[place],), tuple(size for size in axis if size != single[place])) if place in single else (axis,)
        for place, axis in enumerate(axes)
    ]
    return [*reversed([*itertools.product(*parts)])]
