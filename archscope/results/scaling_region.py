"""A box of sizes with the formulas that hold in it: one for each figure of each operator in each module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archscope.metrics import Rows, carried_by
from archscope.records import Path
from archscope.results.polynomial import ZERO, Formula, Polynomial, Quantity, total


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A box of sizes in which the same formulas hold: ``low`` to ``high`` of each dimension, both inclusive.

    ``names`` are the components in order. ``whole`` are the formulas of figures that are no sums over modules.
    ``reasons`` say by metric why there is no formula. ``checked`` is how many runs the formulas were held against. One
    that was ``measured`` is one size alone. Without ``ran`` the model had no inputs: figures of a run are not known.
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
    ran: bool = True

    def holds(self, sizes: Sequence[int]) -> bool:
        """Whether ``sizes`` lie in the box."""
        return all(low <= size <= high for low, size, high in zip(self.low, sizes, self.high, strict=True))

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Every quantity that a formula is in, in order."""
        figures = (*(group.figures for group in self.groups), self.whole)
        formulas = {id(one): one for part in figures for one in part.values() if one is not None}
        return tuple(sorted({quantity for one in formulas.values() for quantity in one.quantities}))

    @cached_property
    def totals(self) -> dict[str, Formula | None]:
        """The formula of each figure of the whole."""
        return {**summed(self.groups, ran=self.ran), **self.whole}

    @cached_property
    def components(self) -> dict[str, dict[str, Formula | None]]:
        """The formulas of each component, in order; what no component claims is last."""
        groups: dict[str, list[Group]] = {name: [] for name in self.names}
        for group in self.groups:
            groups.setdefault(group.component, []).append(group)
        formulas = {name: summed(held, ran=self.ran) for name, held in groups.items()}
        return {
            name: found
            for name, found in formulas.items()
            if name in self.names or any(f != ZERO for f in found.values())
        }

    @cached_property
    def own(self) -> dict[Path, dict[str, Formula | None]]:
        """The formulas of each module without its submodules."""
        by_path: dict[Path, list[Group]] = {module.path: [] for module in self.modules}
        for group in self.groups:
            by_path[group.path].append(group)
        return {path: summed(groups, ran=self.ran) for path, groups in by_path.items()}


def summed(groups: Iterable[Group], *, ran: bool = True) -> dict[str, Formula | None]:
    """The sum of ``groups``, figure by figure; None where one of them has no formula, or nothing ``ran`` to tell."""
    carried = carried_by(Rows.COMPONENTS)
    parts: dict[str, Counter[Formula | None]] = {name: Counter() for name in carried}
    for group in groups:
        for name, formula in group.figures.items():
            if name in parts:
                parts[name][formula] += 1
    return {name: _sum(parts[name]) if ran or metric.known_without_run else None for name, metric in carried.items()}


def _sum(parts: Counter[Formula | None]) -> Formula | None:
    known = [(part, times) for part, times in parts.items() if isinstance(part, Polynomial)]
    if len(known) < len(parts):
        return None
    return known[0][0] if len(known) == 1 and known[0][1] == 1 else total(known)
