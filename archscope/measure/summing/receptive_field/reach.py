"""Which positions of one input axis a position of a tensor depends on: an exact map from positions to intervals.

A position is told by its index along factors, the parts that dimensions are made of. The interval of index i along a
factor repeats: `interval(i + period) = interval(i) + advance`. So strides, windows, upsampling and whatever else the
operators do to positions stay exact, in integers, and go on beyond the borders of the tensor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeAlias

Interval: TypeAlias = tuple[int, int]
#: No position at all: it stays empty when an advance is added, and a hull with it is the other interval.
EMPTY: Interval = (1 << 60, -(1 << 60))
MOST_ENTRIES = 1 << 15


class UntoldError(Exception):
    """The positions that an operator reads are not known; the message says why."""


class Step(NamedTuple):
    """One factor: its interval repeats after ``period`` positions, moved by ``advance``."""

    factor: int
    period: int
    advance: int

    @property
    def slope(self) -> Fraction:
        """How far the interval moves from one position to the next, on average."""
        return Fraction(self.advance, self.period)


class Taps(NamedTuple):
    """What an operator that slides reads: position j of ``positions`` those old ones, and so on.

    Position ``j + len(positions)`` reads the same, moved by ``shift``.
    """

    positions: tuple[tuple[int, ...], ...]
    shift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """An interval for each combination of residues of the ``steps``, in row-major order.

    ``pieces`` are the strides of the tensors that a concatenation laid end to end, where no single one is left.
    """

    steps: tuple[Step, ...] = ()
    intervals: tuple[Interval, ...]
    pieces: frozenset[Fraction] = frozenset()

    @property
    def slopes(self) -> frozenset[tuple[int, Fraction]]:
        """How far it moves along each factor, where it does."""
        return frozenset((step.factor, step.slope) for step in self.steps if step.advance)

    def period(self, factor: int) -> int:
        """The period along ``factor``; 1 where it does not matter."""
        return next((step.period for step in self.steps if step.factor == factor), 1)

    def depends_on(self, factors: Iterable[int]) -> bool:
        """Whether any of ``factors`` matters."""
        known = {step.factor for step in self.steps}
        return not known.isdisjoint(factors)

    def at(self, index: Mapping[int, int]) -> Interval:
        """The interval of a position; a factor without an index stands at 0."""
        place = moved = 0
        for factor, period, advance in self.steps:
            turns, rest = divmod(index.get(factor, 0), period)
            place = place * period + rest
            moved += turns * advance
        low, high = self.intervals[place]
        return low + moved, high + moved

    def renamed(self, names: Mapping[int, int]) -> Reach:
        """The same along factors of other names."""
        if not any(step.factor in names for step in self.steps):
            return self
        steps = tuple(step._replace(factor=names.get(step.factor, step.factor)) for step in self.steps)
        return Reach(steps=steps, intervals=self.intervals, pieces=self.pieces)


def hull(intervals: Iterable[Interval]) -> Interval:
    """The smallest interval that holds all of ``intervals``."""
    low, high = EMPTY
    for first, last in intervals:
        if first <= last:
            low, high = min(low, first), max(high, last)
    return low, high


def made(steps: Sequence[Step], reach: Reach, old: Iterable[Iterable[Mapping[int, int]]]) -> Reach:
    """A reach over ``steps`` whose intervals are hulls of those that ``reach`` has at the positions ``old``."""
    if math.prod(step.period for step in steps) > MOST_ENTRIES:
        raise UntoldError("the positions repeat too rarely to be told one by one")
    intervals = tuple(hull(reach.at(index) for index in places) for places in old)
    return simplified(Reach(steps=tuple(steps), intervals=intervals, pieces=reach.pieces))


def positions(steps: Iterable[Step]) -> Iterator[dict[int, int]]:
    """Every combination of residues, in the order of a reach's intervals."""
    known = tuple(steps)
    for residues in itertools.product(*(range(step.period) for step in known)):
        yield dict(zip((step.factor for step in known), residues, strict=True))


def slide(reach: Reach, factor: int, new: int, taps: Taps) -> Reach:
    """Position j along ``new`` reads what ``reach`` has along ``factor`` at the positions that ``taps`` names."""
    step = next((step for step in reach.steps if step.factor == factor), None)
    if step is None:
        return reach
    if reach.pieces:
        raise UntoldError("an operator slides over positions that a concatenation laid end to end")
    length, shift = len(taps.positions), taps.shift
    turns = step.period // math.gcd(step.period, shift) if shift else 1
    new_step = Step(new, length * turns, step.advance * shift * turns // step.period)
    steps = [new_step if known is step else known for known in reach.steps]

    def old() -> Iterator[Iterator[dict[int, int]]]:
        for index in positions(steps):
            turn, rest = divmod(index[new], length)
            yield ({**index, factor: tap + turn * shift} for tap in taps.positions[rest])

    return made(steps, reach, old())


def affine(reach: Reach, factor: int, terms: Sequence[tuple[int, int]], offset: int = 0) -> Reach:
    """The old index along ``factor`` is ``offset`` and the sum of index x coefficient over new factors (``terms``)."""
    step = next((step for step in reach.steps if step.factor == factor), None)
    if step is None:
        return reach
    if reach.pieces and (len(terms) != 1 or terms[0][1] != 1):
        raise UntoldError("positions that a concatenation laid end to end are taken apart")
    new = []
    for name, coefficient in terms:
        turns = step.period // math.gcd(step.period, coefficient)
        new.append(Step(name, turns, step.advance * coefficient * turns // step.period))
    place = reach.steps.index(step)
    steps = [*reach.steps[:place], *new, *reach.steps[place + 1 :]]
    old = (
        [{**index, factor: offset + sum(index[name] * coefficient for name, coefficient in terms)}]
        for index in positions(steps)
    )
    return made(steps, reach, old)


def merged(reach: Reach, factors: Sequence[tuple[int, int]], new: int, offset: int = 0) -> Reach:
    """Several factors with their sizes, the last one running fastest, as one whose index 0 is theirs ``-offset``."""
    known = [step for step in reach.steps if step.factor in {name for name, _ in factors}]
    if not known:
        return reach
    (first, _), *inner = factors
    outer = next((step for step in known if step.factor == first), Step(first, 1, 0))
    length = math.prod(size for _, size in inner)
    one = Step(new, outer.period * length, outer.advance)
    steps = [one, *(step for step in reach.steps if step not in known)]

    def old() -> Iterator[list[dict[int, int]]]:
        for index in positions(steps):
            place, rest = {**index}, index[new] - offset
            for name, size in reversed(inner):
                rest, place[name] = divmod(rest, size)
            yield [{**place, first: rest}]

    return made(steps, reach, old())


def reduced(reach: Reach, factor: int, indices: range) -> Reach:
    """The hull over ``indices`` along ``factor``, which is gone then."""
    step = next((step for step in reach.steps if step.factor == factor), None)
    if step is None:
        return reach
    steps = [known for known in reach.steps if known is not step]
    ends = {*indices[: step.period], *indices[-step.period :]} if len(indices) else set()
    return made(steps, reach, ([{**index, factor: i} for i in ends] for index in positions(steps)))


def joined(reaches: Iterable[Reach]) -> tuple[Reach, ...]:
    """The union of ``reaches``: those that move alike become one."""
    groups: dict[frozenset[tuple[int, Fraction]], Reach] = {}
    for reach in dict.fromkeys(reaches):
        known = groups.get(reach.slopes)
        groups[reach.slopes] = reach if known is None else _both(known, reach)
    return tuple(groups.values())


def _both(one: Reach, other: Reach) -> Reach:
    factors = dict.fromkeys(step.factor for step in (*one.steps, *other.steps))
    slopes = dict(one.slopes)
    steps = []
    for factor in factors:
        period = math.lcm(one.period(factor), other.period(factor))
        steps.append(Step(factor, period, int(slopes.get(factor, 0) * period)))
    if math.prod(step.period for step in steps) > MOST_ENTRIES:
        raise UntoldError("the positions repeat too rarely to be told one by one")
    intervals = tuple(hull((one.at(index), other.at(index))) for index in positions(steps))
    return simplified(Reach(steps=tuple(steps), intervals=intervals, pieces=one.pieces | other.pieces))


def simplified(reach: Reach) -> Reach:
    """The same with the shortest periods, without factors that do not matter; a list of pieces has none shorter."""
    for step in () if reach.pieces else reach.steps:
        for prime in _primes(step.period):
            while (shorter := _shortened(reach, step.factor, prime)) is not None:
                reach = shorter
    if any(step[1:] == (1, 0) for step in reach.steps):
        steps = tuple(step for step in reach.steps if step[1:] != (1, 0))
        return Reach(steps=steps, intervals=reach.intervals, pieces=reach.pieces)
    return reach


def _shortened(reach: Reach, factor: int, by: int) -> Reach | None:
    """The same with a period ``by`` times shorter; None where it is not the same."""
    place, step = next((i, s) for i, s in enumerate(reach.steps) if s.factor == factor)
    if step.period % by or step.advance % by:
        return None
    short = Step(factor, step.period // by, step.advance // by)
    steps = (*reach.steps[:place], short, *reach.steps[place + 1 :])
    inner = math.prod(other.period for other in reach.steps[place + 1 :])
    kept = tuple(
        interval for index, interval in enumerate(reach.intervals) if index // inner % step.period < short.period
    )
    candidate = Reach(steps=steps, intervals=kept, pieces=reach.pieces)
    for index, interval in zip(positions(reach.steps), reach.intervals, strict=True):
        if (other := candidate.at(index)) != interval and not (is_empty(other) and is_empty(interval)):
            return None
    return candidate


def is_empty(interval: Interval) -> bool:
    """Whether it holds no position."""
    return interval[0] > interval[1]


def _primes(number: int) -> Iterator[int]:
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            yield divisor
            while number % divisor == 0:
                number //= divisor
        divisor += 1
    if number > 1:
        yield number
