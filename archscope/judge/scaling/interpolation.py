"""Exact interpolation: polynomials with rational coefficients through integer figures, each verified where it can be.

Series are figures of one thing at all points. One is fitted by the smallest set of monomials of which the values at the
points are linearly independent and that meets every figure exactly; what counts as its degrees of freedom are the terms
that are left.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from archscope.results.polynomial import Polynomial, Powers, Quantity

Point: TypeAlias = tuple[int, ...]
Series: TypeAlias = tuple[int, ...]

HIGHEST = 4  # power of one quantity: attention over the pixels of an image


class Fitted(NamedTuple):
    """A polynomial through all figures, and how many points it takes for it to be verified."""

    polynomial: Polynomial
    points: int


def needed_points(polynomial: Polynomial, dimensions: int) -> int:
    """The points that a polynomial is made from and, as many again and two a dimension, those that verify it.

    A floor term was found too: its divisor and its shift are two more degrees of freedom.
    """
    floors = sum(not quantity.plain for quantity in polynomial.quantities)
    freedom = len(polynomial.terms) + 2 * floors
    return 2 * freedom + 2 * dimensions


class Basis:
    """Monomials and what they are at the points, ready to solve for the coefficients of many series."""

    def __init__(self, monomials: Sequence[Powers], rows: Sequence[Sequence[int]]) -> None:
        self._monomials = tuple(monomials)
        self._rows = rows
        self._solver = _inverse(rows, len(self._monomials))

    @property
    def solvable(self) -> bool:
        """Whether the monomials are linearly independent at the points, with one point to spare."""
        return self._solver is not None

    def through(self, series: Series) -> Polynomial | None:
        """The polynomial through every figure of ``series``, or None where there is none."""
        if self._solver is None:
            return None
        picked, inverse, whole = self._solver
        chosen = [series[place] for place in picked]
        solution = [sum(map(int.__mul__, line, chosen)) for line in inverse]
        for row, figure in zip(self._rows, series, strict=True):
            if sum(map(int.__mul__, row, solution)) != figure * whole:
                return None
        found = zip(self._monomials, solution, strict=True)
        return Polynomial.of({powers: Fraction(value, whole) for powers, value in found})


def fit(
    series: Iterable[Series], points: Sequence[Point], names: Sequence[str], floors: Mapping[str, Sequence[Quantity]]
) -> dict[Series, Fitted]:
    """Every one of ``series`` that a polynomial goes through, in the sizes or in ``floors`` of them."""
    waiting = set(series)
    found: dict[Series, Fitted] = {}
    varied = [place for place in range(len(names)) if len({point[place] for point in points}) > 1]
    for monomials in _candidates(tuple(names[place] for place in varied), floors, len(points)):
        if not waiting:
            break
        basis = Basis(monomials, [[_value(powers, names, point) for powers in monomials] for point in points])
        if not basis.solvable:
            continue
        for one in list(waiting):
            polynomial = basis.through(one)
            if polynomial is not None:
                found[one] = Fitted(polynomial, needed_points(polynomial, len(varied)))
                waiting.discard(one)
    return found


def _value(powers: Powers, names: Sequence[str], point: Point) -> int:
    return math.prod(quantity.of(point[names.index(quantity.dimension)]) ** power for quantity, power in powers)


def _candidates(
    names: tuple[str, ...], floors: Mapping[str, Sequence[Quantity]], points: int
) -> Iterator[tuple[Powers, ...]]:
    """Sets of monomials, fewer first: in the sizes, then in one quantity of each dimension, then in two or three."""
    plain = tuple((Quantity(name),) for name in names)
    yield from _of_quantities(plain, points)
    rounded = [[(Quantity(name),), *((floor,) for floor in floors.get(name, ()))] for name in names]
    if not any(map(len, floors.values())):
        return
    choices = [choice for choice in itertools.product(*rounded) if choice != plain]
    yield from itertools.chain.from_iterable(_of_quantities(choice, points) for choice in choices)
    for count in (2, 3):
        mixed = [
            [(Quantity(name),), *itertools.combinations((Quantity(name), *floors.get(name, ())), count)]
            for name in names
        ]
        for choice in itertools.product(*mixed):
            if any(len(several) > 1 for several in choice):
                yield from _of_quantities(choice, points)


def _of_quantities(choice: Sequence[tuple[Quantity, ...]], points: int) -> list[tuple[Powers, ...]]:
    """The products of monomials in the quantities of each dimension, up to each set of degrees."""
    kinds = []
    for quantities in choice:
        highest = HIGHEST if len(quantities) == 1 else 2
        kinds.append([_up_to(quantities, degree) for degree in range(highest + 1)])
    made = []
    for parts in itertools.product(*kinds):
        size = math.prod(map(len, parts))
        if size < points:
            made.append(tuple(tuple(itertools.chain.from_iterable(several)) for several in itertools.product(*parts)))
    return sorted(made, key=len)


@functools.cache
def _up_to(quantities: tuple[Quantity, ...], degree: int) -> tuple[Powers, ...]:
    """The monomials of all of these quantities up to a total degree."""
    exponents = itertools.product(range(degree + 1), repeat=len(quantities))
    return tuple(
        tuple((quantity, power) for quantity, power in zip(quantities, powers, strict=True) if power)
        for powers in exponents
        if sum(powers) <= degree
    )


def _inverse(rows: Sequence[Sequence[int]], size: int) -> tuple[list[int], list[list[int]], int] | None:
    """The places of ``size`` independent rows, and the inverse of the matrix that they make: integers over one whole.

    None where there are no such rows, or no others to check what is found.
    """
    if len(rows) <= size:
        return None
    picked = _independent(rows, size)
    if len(picked) < size:
        return None
    matrix = [
        [Fraction(value) for value in rows[place]] + [Fraction(int(index == number)) for number in range(size)]
        for index, place in enumerate(picked)
    ]
    for column in range(size):
        pivot = next(row for row in range(column, size) if matrix[row][column])
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        lead = matrix[column][column]
        matrix[column] = [value / lead for value in matrix[column]]
        for row in range(size):
            factor = matrix[row][column]
            if row != column and factor:
                matrix[row] = [
                    value - factor * other for value, other in zip(matrix[row], matrix[column], strict=True)
                ]
    inverse = [line[size:] for line in matrix]
    whole = math.lcm(*(value.denominator for line in inverse for value in line))
    return picked, [[int(value * whole) for value in line] for line in inverse], whole


_PRIME = 2**61 - 1


def _independent(rows: Sequence[Sequence[int]], size: int) -> list[int]:
    """The places of the first rows that are independent of those before them, modulo a large prime (which proves it)."""
    reduced: list[tuple[int, list[int]]] = []
    picked = []
    for place, row in enumerate(rows):
        line = [value % _PRIME for value in row]
        for lead, other in reduced:
            factor = line[lead]
            if factor:
                line = [(value - factor * known) % _PRIME for value, known in zip(line, other, strict=True)]
        lead = next((index for index, value in enumerate(line) if value), None)
        if lead is None:
            continue
        scale = pow(line[lead], -1, _PRIME)
        reduced.append((lead, [value * scale % _PRIME for value in line]))
        picked.append(place)
        if len(picked) == size:
            break
    return picked
