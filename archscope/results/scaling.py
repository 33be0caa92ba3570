"""What a model costs as a function of its sizes: exact formulas by region, and what was measured besides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from archscope.errors import UsageError, did_you_mean
from archscope.metrics import METRICS, Value
from archscope.records import InputRecord
from archscope.results.at_size import AtSize
from archscope.results.formula_text import Naming, naming, say
from archscope.results.polynomial import Formula, Largest, Polynomial, evaluated
from archscope.results.scaling_region import Region
from archscope.views import View

SCALING_VERSION = 1
_GRID = 5000  # sizes at which two formulas are compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A size that varies: its ``values`` in ascending order, and the ``places`` that have it.

    A place is an axis of an input (``x[2]``) or an option of the model (``width``).
    """

    name: str
    values: tuple[int, ...]
    places: tuple[str, ...]

    @property
    def multiple(self) -> int:
        """What all its values are multiples of."""
        return math.gcd(*self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The largest ``size`` of a dimension at which ``metric`` is at most ``max``, the others being ``fixed``.

    None where no size holds the limit, or, with a ``reason``, where nobody knows. ``value`` is the figure there, and
    ``next_value`` that of the ``next_size``, which does not hold it (None where there is no larger size). Both were
    measured too.
    """

    metric: str
    max: int
    dimension: str
    fixed: tuple[tuple[str, int], ...]
    size: int | None
    value: int | None
    next_size: int | None
    next_value: int | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class Scaling(View):
    """The laws of size of one model. The first of ``regions`` that holds a size speaks for it: measured ones are first.

    ``own_components`` says whether somebody named its components; ``answers`` are the largest sizes that limits admit.
    ``inputs`` are those that were resized, ``runs`` how many runs it took. ``value_dependent`` says that values decide
    what runs: then the formulas hold for the values that the runs had.
    """

    model: str
    source: str
    inputs: tuple[InputRecord, ...]
    dimensions: tuple[Dimension, ...]
    regions: tuple[Region, ...]
    runs: int
    complete: bool
    value_dependent: bool
    own_components: bool
    answers: tuple[Answer, ...] = ()

    def at(self, /, **sizes: int) -> AtSize | None:
        """Totals, components and modules at ``sizes``, as a report has them; None where no formula holds.

        A dimension with one value may be left out. Raises UsageError for a name that is none of the dimensions.
        """
        chosen = self._complete(sizes)
        region = self.region(chosen)
        return None if region is None else AtSize(region, chosen)

    def region(self, sizes: Mapping[str, int]) -> Region | None:
        """The region that holds ``sizes``; None outside of the ranges and where there is no formula."""
        if any(sizes[one.name] not in self._admitted[one.name] for one in self.dimensions):
            return None
        place = tuple(sizes[one.name] for one in self.dimensions)
        return self._measured.get(place) or next((region for region in self.laws if region.holds(place)), None)

    @cached_property
    def _admitted(self) -> dict[str, frozenset[int]]:
        return {one.name: frozenset(one.values) for one in self.dimensions}

    @cached_property
    def _measured(self) -> dict[tuple[int, ...], Region]:
        return {region.low: region for region in self.regions if region.measured}

    def values(self, metric: str, component: str = "", /, **sizes: int | Iterable[int]) -> list[Value]:
        """One figure at many sizes at once: a number stands for all of them. None where there is no formula."""
        columns = {name: list(given) for name, given in sizes.items() if not isinstance(given, int)}
        length = max(map(len, columns.values()), default=1)
        if any(len(column) != length for column in columns.values()):
            raise UsageError("the columns of sizes are not of one length", help="give a number to keep a size")
        fixed = {name: given for name, given in sizes.items() if isinstance(given, int)}
        first = self._complete({**fixed, **{name: column[0] for name, column in columns.items() if column}})
        columns = {name: columns.get(name, [size] * length) for name, size in first.items()}
        places = [*zip(*columns.values(), strict=True)]
        admitted = [*self._admitted.values()]
        found: list[Value] = [None] * length
        left = [
            row
            for row, place in enumerate(places)
            if all(size in sizes for size, sizes in zip(place, admitted, strict=True))
        ]
        for region in (*self.laws, *self._measured.values()):
            formula = (region.components.get(component, {}) if component else region.totals).get(metric)
            if not left or formula is None:
                continue
            inside = [row for row in left if region.holds(places[row])]
            chosen = {name: [column[row] for row in inside] for name, column in columns.items()}
            for row, value in zip(inside, evaluated(formula, chosen), strict=True):
                found[row] = value
            left = [row for row in left if found[row] is None]
        return found

    @cached_property
    def laws(self) -> tuple[Region, ...]:
        """The regions that hold formulas."""
        return tuple(region for region in self.regions if not region.measured)

    def pieces(self, metric: str, component: str = "") -> list[tuple[Formula | None, Region, str]]:
        """The formulas of a figure of the whole or of a component, each with a region and with where it holds as words.

        A formula that gives what those of other regions give is told once.
        """
        of_region = [
            (region, (region.components.get(component, {}) if component else region.totals).get(metric))
            for region in self.laws
        ]
        told: list[tuple[Formula | None, list[Region]]] = []
        for region, formula in of_region:
            same = next((regions for other, regions in told if self._agree(other, formula, region)), None)
            if same is None:
                told.append((formula, [region]))
            else:
                same.append(region)
        return [
            (formula, regions[0], " or ".join(filter(None, map(self.where, regions))) if len(told) > 1 else "")
            for formula, regions in told
        ]

    def _agree(self, formula: Formula | None, other: Formula | None, region: Region) -> bool:
        """Whether ``formula`` gives what ``other`` gives everywhere in ``region``."""
        if formula is None or other is None:
            return formula is other
        inside = [
            [size for size in one.values if low <= size <= high]
            for one, low, high in zip(self.dimensions, region.low, region.high, strict=True)
        ]
        if formula == other:
            return True
        if math.prod(map(len, inside)) > _GRID:
            return False
        names = [one.name for one in self.dimensions]
        grid = (dict(zip(names, sizes, strict=True)) for sizes in itertools.product(*inside))
        return all(formula.at(sizes) == other.at(sizes) for sizes in grid)

    @property
    def ran(self) -> bool:
        """Whether the model was run; one without inputs was not, and has only what it holds."""
        return all(region.ran for region in self.regions)

    def formula(self, metric: str, component: str = "") -> str:
        """The formula of a figure as text, of the whole or of a component; where there is none, why."""
        if metric not in METRICS:
            raise UsageError(f"unknown metric {metric!r}", help=did_you_mean(metric, METRICS) or "say macs or flops")
        label = METRICS[metric].label
        told = []
        for formula, region, where in self.pieces(metric, component):
            held = f" for {where}" if where else ""
            if formula is None:
                reason = region.reasons.get(metric) or self.reason(metric) or "it was not measured"
                told.append(f"{label}{held}: no formula: {reason}")
                continue
            text, defined = say(formula, self.naming, region.high)
            told.append(", ".join((f"{label} = {text}{held}", *defined)))
        return "; ".join(told) or f"{label}: no formula: {self.reason(metric)}"

    def reason(self, metric: str) -> str:
        """Why there is no formula of ``metric``; empty where there is one everywhere."""
        if not (self.ran or METRICS[metric].known_without_run):
            return "the model was given no inputs, so that it was not run"
        if not self.laws:
            if self.runs == math.prod(len(one.values) for one in self.dimensions):
                return f"all {self.runs} sizes of the range were run: too few to verify a polynomial"
            return f"{self.runs} sizes were measured, and no polynomial in the sizes could be verified"
        return next((region.reasons[metric] for region in self.laws if metric in region.reasons), "")

    def where(self, region: Region) -> str:
        """The sizes of ``region`` as words; empty for all."""
        parts = []
        for one, low, high in zip(self.dimensions, region.low, region.high, strict=True):
            if (low, high) == (one.values[0], one.values[-1]):
                continue
            if low == high:
                parts.append(f"{one.name} = {low:,}")
            elif low == one.values[0]:
                parts.append(f"{one.name} <= {high:,}")
            elif high == one.values[-1]:
                parts.append(f"{one.name} >= {low:,}")
            else:
                parts.append(f"{one.name} from {low:,} to {high:,}")
        return " and ".join(parts)

    @cached_property
    def naming(self) -> Naming:
        """How the dimensions are called in formulas, in units that make all coefficients whole."""
        shown: list[Polynomial] = []
        for region in self.regions:
            if not region.measured:
                figures = (*(group.figures for group in region.groups), region.whole)
                for formula in {id(one): one for part in figures for one in part.values() if one}.values():
                    shown += formula.parts if isinstance(formula, Largest) else [formula]
        return naming({one.name: (one.multiple, one.values[-1]) for one in self.dimensions}, shown)

    def _complete(self, sizes: Mapping[str, int]) -> dict[str, int]:
        known = {one.name: one for one in self.dimensions}
        for name in sizes:
            if name not in known:
                raise UsageError(f"{name!r} is no dimension of this law", help=f"its dimensions are {', '.join(known)}")
        missing = [name for name, one in known.items() if name not in sizes and len(one.values) > 1]
        if missing:
            raise UsageError(f"no size is given for {', '.join(missing)}", help=f"at({missing[0]}=...)")
        return {name: sizes[name] if name in sizes else one.values[0] for name, one in known.items()}
