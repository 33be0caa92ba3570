"""What many settings of one model cost, with the JSON form."""

from __future__ import annotations

import json
from dataclasses import dataclass

from archscope.serial import to_plain
from archscope.spec import InputSpec, OptionValue

SWEEP_VERSION = 1
METRICS = ("parameters", "macs", "flops")


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
class Point:
    """One setting: its figures, or the ``reason`` why there are none. Without ``complete`` they are lower bounds."""

    settings: tuple[Setting, ...]
    parameters: int | None
    macs: int | None
    flops: int | None
    complete: bool
    reason: str

    def meets(self, limits: tuple[Limit, ...]) -> bool:
        """Whether every limit is known to hold; a lower bound proves nothing about MACs and FLOPs."""
        for limit in limits:
            value: int | None = getattr(self, limit.metric)
            if value is None or value > limit.max or not (self.complete or limit.metric == "parameters"):
                return False
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
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

    def to_json(self) -> str:
        """Raw integers, base units, None as null, one line at the end."""
        return json.dumps(to_plain(self), indent=1, ensure_ascii=False) + "\n"
