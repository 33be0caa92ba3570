"""What many settings of one model cost, with the JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from archscope.metrics import METRICS, FigureRow, Figures, Rows
from archscope.report import UnregisteredRow, ValueRow
from archscope.report_queries import decides
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
    """One setting: its figures, or the ``reason`` why there are none. Without ``complete`` they are lower bounds.

    ``value_dependent`` and ``unregistered`` say what the figures do not hold, or hold for these values alone.
    """

    carries: ClassVar[Rows] = Rows.SWEEP
    settings: tuple[Setting, ...]
    figures: Figures
    complete: bool
    reason: str
    value_dependent: tuple[ValueRow, ...] = ()
    unregistered: tuple[UnregisteredRow, ...] = ()

    def meets(self, limits: tuple[Limit, ...]) -> bool:
        """Whether every limit is known to hold."""
        proven = all(self.proves(limit.metric) for limit in limits)
        return proven and not self.reason and not self.exceeds(limits)

    def exceeds(self, limits: tuple[Limit, ...]) -> bool:
        """Whether a limit is known not to hold; one that neither holds nor is exceeded is unproven."""
        return any((self[limit.metric] or 0) > limit.max for limit in limits)

    def proves(self, metric: str) -> bool:
        """Whether the figure can be held to a limit: measured, whole, and the same for all values."""
        line = METRICS[metric]
        short = (line.lower_bound and not self.complete) or (line.of_parameter is not None and self.unregistered)
        return not (self[metric] is None or short or any(decides(row, line) for row in self.value_dependent))


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
