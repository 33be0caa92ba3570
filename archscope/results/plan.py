"""Reduction targets and the proposals that are to reach them, and what came of measuring them; with the JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archscope.policy import Location
from archscope.records import InputRecord
from archscope.report import ModelInfo
from archscope.results.sweep import Setting
from archscope.serial import to_plain
from archscope.views import View

PLAN_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a component is meant to shrink to. ``current`` is what the document takes it for today, None if unsaid."""

    component: str
    current: int | None
    target: int
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change of options and what it is assumed to save, None if unsaid."""

    name: str
    settings: tuple[Setting, ...]
    saves: int | None
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSheet:
    """The targets of one document for one model: ``goal`` is the most that ``metric`` may be in total."""

    document: str
    model: str
    inputs: tuple[str, ...]
    metric: str
    goal: int
    targets: tuple[Target, ...]
    proposals: tuple[Proposal, ...]
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A component today, its target, and the target as it would be from the true size: the same share of it.

    ``published`` is the document's own figure for today; ``target`` and ``corrected`` are today's size where no target
    is set. ``against`` is what another model really has, None without one.
    """

    component: str
    published: int | None
    current: int
    target: int
    corrected: int
    has_target: bool
    against: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A proposal, measured: totals with it alone and after all before it; ``reason`` when the model refuses it.

    Alone and in sequence figures are None when the model refuses them, each for its own reason.
    """

    name: str
    settings: tuple[Setting, ...]
    assumed: int | None
    alone: int | None
    alone_macs: int | None
    alone_reason: str
    sequence: int | None
    sequence_macs: int | None
    sequence_reason: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plan(View):
    """Whether targets add up to their goal, and what the proposals save. Every figure is of ``metric``.

    Figures are lower bounds unless ``complete``. ``sum_targets`` adds the targets, ``sum_corrected`` the corrected
    ones; ``kept`` is what the components hold whose target is what they have today.
    """

    plan_version: int
    document: str
    model: ModelInfo
    inputs: tuple[InputRecord, ...]
    metric: str
    goal: int
    total: int
    macs: int | None
    complete: bool
    rows: tuple[TargetRow, ...]
    steps: tuple[Step, ...]
    against: str
    against_total: int | None

    @property
    def sum_targets(self) -> int:
        """What the document's targets leave."""
        return sum(row.target for row in self.rows)

    @property
    def sum_corrected(self) -> int:
        """What they leave when each is the same share of the true size."""
        return sum(row.corrected for row in self.rows)

    @property
    def kept(self) -> int:
        """What stays untouched."""
        return sum(row.current for row in self.rows if row.corrected == row.current)

    @property
    def assumed(self) -> int:
        """What the proposals are said to save together."""
        return sum(step.assumed or 0 for step in self.steps)

    @property
    def reached(self) -> int:
        """The total after the last proposal that the model takes."""
        totals = [step.sequence for step in self.steps if step.sequence is not None]
        return totals[-1] if totals else self.total

    def record(self) -> dict[str, Any]:
        """Dicts, lists and scalars; the sums of the properties are included."""
        sums = {name: getattr(self, name) for name in ("sum_targets", "sum_corrected", "kept", "assumed", "reached")}
        return {**to_plain(self), **sums}
