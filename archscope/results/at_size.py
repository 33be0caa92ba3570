"""What a model costs at one size by its formulas: totals, components and modules, as a report has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from archscope.metrics import FigureRow, Rows, Value
from archscope.records import Path
from archscope.results.polynomial import Formula
from archscope.results.scaling_region import Region


class FiguresAt(FigureRow, Mapping[str, Value]):
    """Figures at one size, each worked out when it is asked for; None where there is no formula."""

    def __init__(self, formulas: Mapping[str, Formula | None], sizes: Mapping[str, int]) -> None:
        self._formulas, self._sizes = formulas, sizes

    @property
    def figures(self) -> FiguresAt:  # type: ignore[override]  # worked out, not held
        """Itself."""
        return self

    def __getitem__(self, metric: str) -> Value:
        formula = self._formulas[metric]
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
