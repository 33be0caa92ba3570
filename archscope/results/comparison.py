"""What differs between two reports, with its JSON form.

Every row carries the figures of both sides and ``delta``, head minus base, in integers; None where a side did not
measure a figure. ``-comparison`` is the comparison the other way round.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

from archscope.records import InputRecord, Path
from archscope.report import ModelInfo
from archscope.serial import to_plain

COMPARISON_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One side of a row. ``modules`` counts modules, ``*_bytes`` bytes; None is not measured, or not cut that fine."""

    modules: int = 0
    parameters: int = 0
    trainable: int | None = 0
    parameter_bytes: int | None = 0
    macs: int | None = 0
    flops: int | None = 0
    activations: int | None = 0
    peak_activation_bytes: int | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None
    training_flops: int | None = None
    training_memory_bytes: int | None = None

    def __neg__(self) -> Figures:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        negated: dict[str, Any] = {name: None if value is None else -value for name, value in values.items()}
        return Figures(**negated)

    def __sub__(self, other: Figures) -> Figures:
        pairs = {field.name: (getattr(self, field.name), getattr(other, field.name)) for field in fields(self)}
        difference: dict[str, Any] = {name: None if a is None or b is None else a - b for name, (a, b) in pairs.items()}
        return Figures(**difference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The figures before, after, and after minus before."""

    base: Figures
    head: Figures
    delta: Figures

    def __neg__(self) -> Change:
        return Change(base=self.head, head=self.base, delta=-self.delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two models. ``complete`` is False when its figures of the run are lower bounds."""

    model: ModelInfo
    inputs: tuple[InputRecord, ...]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentChange:
    """A component, matched by name; a side that lacks it stands with zeros. ``status`` is both, new or deleted."""

    name: str
    status: str
    base: Figures
    head: Figures
    delta: Figures

    def __neg__(self) -> ComponentChange:
        return replace(self, status=_REVERSED[self.status], base=self.head, head=self.base, delta=-self.delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChange:
    """A module, matched by path: ``own`` without its submodules, the other figures with them.

    Types and components are empty on a side that lacks the module; ``status`` is both, new or deleted.
    """

    path: Path
    depth: int
    status: str
    base_type: str
    head_type: str
    base_component: str
    head_component: str
    base: Figures
    head: Figures
    delta: Figures
    own: Change

    def __neg__(self) -> ModuleChange:
        return replace(
            self,
            status=_REVERSED[self.status],
            base_type=self.head_type,
            head_type=self.base_type,
            base_component=self.head_component,
            head_component=self.base_component,
            base=self.head,
            head=self.base,
            delta=-self.delta,
            own=-self.own,
        )

    @property
    def is_changed(self) -> bool:
        """Whether the row says anything: it came, went, is of another type, or costs something else."""
        delta = self.delta
        figures = (delta.parameters, delta.macs, delta.flops, delta.activations)
        return self.status != "both" or self.base_type != self.head_type or any(figures)


_REVERSED = {"both": "both", "new": "deleted", "deleted": "new"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models side by side.

    Components add to the totals, and so do the ``own`` figures of the modules. Rows stand by the size of their change
    in parameters, then in MACs, then by name; the root module (path "") is among them.
    """

    comparison_version: int
    base: Side
    head: Side
    totals: Change
    components: tuple[ComponentChange, ...]
    modules: tuple[ModuleChange, ...]

    def __neg__(self) -> Comparison:
        return replace(
            self,
            base=self.head,
            head=self.base,
            totals=-self.totals,
            components=tuple(-row for row in self.components),
            modules=tuple(-row for row in self.modules),
        )

    @property
    def differs(self) -> bool:
        """Whether any module came, went, changed its type or costs something else."""
        return any(row.is_changed for row in self.modules)

    def to_json(self) -> str:
        """Raw integers, base units, None as null, one line at the end."""
        return json.dumps(to_plain(self), indent=1, ensure_ascii=False) + "\n"
