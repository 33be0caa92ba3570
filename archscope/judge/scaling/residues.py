"""Terms for what runs at some residues of a size only: a branch on parity, a pad where windows do not fit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from archscope.judge.scaling.floor_terms import STRIDES
from archscope.judge.scaling.interpolation import Point
from archscope.results.polynomial import Polynomial, Powers, Quantity, total

_MOST = 40  # other readings of one flag
_TURNS = 2  # how often residues recur in the range at least


class Interval(Quantity):
    """1 where ``(size + plus) % by`` is ``times`` or more, else 0: the difference of two floor terms."""

    __slots__ = ()

    def at(self, sizes: Mapping[str, int]) -> int:
        """Its value at these sizes."""
        return int((sizes[self.dimensions[0]] + self.plus) % self.by >= self.times)

    @property
    def in_floors(self) -> Polynomial:
        """The same as a polynomial in floor terms."""
        rises = self.plus + self.by - self.times
        up = Quantity(self.dimensions, plus=rises % self.by, by=self.by)
        down = Quantity(self.dimensions, plus=self.plus, by=self.by)
        return Polynomial.of({((up, 1),): Fraction(1), ((down, 1),): Fraction(-1), (): Fraction(rises // self.by)})


class Residues(NamedTuple):
    """Residues modulo ``by`` from one of ``start`` on to below one of ``stop``, cyclically: all fit what was seen.

    ``rivals`` are other intervals of residues that fit it too.
    """

    by: int
    start: tuple[int, int]
    stop: tuple[int, int]
    rivals: tuple[Residues, ...] = ()

    def quantity(self, dimension: str) -> Quantity:
        """The term with the likeliest borders: one residue apart from all others where that is possible."""
        start, stop = self.likely
        if {start % self.by, stop % self.by} == {0, 1}:  # multiples, or all others
            return Quantity((dimension,), by=self.by, rest=True)
        return Interval((dimension,), (start - stop) % self.by, -stop % self.by, self.by, rest=True)

    def readings(self, _low: int) -> list[Callable[[int], int]]:
        """What the term may be, as functions of the size."""
        return [
            partial(_lies, one.by, start, stop)
            for one in (self, *self.rivals)
            for start, stop in {*itertools.product(one.start, one.stop), one.likely}
        ]

    @property
    def borders(self) -> set[int]:
        """The residues on both sides of both borders."""
        return {(turn - step) % self.by for turn in self.likely for step in (0, 1)}

    @property
    def likely(self) -> tuple[int, int]:
        """The borders of all but the multiples, or of the multiples, where these are possible."""
        for start, stop in ((1, self.by), (1 - self.by, 0), (0, 1), (self.by, self.by + 1)):
            if self.start[0] <= start <= self.start[1] and self.stop[0] <= stop <= self.stop[1]:
                return start, stop
        return self.start[1], self.stop[0]


def _lies(by: int, start: int, stop: int, size: int) -> int:
    return int((size - start) % by < (stop - start) % by)


def residues(
    flags: Iterable[Sequence[bool]], points: Sequence[Point], place: int, known: Iterable[int]
) -> list[Residues]:
    """The intervals of residues of one size that each of ``flags`` may be; ``known`` divisors are tried first."""
    sizes = [point[place] for point in points]
    span = max(sizes) - min(sizes)
    divisors = [by for by in dict.fromkeys([*sorted(known), *sorted(STRIDES)]) if 1 < by * _TURNS <= span]
    found = []
    for told in flags:
        fitting = [*itertools.islice(_fitting(sizes, told, divisors), _MOST)]
        found += [fitting[0]._replace(rivals=tuple(fitting[1:]))] if fitting else []
    return [*dict.fromkeys(found)]


def _fitting(sizes: Sequence[int], told: Sequence[bool], divisors: Iterable[int]) -> Iterator[Residues]:
    for by in divisors:
        by_residue: dict[int, bool] = {}
        if all(by_residue.setdefault(size % by, flag) == flag for size, flag in zip(sizes, told, strict=True)):
            known = sorted(by_residue.items())
            turns = [n for n in range(len(known)) if known[n][1] != known[n - 1][1]]
            if len(turns) != 2:
                continue
            first, second = turns if known[turns[0]][1] else turns[::-1]
            start = _border(known, first, by)
            stop = _border(known, second, by)
            if stop[0] < start[1]:
                stop = (stop[0] + by, stop[1] + by)
            yield Residues(by, start, stop)


def _border(known: Sequence[tuple[int, bool]], place: int, by: int) -> tuple[int, int]:
    """Between which residues the flag turns: the first one where it may, and the one where it has."""
    before = known[place - 1][0] - (by if place == 0 else 0)
    return before + 1, known[place][0]


def in_floors(polynomial: Polynomial) -> Polynomial:
    """``polynomial`` with floor terms in place of intervals of residues."""
    if not any(isinstance(quantity, Interval) for quantity in polynomial.quantities):
        return polynomial
    return total((_expanded(powers, value), 1) for powers, value in polynomial.coefficients.items())


def _expanded(powers: Powers, value: Fraction) -> Polynomial:
    kept = tuple((one, n) for one, n in powers if not isinstance(one, Interval))
    factors = [one.in_floors for one, _ in powers if isinstance(one, Interval)]  # 0 and 1 are their own powers
    sums: dict[Powers, Fraction] = {}
    for choice in itertools.product(*(factor.coefficients.items() for factor in factors)):
        several = [*kept, *itertools.chain.from_iterable(part for part, _ in choice)]
        exponents: dict[Quantity, int] = {}
        product = value
        for one, n in several:
            exponents[one] = exponents.get(one, 0) + n
        for _, times in choice:
            product *= times
        key = tuple(sorted(exponents.items()))
        sums[key] = sums.get(key, Fraction(0)) + product
    return Polynomial.of(sums)
