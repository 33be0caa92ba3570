"""What a model costs as a function of its sizes: exact formulas by region, and what was measured where there are none."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from archscope.errors import UsageError
from archscope.metrics import METRICS, FigureRow, Rows, Value, carried_by
from archscope.records import InputRecord, Path
from archscope.results.formula_text import Naming, naming, say
from archscope.results.polynomial import Formula, Largest, Polynomial, total

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
class Group:
    """The calls of one operator in one module (without ``op``: what the module holds), with the formula of each figure.

    A figure that is not among them is 0 everywhere; None is one without a formula. A ``*`` in the path stands for the
    modules of that place together, where sizes decide how many there are.
    """

    path: Path
    component: str
    op: str
    family: str
    figures: Mapping[str, Formula | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleName:
    """A module, its type and its component."""

    path: Path
    type: str
    component: str


@dataclass(frozen=True, kw_only=True)
class Region:
    """A box of sizes in which the same formulas hold: ``low`` to ``high`` of each dimension, both inclusive.

    ``names`` are the components in order. ``whole`` are the formulas of figures that are no sums over modules. ``reasons`` say by metric why there is no
    formula. ``checked`` is how many runs the formulas were held against. One that was ``measured`` is one size alone.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    names: tuple[str, ...]
    modules: tuple[ModuleName, ...]
    groups: tuple[Group, ...]
    whole: Mapping[str, Formula | None]
    reasons: Mapping[str, str]
    checked: int
    measured: bool = False
    complete: bool = True

    def holds(self, sizes: Sequence[int]) -> bool:
        """Whether ``sizes`` lie in the box."""
        return all(low <= size <= high for low, size, high in zip(self.low, sizes, self.high, strict=True))

    @cached_property
    def totals(self) -> dict[str, Formula | None]:
        """The formula of each figure of the whole."""
        return {**_summed(self.groups), **self.whole}

    @cached_property
    def components(self) -> dict[str, dict[str, Formula | None]]:
        """The formulas of each component, in order; what no component claims is last."""
        groups: dict[str, list[Group]] = {name: [] for name in self.names}
        for group in self.groups:
            groups.setdefault(group.component, []).append(group)
        return {name: _summed(held) for name, held in groups.items()}

    @cached_property
    def own(self) -> dict[Path, dict[str, Formula | None]]:
        """The formulas of each module without its submodules."""
        by_path: dict[Path, list[Group]] = {module.path: [] for module in self.modules}
        for group in self.groups:
            by_path[group.path].append(group)
        return {path: _summed(groups) for path, groups in by_path.items()}


def _summed(groups: Iterable[Group]) -> dict[str, Formula | None]:
    """The sum of ``groups``, figure by figure; None where one of them has no formula."""
    parts: dict[str, Counter[Formula | None]] = {name: Counter() for name in carried_by(Rows.COMPONENTS)}
    for group in groups:
        for name, formula in group.figures.items():
            if name in parts:
                parts[name][formula] += 1
    return {name: _sum(counted) for name, counted in parts.items()}


def _sum(parts: Counter[Formula | None]) -> Formula | None:
    known = [(part, times) for part, times in parts.items() if isinstance(part, Polynomial)]
    if len(known) < len(parts):
        return None
    return known[0][0] if len(known) == 1 and known[0][1] == 1 else total(known)


class FiguresAt(FigureRow, Mapping[str, Value]):
    """Figures at one size, each worked out when it is asked for; None where there is no formula."""

    def __init__(self, formulas: Mapping[str, Formula | None], sizes: Mapping[str, int]) -> None:
        self._formulas, self._sizes = formulas, sizes

    @property
    def figures(self) -> FiguresAt:  # type: ignore[override]  # worked out, not held
        """Itself."""
        return self

    def __getitem__(self, metric: str) -> Value:
        formula = self._formulas[metric] if metric in self._formulas else METRICS[metric] and None
        return formula.at(self._sizes) if formula is not None else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._formulas)

    def __len__(self) -> int:
        return len(self._formulas)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAt(FigureRow):
    """A component or the whole at one size."""

    carries: ClassVar[Rows] = Rows.COMPONENTS
    name: str
    figures: FiguresAt  # type: ignore[assignment]  # worked out when they are read
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleAt(FigureRow):
    """A module at one size: its figures with its submodules, ``own`` without them."""

    carries: ClassVar[Rows] = Rows.MODULES
    path: Path
    type: str
    component: str
    figures: Mapping[str, Value]  # type: ignore[assignment]
    own: FiguresAt


class AtSize(FigureRow):
    """What the model costs at one size, as a report has it; its own figures are those of ``totals``."""

    def __init__(self, region: Region, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self._region = region

    @property
    def figures(self) -> FiguresAt:  # type: ignore[override]
        """Those of the whole."""
        return self.totals.figures

    @cached_property
    def totals(self) -> PartAt:
        """The whole."""
        figures = FiguresAt(self._region.totals, self.sizes)
        return PartAt(name="", figures=figures, complete=self._region.complete)

    @cached_property
    def components(self) -> tuple[PartAt, ...]:
        """The components, which add to the whole."""
        return tuple(
            PartAt(name=name, figures=FiguresAt(formulas, self.sizes), complete=self._region.complete)
            for name, formulas in self._region.components.items()
        )

    @cached_property
    def modules(self) -> tuple[ModuleAt, ...]:
        """The modules, each after the one that it lies in."""
        known: dict[int, Value] = {}

        def value(formula: Formula | None) -> Value:
            if id(formula) not in known:
                known[id(formula)] = None if formula is None else formula.at(self.sizes)
            return known[id(formula)]

        own = {path: {n: value(f) for n, f in found.items()} for path, found in self._region.own.items()}
        rolled = {path: dict(figures) for path, figures in own.items()}
        for path in reversed(list(own)):
            if path:
                above = rolled[path.rpartition(".")[0]]
                for name, figure in rolled[path].items():
                    held = above[name]
                    above[name] = None if held is None or figure is None else held + figure
        return tuple(
            ModuleAt(
                path=module.path,
                type=module.type,
                component=module.component,
                figures=rolled[module.path],
                own=FiguresAt(self._region.own[module.path], self.sizes),
            )
            for module in self._region.modules
        )


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """The laws of size of one model. The first of ``regions`` that holds a size speaks for it: those measured alone first.

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

    def at(self, **sizes: int) -> AtSize | None:
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
        return next((region for region in self.regions if region.holds(place)), None)

    @cached_property
    def _admitted(self) -> dict[str, frozenset[int]]:
        return {one.name: frozenset(one.values) for one in self.dimensions}

    def values(self, metric: str, component: str = "", **sizes: int | Iterable[int]) -> list[Value]:
        """One figure at many sizes at once: a number stands for all of them. None where there is no formula."""
        columns = {name: list(given) for name, given in sizes.items() if not isinstance(given, int)}
        length = max(map(len, columns.values()), default=1)
        if any(len(column) != length for column in columns.values()):
            raise UsageError("the columns of sizes are not of one length", help="give a number to keep a size")
        fixed = {name: given for name, given in sizes.items() if isinstance(given, int)}
        found = []
        for row in range(length):
            chosen = self._complete({**fixed, **{name: column[row] for name, column in columns.items()}})
            region = self.region(chosen)
            formulas = {} if region is None else region.components[component] if component else region.totals
            formula = formulas.get(metric)
            found.append(None if formula is None else formula.at(chosen))
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

    def formula(self, metric: str, component: str = "") -> str:
        """The formula of a figure as text, of the whole or of a component; where there is none, why."""
        label = METRICS[metric].label
        told = []
        for formula, region, where in self.pieces(metric, component):
            held = f" for {where}" if where else ""
            if formula is None:
                told.append(f"{label}{held}: no formula: {region.reasons.get(metric, 'it was not measured')}")
                continue
            text, defined = say(formula, self.naming, region.high)
            told.append(", ".join((f"{label} = {text}{held}", *defined)))
        return "; ".join(told) or f"{label}: no formula: {self.reason(metric)}"

    def reason(self, metric: str) -> str:
        """Why there is no formula of ``metric``; empty where there is one everywhere."""
        if not self.laws:
            sizes = f"{self.runs} sizes were measured" if self.runs > 1 else "one size was measured"
            return f"{sizes}, and no polynomial in the sizes could be verified"
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
