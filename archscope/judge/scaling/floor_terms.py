"""Floor terms: what strides, windows and padding make of a size, found from the sizes of tensors at several points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from archscope.judge.scaling.interpolation import Point, Series
from archscope.results.polynomial import Quantity

_MOST_TIMES = 4
_STRIDES = tuple(
    sorted(
        {two * odd for two in (2**k for k in range(11)) for odd in (1, 3, 5, 7, 9, 10, 11, 12, 13, 14, 49)},
        key=lambda by: (by & (by - 1) != 0, by),
    )
)
_MOST = 12  # terms of one dimension that are tried


class Candidate(NamedTuple):
    """``floor((times * size + plus) / by)`` for every ``plus`` from ``least`` to ``most``: all fit what was seen."""

    times: int
    by: int
    least: int
    most: int

    def quantity(self, dimension: str) -> Quantity:
        """The term with the middle of the shifts that are possible: often a size that is rounded up."""
        return Quantity((dimension,), self.times, self._likely(), self.by)

    def _likely(self) -> int:
        for usual in (self.by - 1, 0, 2 * self.by - 1, self.by):  # rounded up, rounded down
            if self.least <= usual <= self.most:
                return usual % self.by
        return self.most

    @property
    def open(self) -> bool:
        """Whether more points could tell which of several shifts it is."""
        return self.least < self.most


def candidates(columns: Iterable[Series], points: Sequence[Point], place: int) -> dict[Series, Candidate]:
    """The floor term of each of ``columns`` that depends on the dimension at ``place`` alone and is no polynomial."""
    sizes = [point[place] for point in points]
    found: dict[Series, Candidate] = {}
    for column in columns:
        by_size: dict[int, int] = {}
        if any(by_size.setdefault(size, value) != value for size, value in zip(sizes, column, strict=True)):
            continue
        if len(set(by_size.values())) < 2:
            continue
        term = _term(sorted(by_size.items()))
        if term is not None:
            found[_reduced(column)] = term
    return found


def _reduced(column: Series) -> Series:
    """Columns that differ by a factor and a shift are of one term."""
    low = min(column)
    step = math.gcd(*(value - low for value in column))
    return tuple((value - low) // step for value in column)


def _term(pairs: Sequence[tuple[int, int]]) -> Candidate | None:
    """The simplest floor term through (size, value) pairs, up to a factor and a shift; None for a linear one."""
    low = pairs[0][1]
    step = math.gcd(*(value - low for _, value in pairs))
    steps = [(size, (value - low) // step) for size, value in pairs]
    (first, start), (last, end) = steps[0], steps[-1]
    if start != 0 or end <= 0:
        return None
    if all((value - start) * (last - first) == (end - start) * (size - first) for size, value in steps):
        return None
    for times, by in _slopes(first, last, end):
        term = _shifts(steps, times, by)
        if term is not None:
            return term
    return None


def _slopes(first: int, last: int, rise: int) -> Iterator[tuple[int, int]]:
    """Slopes that rise so far, those of strides first."""
    for times in range(1, _MOST_TIMES + 1):
        for by in _STRIDES:
            if by > 1 and math.gcd(times, by) == 1 and abs(rise * by - times * (last - first)) < by:
                yield times, by


def _shifts(steps: Sequence[tuple[int, int]], times: int, by: int) -> Candidate | None:
    """The shifts for which ``floor((times * size + shift) / by)`` rises as seen, whatever it starts from."""
    first = times * steps[0][0]
    least = max(0, *(by * value - (times * size - first) for size, value in steps))
    most = min(by - 1, *(by * (value + 1) - 1 - (times * size - first) for size, value in steps))
    if least > most:
        return None
    shift = (least - first) % by
    return Candidate(times, by, shift, shift + most - least)


def remainders(
    flags: Iterable[Sequence[bool]], points: Sequence[Point], place: int, dimension: str, known: Iterable[int]
) -> list[Quantity]:
    """Terms that tell multiples from other sizes, one for each of ``flags`` that holds at no multiple and else always.

    ``known`` are divisors that floor terms have, which are tried first.
    """
    sizes = [point[place] for point in points]
    divisors = dict.fromkeys([*sorted(known), *_STRIDES])
    found = []
    for told in flags:
        by = next(
            (
                by
                for by in divisors
                if by > 1 and all(bool(s % by) == flag for s, flag in zip(sizes, told, strict=True))
            ),
            0,
        )
        found += [Quantity((dimension,), by=by, rest=True)] if by else []
    return [*dict.fromkeys(found)]


def telling_size(terms: Iterable[Candidate], sizes: Sequence[int], known: Iterable[int]) -> int | None:
    """The size that tells most terms' shifts apart; None where none is left that does."""
    open_terms = [term for term in terms if term.open]
    taken = set(known)

    def told(size: int) -> int:
        score = 0
        for term in open_terms:
            middle = (term.least + term.most + 1) // 2
            apart = (term.times * size + middle) // term.by != (term.times * size + term.least) // term.by
            exact = (term.times * size + middle) % term.by == 0
            differ = (term.times * size + term.most) // term.by != (term.times * size + term.least) // term.by
            score += 4 * exact + 2 * apart + differ
        return score

    best = max((size for size in sizes if size not in taken), key=told, default=None)
    return best if best is not None and told(best) else None


def quantities(dimension: str, terms: Iterable[Candidate]) -> tuple[Quantity, ...]:
    """The terms as quantities of ``dimension``, those of small strides first."""
    made = {term.quantity(dimension) for term in terms}
    return tuple(itertools.islice(sorted(made, key=lambda one: (one.by, one.plus, one.times)), _MOST))
