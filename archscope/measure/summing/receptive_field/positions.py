"""Where the positions of a tensor come from: its dimensions by factors, and its reach along every input axis.

A dimension is a row of units. A unit is one or more factors, the last one running fastest, between ``lead`` and
``trail`` further positions that depend on nothing along them (a class token, zeros beside a map).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from archscope.measure.summing.receptive_field.reach import Reach, UntoldError, joined, merged, reduced
from archscope.records import Shape

#: An input, by its place among the inputs, and its dimension.
Axis: TypeAlias = tuple[int, int]

_numbers = itertools.count()


class Factor(NamedTuple):
    """A part of a dimension, known by its number."""

    number: int
    size: int


class Unit(NamedTuple):
    """Factors with further positions before and after them."""

    factors: tuple[Factor, ...]
    lead: int = 0
    trail: int = 0

    @property
    def size(self) -> int:
        """Positions."""
        return self.lead + math.prod(factor.size for factor in self.factors) + self.trail


Dim: TypeAlias = tuple[Unit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """The dimensions of a tensor and what they depend on; ``unknown`` says why for an axis that nobody can tell.

    An axis that is in neither of the two does not matter to the tensor.
    """

    dims: tuple[Dim, ...]
    reaches: Mapping[Axis, tuple[Reach, ...]] = field(default_factory=dict)
    unknown: Mapping[Axis, str] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """The sizes."""
        return tuple(size_of(dim) for dim in self.dims)

    @property
    def axes(self) -> frozenset[Axis]:
        """The input axes that it depends on."""
        return frozenset(self.reaches) | frozenset(self.unknown)

    def mapped(self, change: Callable[[Reach], Reach], dims: Iterable[Dim] | None = None) -> Positions:
        """With other reaches, and dimensions; where ``change`` cannot tell an axis, that axis is unknown."""
        reaches: dict[Axis, tuple[Reach, ...]] = {}
        unknown = dict(self.unknown)
        for axis, parts in self.reaches.items():
            try:
                reaches[axis] = joined(change(part) for part in parts)
            except UntoldError as error:
                unknown[axis] = str(error)
        return Positions(dims=self.dims if dims is None else tuple(dims), reaches=reaches, unknown=unknown)

    def with_dims(self, dims: Iterable[Dim]) -> Positions:
        """The same reaches in other dimensions."""
        return dataclasses.replace(self, dims=tuple(dims))

    def used(self, dim: Dim) -> bool:
        """Whether anything depends on the position along ``dim``."""
        numbers = numbers_of(dim)
        return any(part.depends_on(numbers) for parts in self.reaches.values() for part in parts)


def size_of(dim: Dim) -> int:
    """Positions along ``dim``."""
    return math.prod(unit.size for unit in dim)


def numbers_of(dim: Dim) -> list[int]:
    """The factors of ``dim``."""
    return [factor.number for unit in dim for factor in unit.factors]


def factor(size: int) -> Factor:
    """A new one."""
    return Factor(next(_numbers), size)


def plain(size: int) -> Dim:
    """A dimension along which nothing depends on anything so far."""
    return () if size == 1 else (Unit((factor(size),)),)


def constant(shape: Shape) -> Positions:
    """A tensor that depends on no input."""
    return Positions(dims=tuple(map(plain, shape)))


def untold(shape: Shape, axes: Iterable[Axis], why: str) -> Positions:
    """A tensor of which nobody can tell how it depends on ``axes``."""
    return Positions(dims=tuple(map(plain, shape)), unknown=dict.fromkeys(axes, why))


def single(state: Positions, dim: int) -> tuple[Positions, Factor]:
    """``state`` with dimension ``dim`` made of one factor; what stands beside its factors counts as a border."""
    units = state.dims[dim]
    if len(units) == 1 and len(units[0].factors) == 1 and not units[0].lead and not units[0].trail:
        return state, units[0].factors[0]
    one = factor(size_of(units))
    dims = (*state.dims[:dim], (Unit((one,)),), *state.dims[dim + 1 :])
    if not state.used(units):
        return state.with_dims(dims), one
    if len(units) > 1 and any(unit.lead or unit.trail for unit in units):
        return forgotten(state, dim, "positions with borders of their own were merged").with_dims(dims), one
    factors = [part for unit in units for part in unit.factors]
    lead = units[0].lead if units else 0
    return state.mapped(lambda reach: merged(reach, factors, one.number, lead), dims), one


def forgotten(state: Positions, dim: int, why: str) -> Positions:
    """``state`` without what depends on the position along ``dim``, which becomes plain."""
    dims = (*state.dims[:dim], plain(size_of(state.dims[dim])), *state.dims[dim + 1 :])
    numbers = numbers_of(state.dims[dim])
    lost = {axis for axis, parts in state.reaches.items() if any(part.depends_on(numbers) for part in parts)}
    kept = {axis: parts for axis, parts in state.reaches.items() if axis not in lost}
    return Positions(dims=dims, reaches=kept, unknown={**state.unknown, **dict.fromkeys(lost, why)})


def over_all(state: Positions, dims: Iterable[int]) -> Positions:
    """``state`` where every position along ``dims`` depends on what any of them does; the dimensions become plain."""
    wanted = {*dims}
    gone = [part for dim in wanted for unit in state.dims[dim] for part in unit.factors]
    shape = state.shape
    kept = tuple(plain(shape[i]) if i in wanted else dim for i, dim in enumerate(state.dims))

    def change(reach: Reach) -> Reach:
        for part in gone:
            reach = reduced(reach, part.number, range(part.size))
        return reach

    return state.mapped(change, kept)


def spread(state: Positions, dims: Iterable[int]) -> Positions:
    """``state`` where every position along ``dims`` also depends on all the others (a softmax, a norm)."""
    wanted = [dim for dim in dims if state.used(state.dims[dim])]
    return together([state, over_all(state, wanted).with_dims(state.dims)]) if wanted else state


def at_index(state: Positions, dim: int, index: int) -> Positions:
    """``state`` at one position of ``dim``, which stays with size 1."""
    units = state.dims[dim]
    dims = (*state.dims[:dim], (), *state.dims[dim + 1 :])
    if not state.used(units):
        return state.with_dims(dims)
    if beside(units, index, index + 1):
        return without(state, units, dims)
    state, one = single(state, dim)
    return state.mapped(lambda reach: reduced(reach, one.number, range(index, index + 1)), dims)


def beside(units: Dim, start: int, stop: int) -> bool:
    """Whether the positions ``start`` to ``stop`` all stand beside the factors of a dimension of one unit."""
    return len(units) == 1 and (stop <= units[0].lead or start >= units[0].size - units[0].trail)


def without(state: Positions, units: Dim, dims: Iterable[Dim]) -> Positions:
    """``state`` where it stands beside the factors of ``units``: only what does not move along them."""
    numbers = numbers_of(units)
    kept = {
        axis: rest
        for axis, parts in state.reaches.items()
        if (rest := tuple(part for part in parts if not part.depends_on(numbers)))
    }
    return Positions(dims=tuple(dims), reaches=kept, unknown=state.unknown)


def settled(state: Positions) -> Positions:
    """``state`` without factors that no dimension has any more; these were of size 1."""
    known = {number for dim in state.dims for number in numbers_of(dim)}
    gone = {s.factor for parts in state.reaches.values() for part in parts for s in part.steps} - known

    def change(reach: Reach) -> Reach:
        for number in gone:
            reach = reduced(reach, number, range(1))
        return reach

    return state.mapped(change) if gone else state


def together(states: Sequence[Positions]) -> Positions:
    """The union of tensors that have the same dimensions, factor by factor."""
    first, *others = states
    parts: dict[Axis, list[Reach]] = {axis: [*known] for axis, known in first.reaches.items()}
    unknown = dict(first.unknown)
    for state in others:
        for axis, more in state.reaches.items():
            parts.setdefault(axis, []).extend(more)
        unknown = {**state.unknown, **unknown}
    reaches: dict[Axis, tuple[Reach, ...]] = {}
    for axis, every in parts.items():
        try:
            reaches[axis] = joined(every)
        except UntoldError as error:
            unknown[axis] = str(error)
    return Positions(dims=first.dims, reaches=reaches, unknown=unknown)


def joined_by_position(states: Sequence[Positions], shape: Shape) -> Positions:
    """What an operator gives that joins tensors position by position; they broadcast to ``shape``."""
    states = [_broadcast(state, shape) for state in states if state.axes]
    if not states:
        return constant(shape)
    return together(aligned(states))


def _broadcast(state: Positions, shape: Shape) -> Positions:
    """``state`` with as many dimensions as ``shape``; where one of size 1 is repeated, its only position is read."""
    missing = len(shape) - len(state.dims)
    if missing < 0:
        raise UntoldError("tensors were joined that do not broadcast")
    for dim, (size, wanted) in enumerate(zip(state.shape, shape[missing:], strict=True)):
        if size == 1 and wanted != 1:
            state = at_index(state, dim, 0)
        elif size != wanted:
            raise UntoldError("tensors were joined that do not broadcast")
    dims = (*((),) * missing, *state.dims)
    return state.with_dims(dim or plain(shape[i]) for i, dim in enumerate(dims))


def aligned(states: Sequence[Positions]) -> list[Positions]:
    """The same tensors with the same factors in every dimension; all have one shape."""
    states = [states[0], *(state if state.dims == states[0].dims else fresh(state) for state in states[1:])]
    for dim in range(len(states[0].dims)):
        using = [i for i, state in enumerate(states) if state.used(state.dims[dim])]
        if len({_pattern(states[i].dims[dim]) for i in using}) > 1:
            for i in using:
                states[i], _ = single(states[i], dim)
        template = states[using[0]].dims[dim] if using else states[0].dims[dim]
        for i in using:
            if states[i].dims[dim] != template:
                names = dict(zip(numbers_of(states[i].dims[dim]), numbers_of(template), strict=True))
                states[i] = states[i].mapped(lambda reach, names=names: reach.renamed(names))  # type: ignore[misc]
        states = [state.with_dims((*state.dims[:dim], template, *state.dims[dim + 1 :])) for state in states]
    return states


def fresh(state: Positions) -> Positions:
    """The same with factors of new numbers."""
    names = {part.number: next(_numbers) for dim in state.dims for unit in dim for part in unit.factors}
    dims = (
        tuple(
            unit._replace(factors=tuple(part._replace(number=names[part.number]) for part in unit.factors))
            for unit in dim
        )
        for dim in state.dims
    )
    return state.mapped(lambda reach: reach.renamed(names), dims)


def _pattern(dim: Dim) -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    return tuple((unit.lead, unit.trail, tuple(part.size for part in unit.factors)) for unit in dim)


def existing(state: Positions, numbers: Iterable[int]) -> Iterator[dict[int, int]]:
    """Every position of ``state`` along the factors ``numbers``."""
    wanted = {*numbers}
    sizes = {p.number: p.size for dim in state.dims for unit in dim for p in unit.factors if p.number in wanted}
    for indices in itertools.product(*map(range, sizes.values())):
        yield dict(zip(sizes, indices, strict=True))
