"""Operators that rearrange positions: views, copies, slices, concatenations, padding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from archscope.measure.summing.receptive_field.figures import strides_of
from archscope.measure.summing.receptive_field.positions import (
    Axis,
    Dim,
    Factor,
    Positions,
    Unit,
    aligned,
    at_index,
    beside,
    factor,
    over_all,
    plain,
    settled,
    single,
    size_of,
    together,
    without,
)
from archscope.measure.summing.receptive_field.reach import (
    MOST_ENTRIES,
    Reach,
    Step,
    Taps,
    UntoldError,
    affine,
    hull,
    joined,
    merged,
    slide,
)
from archscope.records import Shape

ACROSS = "its sizes regroup positions that do not divide"


def reshaped(state: Positions, shape: Shape) -> Positions:
    """``state`` with the same elements in the same order in other dimensions."""
    if shape == state.shape:
        return state
    waiting = [unit for dim in reversed(state.dims) for unit in reversed(dim)]
    dims: list[Dim] = []
    for size in shape:
        units: list[Unit] = []
        while size > 1:
            state, unit = _taken(state, waiting, size)
            units.append(unit)
            size //= unit.size  # noqa: PLW2901
        dims.append(tuple(units))
    return settled(state.with_dims(dims))


def _taken(state: Positions, waiting: list[Unit], size: int) -> tuple[Positions, Unit]:
    """The next unit, or so much of it that its size divides ``size``; the rest waits."""
    while waiting:
        unit = waiting.pop()
        if size % unit.size == 0:
            return state, unit
        if unit.lead or unit.trail:
            raise UntoldError(ACROSS)
        if len(unit.factors) > 1:
            waiting += [Unit((part,)) for part in reversed(unit.factors)]
            continue
        one = unit.factors[0]
        common = math.gcd(one.size, size)
        if common == size:
            outer, inner = factor(common), factor(one.size // common)
            terms = ((outer.number, inner.size), (inner.number, 1))
            state = state.mapped(lambda reach, terms=terms, one=one: affine(reach, one.number, terms))  # type: ignore[misc]
            waiting += [Unit((inner,)), Unit((outer,))]
            continue
        if not waiting or waiting[-1].lead or waiting[-1].trail:
            raise UntoldError(ACROSS)
        following = waiting.pop()
        parts = (one, *following.factors)
        whole = factor(math.prod(part.size for part in parts))
        state = state.mapped(lambda reach, parts=parts, whole=whole: merged(reach, parts, whole.number))  # type: ignore[misc]
        waiting.append(Unit((whole,)))
    raise UntoldError(ACROSS)


def permuted(state: Positions, order: Sequence[int]) -> Positions:
    """``state`` with its dimensions in another order."""
    return state.with_dims(state.dims[dim % len(state.dims)] for dim in order)


def along(
    state: Positions, dim: int, size: int, change: Callable[[Reach, int, int], Reach], *, inner: Dim = ()
) -> Positions:
    """``state`` with a dimension of another ``size``; ``change`` takes the old factor's number and the new one's."""
    if not state.used(state.dims[dim]):
        return state.with_dims((*state.dims[:dim], plain(size), *state.dims[dim + 1 :]))
    state, one = single(state, dim)
    new = factor(size)
    dims = (*state.dims[:dim], (Unit((new,)), *inner), *state.dims[dim + 1 :])
    return state.mapped(lambda reach: change(reach, one.number, new.number), dims)


def slid(state: Positions, dim: int, size: int, taps: Taps) -> Positions:
    """``state`` with a dimension of ``size`` whose positions read those that ``taps`` names."""
    return along(state, dim, size, lambda reach, old, new: slide(reach, old, new, taps))


def sliced(state: Positions, dim: int, start: int, stop: int, step: int = 1) -> Positions:
    """The positions from ``start`` to ``stop`` of ``dim``, every ``step``-th one."""
    size = max(0, -(-(stop - start) // step))
    units = state.dims[dim]
    dims = (*state.dims[:dim], plain(size), *state.dims[dim + 1 :])
    if not state.used(units):
        return state.with_dims(dims)
    if (start, size) == (0, size_of(units)):
        return state
    if beside(units, start, stop):
        return without(state, units, dims)
    if len(units) == 1 and step == 1:
        unit, whole = units[0], units[0].size
        if start <= unit.lead and stop >= whole - unit.trail:
            kept = unit._replace(lead=unit.lead - start, trail=unit.trail - (whole - stop))
            return state.with_dims((*state.dims[:dim], (kept,), *state.dims[dim + 1 :]))
    return along(state, dim, size, lambda reach, old, new: affine(reach, old, ((new, step),), start))


def selected(state: Positions, dim: int, index: int) -> Positions:
    """One position of ``dim``, which is gone."""
    state = at_index(state, dim, index)
    return state.with_dims((*state.dims[:dim], *state.dims[dim + 1 :]))


def windows(state: Positions, dim: int, size: int, length: int, step: int) -> Positions:
    """``Tensor.unfold``: ``length`` positions at each of ``size`` places, as a dimension of their own, the last one."""
    inner = factor(length)
    terms = inner.number
    state = along(state, dim, size, lambda reach, old, new: affine(reach, old, ((new, step), (terms, 1))))
    return state.with_dims((*state.dims, (Unit((inner,)),)))


def bordered(state: Positions, dim: int, before: int, after: int) -> Positions:
    """``state`` with positions before and after those of ``dim`` (a negative number takes some away)."""
    size = size_of(state.dims[dim])
    if before < 0 or after < 0:
        start, stop = max(0, -before), size - max(0, -after)
        state = sliced(state, dim, start, stop)
        return bordered(state, dim, max(0, before), max(0, after))
    if not state.used(state.dims[dim]):
        return state.with_dims((*state.dims[:dim], plain(size + before + after), *state.dims[dim + 1 :]))
    units = state.dims[dim]
    if len(units) > 1 and any(unit.lead or unit.trail for unit in units):
        state, _ = single(state, dim)
        units = state.dims[dim]
    parts = tuple(part for unit in units for part in unit.factors)
    lead, trail = (units[0].lead, units[0].trail) if len(units) == 1 else (0, 0)
    unit = Unit(parts, lead + before, trail + after)
    return state.with_dims((*state.dims[:dim], (unit,), *state.dims[dim + 1 :]))


def repeated(state: Positions, times: Sequence[int]) -> Positions:
    """``Tensor.repeat``: the whole, so many times along each dimension; new dimensions come first."""
    missing = len(times) - len(state.dims)
    dims: list[Dim] = [() for _ in range(missing)]
    dims += state.dims
    return state.with_dims((*plain(count), *dim) for count, dim in zip(times, dims, strict=True))


def concatenated(states: Sequence[Positions], dim: int, shape: Shape) -> Positions:
    """``states`` one after another along ``dim``."""
    sizes = [state.shape[dim] for state in states]
    used = [i for i, state in enumerate(states) if state.used(state.dims[dim])]
    if not used:
        wide = [state.with_dims((*state.dims[:dim], plain(shape[dim]), *state.dims[dim + 1 :])) for state in states]
        return together(aligned(wide))
    if len(used) == 1 and _adds_nothing(states, used[0]):
        before = sum(sizes[: used[0]])
        whole = bordered(states[used[0]], dim, before, sum(sizes) - before - sizes[used[0]])
        others = [
            state.with_dims((*state.dims[:dim], plain(shape[dim]), *state.dims[dim + 1 :]))
            for i, state in enumerate(states)
            if i != used[0]
        ]
        return together(aligned([whole, *others]))
    return _end_to_end(states, dim, sizes)


def _adds_nothing(states: Sequence[Positions], used: int) -> bool:
    """Whether what the others depend on is among what ``states[used]`` depends on everywhere."""
    whole = states[used]
    for i, state in enumerate(states):
        for axis, parts in state.reaches.items() if i != used else ():
            everywhere = [part.intervals[0] for part in whole.reaches.get(axis, ()) if not part.steps]
            for part in parts:
                low, high = part.intervals[0]
                if part.steps or not any(first <= low and high <= last for first, last in everywhere):
                    return False
    return True


def _end_to_end(states: Sequence[Positions], dim: int, sizes: Sequence[int]) -> Positions:
    """A list of the interval of every single position of ``dim``, piece by piece."""
    whole = factor(sum(sizes))
    if whole.size > MOST_ENTRIES:
        raise UntoldError("too many positions of several strides were concatenated")
    ones = [single(state, dim) for state in states]
    pieces = aligned([_along_the_whole(state, dim, whole) for state, _ in ones])
    reaches: dict[Axis, tuple[Reach, ...]] = {}
    unknown = {axis: why for state in pieces for axis, why in state.unknown.items()}
    for axis in frozenset().union(*(state.reaches for state in pieces)) - unknown.keys():
        parts = [state.reaches.get(axis, ()) for state in pieces]
        numbers = {step.factor for known in parts for part in known for step in part.steps}
        here = {one.number for _, one in ones}
        if numbers.isdisjoint(here):
            reaches[axis] = joined(part for known in parts for part in known)
        elif numbers <= here:
            intervals = [
                hull(part.at({one.number: i}) for part in known)
                for known, (_, one) in zip(parts, ones, strict=True)
                for i in range(one.size)
            ]
            strides = frozenset().union(*(strides_of(state, axis) for state in states if axis in state.reaches))
            steps = (Step(whole.number, whole.size, 0),)
            reaches[axis] = (Reach(steps=steps, intervals=tuple(intervals), pieces=strides),)
        else:
            unknown[axis] = "positions of several tensors were concatenated"
    return Positions(dims=pieces[0].dims, reaches=reaches, unknown=unknown)


def _along_the_whole(state: Positions, dim: int, whole: Factor) -> Positions:
    return state.with_dims((*state.dims[:dim], (Unit((whole,)),), *state.dims[dim + 1 :]))


def pixel_shuffled(state: Positions, factor_: int, *, up: bool) -> Positions:
    """Channels into positions (``up``) or positions into channels, for height and width."""
    *batch, channels, height, width = state.shape
    r, b = factor_, len(batch)
    if up:
        state = reshaped(state, (*batch, channels // (r * r), r, r, height, width))
        state = permuted(state, (*range(b), b, b + 3, b + 1, b + 4, b + 2))
        return reshaped(state, (*batch, channels // (r * r), height * r, width * r))
    state = reshaped(state, (*batch, channels, height // r, r, width // r, r))
    state = permuted(state, (*range(b), b, b + 2, b + 4, b + 1, b + 3))
    return reshaped(state, (*batch, channels * r * r, height // r, width // r))


def regrouped(state: Positions, dim: int, groups: int) -> Positions:
    """``state`` with the hull over the positions of each of ``groups`` equal parts of ``dim``, one position each."""
    if not state.used(state.dims[dim]):
        return state.with_dims((*state.dims[:dim], plain(groups), *state.dims[dim + 1 :]))
    shape = state.shape
    state = reshaped(state, (*shape[:dim], groups, shape[dim] // groups, *shape[dim + 1 :]))
    state = over_all(state, [dim + 1])
    return state.with_dims((*state.dims[: dim + 1], *state.dims[dim + 2 :]))


def tapped(  # noqa: PLR0913, PLR0917 - what a window is
    state: Positions, dim: int, places: int, stride: int, kernel: int, dilation: int, offset: int
) -> Positions:
    """``kernel`` positions, ``dilation`` apart, at each of ``places``: the places stay, the positions come last."""
    inner = factor(kernel)
    terms = (inner.number, dilation)
    state = along(state, dim, places, lambda reach, old, new: affine(reach, old, ((new, stride), terms), offset))
    return state.with_dims((*state.dims, (Unit((inner,)),)))
