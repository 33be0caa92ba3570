"""The sizes of tensors at several points: what strides and windows make of the sizes of the inputs shows in them."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.judge.scaling.interpolation import Point, Series, fit
from archscope.judge.scaling.observation import Observation
from archscope.records import Path
from archscope.results.polynomial import Quantity

_LEVELS = 6  # sorted lengths that are tried


def varied_sizes(runs: Sequence[Observation], of: tuple[Path, str] | None = None) -> set[Series]:
    """The sizes of all tensors, or of those of one operator in a module, that vary between ``runs``, run by run.

    Only operators that ran equally often on tensors of equally many axes can be followed.
    """
    columns: set[Series] = set()
    for key in [of] if of else runs[0].sizes:
        lists = [run.sizes.get(key, []) for run in runs]
        if len({*map(len, lists)}) == 1:
            columns.update(zip(*lists, strict=True))
    return {column for column in columns if len({*column}) > 1}


def levels_of(
    runs: Sequence[Observation], of: tuple[Path, str], points: Sequence[Point], names: Sequence[str]
) -> list[Quantity]:
    """The rounded logarithms of the lengths that a sorting operator works on, where these are products of sizes."""
    found = fit(varied_sizes(runs, of), points, names)
    made = []
    for fitted in found.values():
        polynomial = fitted.polynomial
        if len(polynomial.terms) == 1 and polynomial.denominator == 1:
            ((powers, times),) = polynomial.terms
            if all(power == 1 and quantity.plain for quantity, power in powers):
                dimensions = tuple(quantity.dimensions[0] for quantity, _ in powers)
                made += [Quantity(dimensions, times, plus, levels=True) for plus in (0, 1)]
    return made[:_LEVELS]
