"""What differs between two reports, with its JSON form.

Every row carries the figures of both sides and ``delta``, head minus base, in integers; None where a side did not
measure a figure, or does not know it of such a row. ``-comparison`` is the comparison the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from archscope.json_text import write_json
from archscope.metrics import Figures, Metric, Rows
from archscope.records import InputRecord, Path
from archscope.report import ModelInfo
from archscope.serial import to_plain
from archscope.views import View

COMPARISON_VERSION = 1
R = TypeVar("R", bound="Change | Comparison")


class ComparedFigures(Figures):
    """One side of a row: the figures, and how many modules they are of."""

    __slots__ = ()
    modules = Metric[int]("modules", "modules at and below the row", rows=Rows.TOTALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The figures before, after, and after minus before."""

    base: ComparedFigures
    head: ComparedFigures
    delta: ComparedFigures

    def __neg__(self) -> Change:
        return _reversed(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two models. ``complete`` is False when its figures of the run are lower bounds.

    ``components`` are the names of its components, in their own order.
    """

    model: ModelInfo
    inputs: tuple[InputRecord, ...]
    complete: bool
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentChange(Change):
    """A component, matched by name; a side that lacks it stands with zeros. ``status`` is both, new or deleted."""

    name: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChange(Change):
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
    own: Change

    @property
    def is_changed(self) -> bool:
        """Whether the row says anything: it came, went, is of another type, or costs something else."""
        delta = self.delta
        figures = (delta.parameters, delta.macs, delta.flops, delta.activations)
        return self.status != "both" or self.base_type != self.head_type or any(figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What an export changed: ``calls`` times, and by how many parameters."""

    name: str
    what: str
    calls: int
    parameters: int

    def __neg__(self) -> Cause:
        return Cause(name=self.name, what=self.what, calls=self.calls, parameters=-self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(View):
    """Two models side by side.

    Components add to the totals, and so do the ``own`` figures of the modules. Rows stand by the size of their change
    in parameters, then in MACs, then by name; the root module (path "") is among them. ``causes`` say what an export
    changed, where one of the two is the file of the other.
    """

    comparison_version: int
    base: Side
    head: Side
    totals: Change
    components: tuple[ComponentChange, ...]
    modules: tuple[ModuleChange, ...]
    causes: tuple[Cause, ...] = ()

    def __neg__(self) -> Comparison:
        return _reversed(self)

    @property
    def differs(self) -> bool:
        """Whether any module came, went, changed its type or costs something else."""
        return any(row.is_changed for row in self.modules)

    def plain(self) -> dict[str, Any]:
        """Dicts, lists and raw integers; ``causes`` where there are any."""
        plain: dict[str, Any] = to_plain(self)
        if not self.causes:
            del plain["causes"]
        return plain

    def to_json(self) -> str:
        """Raw integers, base units, None as null, one line at the end."""
        return write_json(self.plain())


_REVERSED = {"both": "both", "new": "deleted", "deleted": "new"}


def _reversed(record: R) -> R:
    """``record`` with base and head exchanged, and so everything that follows from them."""
    names = [field.name for field in fields(record)]
    values = {name: getattr(record, name) for name in names}
    made: dict[str, Any] = {}
    for name, value in values.items():
        side, _, rest = name.partition("_")
        other = {"base": "head", "head": "base"}.get(side)
        if other:
            made[f"{other}_{rest}" if rest else other] = value
        elif name == "status":
            made[name] = _REVERSED[value]
        elif isinstance(value, tuple):
            made[name] = tuple(-row for row in value)
        else:
            made[name] = -value if isinstance(value, (Change, Figures)) else value
    return type(record)(**made)
