"""Exact interpolation: polynomials with rational coefficients through integer figures, each verified where it can be.

A series holds the figures of one thing at all points. It is fitted by the smallest set of monomials whose values at the
points are independent and that meets every figure exactly; what counts as its degrees of freedom are the terms that are
left. Sets of monomials are sifted modulo a prime, all series at once, and what passes is solved in rationals.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from archscope.results.polynomial import Polynomial, Powers, Quantity

Point: TypeAlias = tuple[int, ...]
Series: TypeAlias = tuple[int, ...]
_Residues: TypeAlias = npt.NDArray[np.int64]

HIGHEST = 4  # power of one quantity: attention over the pixels of an image
_PRIME = 2**31 - 1  # products of residues fit 64 bits
_MOST_SETS = 4000  # of monomials that are tried


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


def fit(
    series: Iterable[Series],
    points: Sequence[Point],
    names: Sequence[str],
    terms: Sequence[Quantity] = (),
    wide: Sequence[Point] = (),
) -> dict[Series, Fitted]:
    """Every one of ``series`` that a polynomial goes through: in the sizes, or with ``terms`` in some of those.

    ``wide`` are more points of the same ranges, at which monomials are known though nothing was run: those that depend
    on others there too are left out.
    """
    waiting = [*dict.fromkeys(series)]
    found: dict[Series, Fitted] = {}
    varied = [name for place, name in enumerate(names) if len({point[place] for point in points}) > 1]
    known, everywhere = _Columns(points, names), _Columns([*points, *wide], names)
    targets = _residues(waiting)
    sets = _with_terms(varied, terms, len(points)) if terms else _plain(varied, len(points))
    for monomials in itertools.islice(sets, _MOST_SETS):
        if not waiting:
            break
        rows = known.rows(monomials)
        passed = _sifted(_residues(rows), targets)
        if passed is None:
            kept = _independent(_residues(everywhere.rows(monomials)))
            if len(kept) == len(monomials):
                continue
            monomials = tuple(monomials[place] for place in kept)  # noqa: PLW2901
            rows = known.rows(monomials)
            passed = _sifted(_residues(rows), targets)
        if passed is None or not passed.any():
            continue
        solver = _inverse(rows, len(monomials))
        if solver is None:
            continue
        for place in np.flatnonzero(passed):
            polynomial = _through(waiting[place], rows, monomials, solver)
            if polynomial is not None:
                found[waiting[place]] = Fitted(polynomial, needed_points(polynomial, len(varied)))
        left = [place for place, one in enumerate(waiting) if one not in found]
        waiting, targets = [waiting[place] for place in left], targets[left]
    return found


class _Columns:
    """The values of quantities at points, each worked out once."""

    def __init__(self, points: Sequence[Point], names: Sequence[str]) -> None:
        self._sizes = [dict(zip(names, point, strict=True)) for point in points]
        self._known: dict[tuple[Quantity, int], list[int]] = {}

    def rows(self, monomials: Sequence[Powers]) -> list[list[int]]:
        """The values of ``monomials`` at each point."""
        columns = []
        for powers in monomials:
            column = [1] * len(self._sizes)
            for quantity, power in powers:
                column = list(map(operator.mul, column, self._power(quantity, power)))
            columns.append(column)
        return [*map(list, zip(*columns, strict=True))]

    def _power(self, quantity: Quantity, power: int) -> list[int]:
        found = self._known.get((quantity, power))
        if found is None:
            found = self._known[quantity, power] = [quantity.at(one) ** power for one in self._sizes]
        return found


def _independent(rows: _Residues) -> list[int]:
    """The columns that are no combination of those before them, modulo the prime."""
    table = rows.copy()
    kept: list[int] = []
    for column in range(table.shape[1]):
        rank = len(kept)
        pivots = np.flatnonzero(table[rank:, column])
        if not len(pivots):
            continue
        pivot = rank + int(pivots[0])
        table[[rank, pivot]] = table[[pivot, rank]]
        table[rank] = table[rank] * pow(int(table[rank, column]), -1, _PRIME) % _PRIME
        below = table[rank + 1 :]
        below -= below[:, column : column + 1] * table[rank] % _PRIME
        below %= _PRIME
        kept.append(column)
    return kept


def _residues(rows: Sequence[Sequence[int]]) -> _Residues:
    return np.array([[value % _PRIME for value in row] for row in rows], dtype=np.int64)


def _sifted(rows: _Residues, targets: _Residues) -> npt.NDArray[np.bool_] | None:
    """Which of ``targets`` (a row each) are combinations of the columns of ``rows``, modulo the prime.

    None of them where no row is left to check with; no answer where the columns are not independent.
    """
    count, size = rows.shape
    if count <= size or not len(targets):
        return np.zeros(len(targets), dtype=np.bool_)
    table = np.concatenate([rows, targets.T], axis=1)
    for column in range(size):
        pivots = np.flatnonzero(table[column:, column])
        if not len(pivots):
            return None
        pivot = column + int(pivots[0])
        table[[column, pivot]] = table[[pivot, column]]
        table[column] = table[column] * pow(int(table[column, column]), -1, _PRIME) % _PRIME
        below = table[column + 1 :]
        below -= below[:, column : column + 1] * table[column] % _PRIME
        below %= _PRIME
    return np.asarray(~table[size:, size:].any(axis=0))


def _plain(names: Sequence[str], points: int) -> Iterator[tuple[Powers, ...]]:
    """Sets of monomials in the sizes alone, fewer first."""
    yield from _products([((Quantity((name,)),), HIGHEST) for name in names], points)


def _with_terms(names: Sequence[str], terms: Sequence[Quantity], points: int) -> Iterator[tuple[Powers, ...]]:
    """Sets of monomials in which terms stand for sizes or beside them: one of each dimension, then two or three."""
    of_one = {name: [term for term in terms if term.dimensions == (name,) and not _beside(term)] for name in names}
    beside = [*filter(_beside, terms)]
    plain = {name: Quantity((name,)) for name in names}
    kinds = {
        count: [[(plain[name],), *_sets_of(count, plain[name], of_one[name])] for name in names] for count in (1, 2, 3)
    }
    for several in (1, 2):
        for extra in itertools.combinations(beside, several):
            for count in (1, 2):
                for choice in itertools.product(*kinds[count]):
                    yield from _products([*((one, 2) for one in choice), *(((one,), 1) for one in extra)], points)
    for count in (1, 2, 3):
        for choice in itertools.product(*kinds[count]):
            if any(len(one) == count and one != (plain[name],) for one, name in zip(choice, names, strict=True)):
                yield from _products([(one, HIGHEST if len(one) == 1 else 2) for one in choice], points)


def _sets_of(count: int, plain: Quantity, terms: Sequence[Quantity]) -> Iterator[tuple[Quantity, ...]]:
    """So many of ``terms`` together, the size itself among them where there are several."""
    return itertools.combinations([*([plain] if count > 1 else []), *terms], count)


def _beside(term: Quantity) -> bool:
    """Whether it stands beside sizes, in place of none of them."""
    return len(term.dimensions) > 1 or term.levels or term.rest


def _products(parts: Sequence[tuple[tuple[Quantity, ...], int]], points: int) -> Iterator[tuple[Powers, ...]]:
    """The products of monomials in each part, for every set of degrees up to those given, the smaller sets first.

    Powers of the quantities of one part are first taken without their products with each other.
    """
    degrees = itertools.product(*(range(highest + 1) for _, highest in parts))
    sized: list[tuple[int, int, tuple[tuple[Powers, ...], ...]]] = []
    for chosen in degrees:
        for mixed in (False, True):
            if mixed and not any(len(part) > 1 < degree for (part, _), degree in zip(parts, chosen, strict=True)):
                continue
            kinds = tuple(_up_to(part, degree, mixed=mixed) for (part, _), degree in zip(parts, chosen, strict=True))
            size = math.prod(map(len, kinds))
            if size < points:
                sized.append((size, len(sized), kinds))
    for _, _, kinds in sorted(sized):
        yield tuple(tuple(sorted(itertools.chain.from_iterable(several))) for several in itertools.product(*kinds))


@functools.cache
def _up_to(quantities: tuple[Quantity, ...], degree: int, *, mixed: bool) -> tuple[Powers, ...]:
    """The monomials of all of these quantities up to a total degree; products of several only where ``mixed``."""
    exponents = itertools.product(range(degree + 1), repeat=len(quantities))
    return tuple(
        tuple((quantity, power) for quantity, power in zip(quantities, powers, strict=True) if power)
        for powers in exponents
        if sum(powers) <= degree and (mixed or sum(map(bool, powers)) <= 1)
    )


_Solver: TypeAlias = tuple[list[int], list[list[int]], int]


def _through(
    series: Series, rows: Sequence[Sequence[int]], monomials: Sequence[Powers], solver: _Solver
) -> Polynomial | None:
    """The polynomial through every figure of ``series``, or None where there is none."""
    picked, inverse, whole = solver
    chosen = [series[place] for place in picked]
    solution = [sum(map(int.__mul__, line, chosen)) for line in inverse]
    for row, figure in zip(rows, series, strict=True):
        if sum(map(int.__mul__, row, solution)) != figure * whole:
            return None
    return Polynomial.of({powers: Fraction(value, whole) for powers, value in zip(monomials, solution, strict=True)})


def _inverse(rows: Sequence[Sequence[int]], size: int) -> _Solver | None:
    """The places of ``size`` independent rows, and the inverse of the matrix that they make: integers over one whole.

    None where there are no such rows.
    """
    matrix: list[list[Fraction]] = []
    picked: list[int] = []
    for place, row in enumerate(rows):
        line = [*map(Fraction, row), *(Fraction(int(number == len(picked))) for number in range(size))]
        for known in matrix:
            factor = line[_lead(known, size)]
            if factor:
                line = [value - factor * other for value, other in zip(line, known, strict=True)]
        lead = _lead(line, size)
        if lead == size:
            continue
        scale = line[lead]
        line = [value / scale for value in line]
        for index, known in enumerate(matrix):
            factor = known[lead]
            if factor:
                matrix[index] = [value - factor * other for value, other in zip(known, line, strict=True)]
        matrix.append(line)
        picked.append(place)
        if len(picked) == size:
            break
    if len(picked) < size:
        return None
    inverse = [line[size:] for line in sorted(matrix, key=lambda line: _lead(line, size))]
    whole = math.lcm(*(value.denominator for line in inverse for value in line))
    return picked, [[int(value * whole) for value in line] for line in inverse], whole


def _lead(line: Sequence[Fraction], size: int) -> int:
    """Where the first number of the left half that is not 0 stands; ``size`` where all are 0."""
    return next((place for place in range(size) if line[place]), size)
