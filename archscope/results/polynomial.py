"""Exact polynomials in the sizes of a run: what a figure is as a function of them, and the largest of several."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeAlias

Sizes: TypeAlias = Mapping[str, int]


class Quantity(NamedTuple):
    """What a polynomial is in: ``floor((times * size + plus) / by)`` of a size or of the product of several.

    With ``levels``, the rounded binary logarithm of that, as sorting takes it; with ``rest``, 0 where the division has
    no remainder and 1 where it has one. By default the size itself.
    """

    dimensions: tuple[str, ...]
    times: int = 1
    plus: int = 0
    by: int = 1
    levels: bool = False
    rest: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is a size itself."""
        return len(self.dimensions) == self.times == self.by == 1 and not (self.plus or self.levels or self.rest)

    def column(self, columns: Mapping[str, Sequence[int]]) -> list[int]:
        """Its values where the dimensions have these columns of sizes."""
        if self.plain:
            return list(columns[self.dimensions[0]])
        rows = zip(*(columns[name] for name in self.dimensions), strict=True)
        return [self.at(dict(zip(self.dimensions, sizes, strict=True))) for sizes in rows]

    def grows_in(self, dimension: str) -> bool:
        """Whether it is as large as the size of ``dimension``, up to a factor and rounding."""
        return dimension in self.dimensions and not (self.levels or self.rest)

    def at(self, sizes: Sizes) -> int:
        """Its value at these sizes."""
        size = self.times
        for name in self.dimensions:
            size *= sizes[name]
        if self.rest:
            return int((size + self.plus) % self.by > 0)
        value = (size + self.plus) // self.by
        return (value - 1).bit_length() if self.levels else value


#: Quantities with their powers (1 or more), in order; the empty one is that of a constant.
Powers: TypeAlias = tuple[tuple[Quantity, int], ...]


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Integer ``terms`` by their powers, none of them 0, over one ``denominator``: lowest terms."""

    terms: tuple[tuple[Powers, int], ...]
    denominator: int = 1

    @classmethod
    def of(cls, coefficients: Mapping[Powers, Fraction]) -> Polynomial:
        """The polynomial with these coefficients."""
        kept = {powers: value for powers, value in sorted(coefficients.items()) if value}
        whole = math.lcm(1, *(value.denominator for value in kept.values()))
        return cls(tuple((powers, int(value * whole)) for powers, value in kept.items()), whole)

    @property
    def coefficients(self) -> dict[Powers, Fraction]:
        """The coefficients by powers."""
        return {powers: Fraction(value, self.denominator) for powers, value in self.terms}

    def __add__(self, other: Polynomial) -> Polynomial:
        return total(((self, 1), (other, 1)))

    def __sub__(self, other: Polynomial) -> Polynomial:
        return total(((self, 1), (other, -1)))

    def at(self, sizes: Sizes) -> int | None:
        """The value, or None where it is not whole: no figure is so, and the polynomial does not hold there."""
        value = 0
        for powers, coefficient in self.terms:
            product = coefficient
            for quantity, power in powers:
                product *= quantity.at(sizes) ** power
            value += product
        whole, rest = divmod(value, self.denominator)
        return None if rest else whole

    def degree(self, dimension: str) -> int:
        """The highest power of the quantities of ``dimension``."""
        return max((sum(n for one, n in powers if one.grows_in(dimension)) for powers, _ in self.terms), default=0)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Every quantity that it is in, in order."""
        return tuple(sorted({quantity for powers, _ in self.terms for quantity, _ in powers}))


ZERO = Polynomial(())


def total(parts: Iterable[tuple[Polynomial, int]]) -> Polynomial:
    """The sum of polynomials, each taken so many times."""
    sums: dict[Powers, Fraction] = {}
    for part, times in parts:
        for powers, value in part.terms:
            sums[powers] = sums.get(powers, Fraction(0)) + Fraction(value * times, part.denominator)
    return Polynomial.of(sums)


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest of several polynomials, each of which is so at some sizes."""

    parts: tuple[Polynomial, ...]

    def at(self, sizes: Sizes) -> int | None:
        """The value; None where one of the parts has none."""
        values = [part.at(sizes) for part in self.parts]
        known = [value for value in values if value is not None]
        return max(known) if len(known) == len(values) else None

    def degree(self, dimension: str) -> int:
        """The highest power of ``dimension`` in any of the parts."""
        return max(part.degree(dimension) for part in self.parts)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Every quantity that a part is in, in order."""
        return tuple(sorted({quantity for part in self.parts for quantity in part.quantities}))


Formula: TypeAlias = Polynomial | Largest


def evaluated(formula: Formula, columns: Mapping[str, Sequence[int]]) -> list[int | None]:
    """The values of ``formula`` at many sizes at once, one column for each dimension; exact, however large they are."""
    count = max(map(len, columns.values()), default=0)
    if isinstance(formula, Largest):
        parts = [evaluated(part, columns) for part in formula.parts]
        return [
            None if None in values else max(v for v in values if v is not None) for values in zip(*parts, strict=True)
        ]
    known = {quantity: quantity.column(columns) for quantity in formula.quantities}
    sums = [0] * count
    for powers, coefficient in formula.terms:
        product = [coefficient] * count
        for quantity, power in powers:
            for _ in range(power):
                product = list(map(operator.mul, product, known[quantity]))
        sums = list(map(operator.add, sums, product))
    if formula.denominator == 1:
        return [*sums]
    return [None if value % formula.denominator else value // formula.denominator for value in sums]
