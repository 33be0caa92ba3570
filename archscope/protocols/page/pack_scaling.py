"""A law of size as compact JSON for the page: every formula once, in terms that a script evaluates with BigInt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archscope.documents.pictures import GREY, colors_beside
from archscope.documents.scaling import crossing_words, describe_values, told_metrics
from archscope.judge.scaling.parts import crossings, parts
from archscope.metrics import METRICS
from archscope.protocols.page.pack import exact
from archscope.report import UNASSIGNED
from archscope.results.formula_text import say
from archscope.results.polynomial import Formula, Largest, Polynomial, Quantity
from archscope.results.scaling import Dimension, Scaling
from archscope.results.scaling_region import Region

_COLORED = 8  # parts; the rest is grey


def pack_scaling(law: Scaling) -> dict[str, Any]:
    """The law for the page. A figure is a pair: the place of its formula (None without one) and that of its text."""
    pool = _Pool(law)
    told = told_metrics(law)
    held = {id(region): parts(law, region) for region in law.regions}
    names = _ordered(law, [held[id(region)] for region in (*law.laws, *law.regions)])
    regions = [_region(region, held[id(region)], names, told, pool) for region in law.regions]
    dimensions = [one.name for one in law.dimensions]
    packed = {
        "dimensions": [_dimension(one) for one in law.dimensions],
        "start": [one.values.index(_usual(law, one)) for one in law.dimensions],
        "metrics": [
            {
                "key": name,
                "label": METRICS[name].label,
                "bound": METRICS[name].lower_bound,
                "parts": any(name in figures for one in held.values() for figures in one.values()),
            }
            for name in told
        ],
        "named": law.own_components,
        "parts": [{"name": name, "color": color} for name, color in _colors(law, names).items()],
        "regions": regions,
        "crossings": [
            {
                "dimension": dimensions.index(one.dimension),
                "size": one.size,
                "fixed": [[dimensions.index(name), size] for name, size in one.fixed],
                "words": crossing_words(one),
            }
            for one in crossings(law)
        ],
        "reason": next(filter(None, map(law.reason, told)), ""),
    }
    made: dict[str, Any] = exact(packed | pool.packed())
    return made


def starting_sizes(law: Scaling) -> dict[str, int]:
    """The sizes that the page begins with: those of the inputs as they were given, where the law has them."""
    return {one.name: _usual(law, one) for one in law.dimensions}


def _usual(law: Scaling, one: Dimension) -> int:
    shapes = {record.name: record.shape for record in law.inputs}
    from archscope.measure.at_sizes import parse_place  # it imports torch, which the page of a saved report needs not

    name, axis = parse_place(one.places[0]) or ("", 0)
    shape = shapes.get(name, ())
    size = shape[axis] if -len(shape) <= axis < len(shape) else None
    return size if size in one.values else one.values[0]


def _ordered(law: Scaling, held: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of all parts: components in their order, others by what they cost where sizes are largest."""
    names = [*dict.fromkeys(name for found in held for name in found)]
    if law.own_components:
        return names
    largest = law.region({one.name: one.values[-1] for one in law.dimensions})
    found = parts(law, largest) if largest is not None else {}
    top = {one.name: one.values[-1] for one in law.dimensions}
    costs = {name: formula.at(top) or 0 for name, figures in found.items() if (formula := figures.get("macs"))}
    return sorted(names, key=lambda name: -costs.get(name, 0))


def _colors(law: Scaling, names: Sequence[str]) -> dict[str, str]:
    components = dict.fromkeys(name for region in (*law.laws, *law.regions) for name in region.names)
    claimed = [name for name in names if name != UNASSIGNED][:_COLORED]
    colors = colors_beside(components, claimed)
    return {name: colors.get(name, GREY) for name in names}


def _dimension(one: Dimension) -> dict[str, Any]:
    runs: list[list[int]] = []
    for value in one.values:
        if runs and (len(runs[-1]) == 1 or value == runs[-1][0] + runs[-1][1] * runs[-1][2]):
            first, step, many = runs[-1] if len(runs[-1]) > 1 else (runs[-1][0], value - runs[-1][0], 1)
            runs[-1] = [first, step, many + 1]
        else:
            runs.append([value])
    return {
        "name": one.name,
        "places": list(one.places),
        "words": describe_values(one),
        "runs": [run if len(run) > 1 else [run[0], 1, 1] for run in runs],
    }


def _region(
    region: Region,
    held: Mapping[str, Mapping[str, Formula | None]],
    names: Sequence[str],
    told: Sequence[str],
    pool: _Pool,
) -> dict[str, Any]:
    def figures(found: Mapping[str, Formula | None]) -> dict[str, Any]:
        return {name: pool.cell(found[name], region) for name in told if name in found}

    return {
        "low": list(region.low),
        "high": list(region.high),
        "measured": region.measured,
        "complete": region.complete,
        "reasons": dict(region.reasons),
        "totals": figures(region.totals),
        "parts": [[place, figures(held[name])] for place, name in enumerate(names) if name in held],
    }


class _Pool:
    """Quantities, polynomials, formulas and texts, each once."""

    def __init__(self, law: Scaling) -> None:
        self._law = law
        self._dimensions = [one.name for one in law.dimensions]
        self._quantities: dict[Quantity, int] = {}
        self._polynomials: dict[Polynomial, int] = {}
        self._formulas: dict[tuple[int, ...], int] = {}
        self._texts: dict[str, int] = {}

    def cell(self, formula: Formula | None, region: Region) -> list[int | None]:
        """The places of a formula and of its text; a figure of a run has no text."""
        if formula is None:
            return [None, None]
        of = formula.parts if isinstance(formula, Largest) else (formula,)
        places = tuple(self._polynomials.setdefault(one, len(self._polynomials)) for one in of)
        place = self._formulas.setdefault(places, len(self._formulas))
        if region.measured:
            return [place, None]
        text, defined = say(formula, self._law.naming, region.high)
        return [place, self._texts.setdefault(", ".join((text, *defined)), len(self._texts))]

    def packed(self) -> dict[str, Any]:
        """What the places stand for."""
        polynomials = [
            [
                one.denominator,
                [
                    [value, [[self._quantities.setdefault(q, len(self._quantities)), n] for q, n in powers]]
                    for powers, value in one.terms
                ],
            ]
            for one in self._polynomials
        ]
        return {
            "polynomials": polynomials,
            "quantities": [
                [[self._dimensions.index(name) for name in q.dimensions], q.times, q.plus, q.by, q.levels, q.rest]
                for q in self._quantities
            ],
            "formulas": [list(places) for places in self._formulas],
            "texts": list(self._texts),
        }
