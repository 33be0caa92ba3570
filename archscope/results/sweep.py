"""What many settings of one model cost, with the JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archscope.metrics import METRICS, FigureRow, Figures, Rows
from archscope.spec import InputSpec, OptionValue
from archscope.views import View

SWEEP_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One option and its value."""

    name: str
    value: OptionValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Vary:
    """An option and the values that it takes, in order."""

    name: str
    values: tuple[OptionValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that a metric may be, inclusive."""

    metric: str
    max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A metric that is better the smaller it is, or with ``most`` the larger."""

    metric: str
    most: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Point(FigureRow):
    """One setting: its figures, or the ``reason`` why there are none. Without ``complete`` they are lower bounds."""

    carries: ClassVar[Rows] = Rows.SWEEP
    settings: tuple[Setting, ...]
    figures: Figures
    complete: bool
    reason: str

    def meets(self, limits: tuple[Limit, ...]) -> bool:
        """Whether every limit is known to hold; a lower bound proves nothing about MACs and FLOPs."""
        for limit in limits:
            value = self[limit.metric]
            if value is None or value > limit.max or not (self.complete or not METRICS[limit.metric].run):
                return False
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sweep(View):
    """A grid of settings. ``points`` are those that finished, in the grid's order; ``planned`` is the size of it.

    ``front`` holds the indices of the points that meet ``limits`` and that no other such point beats on all ``axes``.
    """

    sweep_version: int
    model: str
    inputs: tuple[InputSpec, ...]
    varied: tuple[Vary, ...]
    limits: tuple[Limit, ...]
    axes: tuple[Axis, ...]
    planned: int
    points: tuple[Point, ...]
    front: tuple[int, ...]

    @property
    def interrupted(self) -> bool:
        """Whether settings are missing."""
        return len(self.points) < self.planned
