"""An operator call as rules see it, and the table of the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from archscope.measure.summing.receptive_field.positions import Axis, Positions, joined_by_position
from archscope.records import Shape, TensorMeta


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operator call: arguments with Positions in place of tensors (``metas``), and the shapes of its outputs.

    ``slid`` collects the input axes that operators slide over.
    """

    op: str
    arguments: Mapping[str, Any]
    metas: tuple[TensorMeta, ...]
    shapes: tuple[Shape, ...]
    slid: set[Axis]

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, ``default`` where the operator has none of that name or it is None."""
        value = self.arguments.get(name)
        return default if value is None else value

    @property
    def first(self) -> Positions:
        """The first tensor."""
        return self.tensors[0]

    @property
    def tensors(self) -> list[Positions]:
        """All tensors, those inside lists too."""
        return tensors_in(self.arguments.values())

    @property
    def shape(self) -> Shape:
        """The first output's."""
        return self.shapes[0]


#: Gives what the outputs depend on, one for each output or a single one; raises UntoldError where nobody can tell.
Rule: TypeAlias = Callable[[Call], "Positions | Sequence[Positions]"]
RULES: dict[str, Rule] = {}


def tensors_in(values: Iterable[Any]) -> list[Positions]:
    """The positions among ``values``, those inside lists too."""
    found: list[Positions] = []
    for value in values:
        if isinstance(value, Positions):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += tensors_in(value)
    return found


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Make a function the rule of the ATen operators ``names``."""

    def add(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return add


def by_position(call: Call) -> list[Positions]:
    """Each position with the same ones of every tensor, which broadcast."""
    return [joined_by_position(call.tensors, shape) for shape in call.shapes]


def per_dim(value: Any, rank: int, default: int = 1) -> list[int]:
    """A size for each of ``rank`` dimensions; one for all of them, or none."""
    sizes = [value] if isinstance(value, int) else [*(value or ())]
    return (sizes or [default]) * rank if len(sizes) <= 1 else sizes
