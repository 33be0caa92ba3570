"""The boxes of sizes in which one set of formulas holds: the whole range where it can be, else pieces with borders."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from archscope.judge.scaling.boxes import Axes, apart, cut
from archscope.judge.scaling.fit import Fit, fit_region, measured_region, mismatches
from archscope.judge.scaling.floor_terms import Term, telling_size
from archscope.judge.scaling.interpolation import Point
from archscope.judge.scaling.observation import Observation
from archscope.judge.scaling.questions import Asked
from archscope.judge.scaling.residues import Residues
from archscope.judge.scaling.sampling import sample
from archscope.results.scaling_region import Region

_FIRST = (1, 8, 14, 24)  # runs that a box starts with, by its dimensions
_MOST_IN_A_BOX = 48
_MOST = 96  # runs of one law
_TELLING = 20  # runs in a row that tell floor terms apart
_FEW_TURNS = 8  # of answers, between which boxes are made
_FEW_MORE = 4  # runs that may be left to make where sizes of 1 are set apart
_WITNESSES = 4  # runs of each residue at which something else begins to run
_LEAST_TO_SPLIT = 4  # sizes: fewer are measured one by one


class Regions:
    """The regions of one model, found by ``run``, which is asked for each point once.

    ``ask`` runs one too and says what the model compared its sizes with: where its answers turn, it is run.
    """

    def __init__(
        self,
        names: Sequence[str],
        run: Callable[[Point], Observation],
        ask: Callable[[Point], tuple[Observation, Asked]] | None = None,
    ) -> None:
        self._names = tuple(names)
        self._run = run
        self._ask = ask
        self._asked: Asked | None = None
        self._repeated = False
        self.seen: dict[Point, Observation] = {}

    def find(self, axes: Axes) -> tuple[Region, ...]:
        """The regions of the box that ``axes`` span; first every size that was measured."""
        if self._ask is not None and math.prod(map(len, axes)) > _LEAST_TO_SPLIT:
            point = next(itertools.islice(sample(axes), 2 ** len(axes) + 2, None), tuple(axis[-1] for axis in axes))
            self.seen[point], self._asked = self._ask(point)
        found = self._of_box(axes)
        return (*(measured_region(point, run) for point, run in self.seen.items()), *found)

    def _of_box(self, axes: Axes) -> list[Region]:
        """The regions of a box; where there are none, its sizes are left to what was measured."""
        if math.prod(map(len, axes)) == 1:
            self._observe(tuple(axis[0] for axis in axes))
            return []
        fitted = self._fitted(axes, telling=False)
        for split in (self._without_ones, self._by_questions, self._by_program, self._by_figures):
            if fitted is not None and not fitted.unfit:
                return [fitted.region]
            if len(self.seen) >= _MOST:
                break
            if self._asked_once_more(axes):
                return self._of_box(axes)
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
        return self._verified_only(fit_region(inside, self._names, axes), len(inside), axes)

    def _observe(self, point: Point) -> Observation:
        if point not in self.seen:
            self.seen[point] = self._run(point)
        return self.seen[point]

    def _run_where_answers_turn(self, axes: Axes) -> None:
        if self._asked is None:
            return
        for place, axis in enumerate(axes):
            for size in self._asked.worth_running(axis, place) if len(axis) > 1 else ():
                base = [middle[len(middle) // 2] for middle in axes]
                self._observe((*base[:place], size, *base[place + 1 :]))

    def _asked_once_more(self, axes: Axes) -> bool:
        """Whether the run that was asked, made again without questions, is another one: then that one stands."""
        if self._asked is None or self._repeated or self._asked.point not in self._inside(axes):
            return False
        self._repeated = True
        again = self._run(self._asked.point)
        before, self.seen[self._asked.point] = self.seen[self._asked.point], again
        return (again.figures, again.program) != (before.figures, before.program)

    def _by_questions(self, axes: Axes) -> list[Axes] | None:
        """The boxes between the sizes at which answers turn, where these are few."""
        for place, axis in enumerate(axes):
            turns = self._asked.turns(axis, place) if self._asked is not None and len(axis) > 1 else []
            cuts = sorted({at for several in turns if len(several) <= _FEW_TURNS for at in several})
            if 0 < len(cuts) <= _FEW_TURNS:
                parts = [axis[start:stop] for start, stop in itertools.pairwise((0, *cuts, len(axis)))]
                return [(*axes[:place], part, *axes[place + 1 :]) for part in parts]
        return None

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
            max(have, 4 * dimensions) if have else _FIRST[dimensions] if dimensions < len(_FIRST) else 8 * dimensions
        )
        points = sample(axes)
        for end in (0, -1):
            self._observe(tuple(axis[end] for axis in axes))
        self._run_where_answers_turn(axes)
        told = 0
        while True:
            self._run_to(points, wanted, axes)
            seen = self._inside(axes)
            found = fit_region(seen, self._names, axes, rounded=told > 0)
            if not found.unfit:
                if found.needed <= len(seen):
                    if self._telling(found.used, axes) is None:
                        return found if not mismatches(found.region, seen, self._names) else None
                    if not self._tell(found, axes, all_terms=False):
                        return None
                elif len(seen) < wanted or found.needed > _MOST_IN_A_BOX:
                    return self._verified_only(found, len(seen), axes)
                wanted = max(found.needed, len(self._inside(axes)))
            elif max(len(seen), wanted) < _FIRST[min(dimensions, 3)]:
                wanted = _FIRST[min(dimensions, 3)]
            elif not telling or (told and not self._tell(found, axes, all_terms=told <= _TELLING)):
                return self._verified_only(found, len(seen), axes)
            else:
                told += 1
                wanted = len(self._inside(axes))

    def _verified_only(self, found: Fit, runs: int, axes: Axes) -> Fit | None:
        """What is left of ``found`` when ``runs`` are all that there are."""
        told = found.unfit and found.needed <= runs and self._telling(found.used, axes) is None
        return found if told else None

    def _run_to(self, points: Iterator[Point], wanted: int, axes: Axes) -> None:
        have = len(self._inside(axes))
        while have < wanted and len(self.seen) < _MOST:
            point = next(points, ())
            if not point:
                return
            if point not in self.seen:
                self._observe(point)
                have += 1

    def _tell(self, found: Fit, axes: Axes, *, all_terms: bool) -> bool:
        """Run one more size, one that tells terms of formulas apart where there is such; False where none is left.

        With ``all_terms``, those that no formula is in are told apart too, and after them any size is run.
        """
        inside = self._inside(axes)
        if len(inside) >= _MOST_IN_A_BOX or len(self.seen) >= _MOST:
            return False
        rows = [*itertools.islice(sample(axes), 4 * _MOST_IN_A_BOX)]
        point = self._telling(found.used, axes) or (self._telling(found.floors, axes) if all_terms else None)
        if point is not None:
            self._observe(point)
            return True
        if not all_terms:
            return False
        more = [row for row in rows if row not in self.seen][:1]
        for row in more:
            self._observe(row)
        return bool(more)

    def _telling(self, floors: Mapping[str, Sequence[Term]], axes: Axes) -> Point | None:
        """A point that tells what floor terms may be apart, the other sizes being any; None where there is none."""
        inside = self._inside(axes)
        others = [*itertools.islice(sample(axes), 4 * _MOST_IN_A_BOX)]
        for place, name in enumerate(self._names):
            size = telling_size(floors.get(name, ()), axes[place], {point[place] for point in inside})
            if size is not None:
                base = others[len(inside) % len(others)]
                return (*base[:place], size, *base[place + 1 :])
        return next((row for row in others if row not in inside and self._is_witness(row, inside, floors)), None)

    def _is_witness(self, row: Point, inside: Iterable[Point], floors: Mapping[str, Sequence[Term]]) -> bool:
        """Whether ``row`` is of a residue at a border of a term, of which too few have been run."""
        for place, name in enumerate(self._names):
            for term in floors.get(name, ()):
                if isinstance(term, Residues):
                    residue = row[place] % term.by
                    if residue in term.borders and sum(p[place] % term.by == residue for p in inside) < _WITNESSES:
                        return True
        return False

    def _without_ones(self, axes: Axes) -> list[Axes] | None:
        """A size of 1 is often a case of its own: the box without it, and those sizes by themselves."""
        ones = [place for place, axis in enumerate(axes) if axis[0] == 1 and len(axis) > _LEAST_TO_SPLIT]
        inside = self._inside(axes)
        for count in range(1, len(ones) + 1):
            for places in itertools.combinations(ones, count):
                rest = {point: run for point, run in inside.items() if all(point[place] != 1 for place in places)}
                boxed = tuple(axis[1:] if place in places else axis for place, axis in enumerate(axes))
                tried = fit_region(rest, self._names, boxed) if len(rest) > 2 else None
                more = 0 if tried is None or any(tried.used.values()) else _FEW_MORE
                if tried is not None and not tried.unfit and tried.needed <= len(rest) + more:
                    return apart(axes, dict.fromkeys(places, 1))
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
                return cut(axes, place, high)
        return None

    def _by_figures(self, axes: Axes) -> list[Axes] | None:
        """Two boxes of which formulas hold in one, as far along one dimension as they do, from its low or high end."""
        for place in sorted(range(len(axes)), key=lambda at: -len(axes[at])):
            count = len(axes[place]) // 2
            while count >= 3 * _LEAST_TO_SPLIT // 2:
                for lower in (True, False):
                    parts = cut(axes, place, count if lower else len(axes[place]) - count)
                    fitted = self._fitted(parts[0 if lower else -1], telling=False)
                    if fitted is not None and not fitted.unfit:
                        border = self._border(fitted.region, axes, place, count, lower=lower)
                        if 0 < border < len(axes[place]):
                            return cut(axes, place, border)
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
