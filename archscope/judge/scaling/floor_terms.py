"""Floor terms: what strides, windows and padding make of a size, found from the sizes of tensors at several points."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from archscope.judge.scaling.interpolation import Point, Series
from archscope.results.polynomial import Quantity

_MOST_TIMES = 4
STRIDES = tuple(
    sorted(
        {two * odd for two in (2**k for k in range(11)) for odd in (1, 3, 5, 7, 9, 10, 11, 12, 13, 14, 49)},
        key=lambda by: (by & (by - 1) != 0, by),
    )
)
_FINER = (2, 3)  # what was seen may have missed values between
_MOST = 12  # terms of one dimension that are tried


class Candidate(NamedTuple):
    """``floor((times * size + plus) / by)`` for every ``plus`` from ``least`` to ``most``: all fit what was seen.

    ``rivals`` are terms of other slopes that fit it too.
    """

    times: int
    by: int
    least: int
    most: int
    rivals: tuple[Candidate, ...] = ()

    def readings(self, low: int) -> list[Callable[[int], int]]:
        """What the term may be, as functions of the size: how far it rises from the size ``low``."""
        return [
            partial(_rise, one.times, plus, one.by, low)
            for one in (self, *self.rivals)
            for plus in {one.least, (one.least + one.most + 1) // 2, one.most}
        ]

    def quantity(self, dimension: str) -> Quantity:
        """The term with the middle of the shifts that are possible: often a size that is rounded up."""
        return Quantity((dimension,), self.times, self._likely(), self.by)

    def _likely(self) -> int:
        for usual in (self.by - 1, 0, 2 * self.by - 1, self.by):  # rounded up, rounded down
            if self.least <= usual <= self.most:
                return usual % self.by
        return self.most


def _rise(times: int, plus: int, by: int, low: int, size: int) -> int:
    return (times * size + plus) // by - (times * low + plus) // by


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
    finer = ([(size, times * value) for size, value in steps] for times in _FINER)
    fitting = [*itertools.chain.from_iterable(map(_fitting, (steps, *finer)))]
    return fitting[0]._replace(rivals=tuple(fitting[1:])) if fitting else None


def _fitting(steps: Sequence[tuple[int, int]]) -> Iterator[Candidate]:
    (first, _), (last, end) = steps[0], steps[-1]
    for times, by in _slopes(first, last, end):
        term = _shifts(steps, times, by)
        if term is not None:
            yield term


def _slopes(first: int, last: int, rise: int) -> Iterator[tuple[int, int]]:
    """Slopes that rise so far, those of strides first."""
    for times in range(1, _MOST_TIMES + 1):
        for by in STRIDES:
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


class Term(Protocol):
    """What a term of one dimension may be, and the quantity that it most likely is."""

    def quantity(self, dimension: str) -> Quantity:
        """The likeliest one."""

    def readings(self, low: int) -> list[Callable[[int], int]]:
        """All that it may be, as functions of the size that are equal at ``low``."""


def telling_size(terms: Iterable[Term], sizes: Sequence[int], known: Iterable[int]) -> int | None:
    """The size that tells apart most of what ``terms`` may be; None where none of ``sizes`` is left that does."""
    taken = set(known)
    open_terms = [found for term in terms if len(found := term.readings(sizes[0])) > 1]
    left = [size for size in sizes if size not in taken] if open_terms else []

    def told(size: int) -> int:
        """For each term, how many of its readings are told from the most common one."""
        score = 0
        for found in open_terms:
            values = Counter(reading(size) for reading in found)
            score += len(found) - max(values.values())
        return score

    best = max(left, key=told, default=None)
    return best if best is not None and told(best) else None


def quantities(dimension: str, terms: Iterable[Candidate]) -> tuple[Quantity, ...]:
    """The terms as quantities of ``dimension``, those of small strides first."""
    made = {term.quantity(dimension) for term in terms}
    return tuple(itertools.islice(sorted(made, key=lambda one: (one.by, one.plus, one.times)), _MOST))
