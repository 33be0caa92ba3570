"""Operators that mix positions: products, attention, norms, reductions, recurrence, transforms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archscope.measure.summing.receptive_field.positions import (
    Positions,
    aligned,
    constant,
    joined_by_position,
    over_all,
    plain,
    spread,
    together,
)
from archscope.measure.summing.receptive_field.reach import UntoldError
from archscope.measure.summing.receptive_field.views import reshaped
from archscope.records import Shape


def product(one: Positions, other: Positions, shape: Shape) -> Positions:
    """``[..., m, k]`` times ``[..., k, n]``: position (m, n) depends on row m of one and column n of the other."""
    rows = over_all(one, [len(one.dims) - 1])
    columns = over_all(other, [len(other.dims) - 2])
    rows = rows.with_dims((*rows.dims[:-1], plain(shape[-1])))
    columns = columns.with_dims((*columns.dims[:-2], plain(shape[-2]), columns.dims[-1]))
    return joined_by_position([rows, columns], shape)


def weighed(state: Positions, weights: Iterable[Positions], shape: Shape) -> Positions:
    """Every position with all of its last dimension, by weights that may depend on the input as well."""
    mixed = over_all(state, [len(state.dims) - 1])
    mixed = mixed.with_dims((*mixed.dims[:-1], plain(shape[-1])))
    return with_all(mixed, weights, shape)


def with_all(state: Positions, others: Iterable[Positions], shape: Shape) -> Positions:
    """``state`` where every position also depends on all of ``others``."""
    every = [whole(other, shape) for other in others if other.axes]
    return together(aligned([state, *every])) if every else state


def whole(state: Positions, shape: Shape) -> Positions:
    """A tensor of ``shape`` of which every position depends on all of ``state``."""
    return over_all(state, range(len(state.dims))).with_dims(map(plain, shape))


def attended(query: Positions, key: Positions, value: Positions, mask: Positions | None, shape: Shape) -> Positions:
    """``[..., positions, features]``: a query's position with every key and value; a causal mask is not taken off."""
    last = len(shape) - 1
    asking = over_all(query, [last])
    asking = asking.with_dims((*asking.dims[:-1], plain(shape[-1])))
    told = [over_all(key, [last - 1, last]), over_all(value, [last - 1])]
    told = [state.with_dims((*state.dims[:-2], plain(shape[-2]), *state.dims[-1:])) for state in told]
    told = [_heads(state, shape) for state in told]
    told[0] = told[0].with_dims((*told[0].dims[:-1], plain(shape[-1])))
    states = [asking, *told]
    if mask is not None and mask.axes:
        read = over_all(mask, [len(mask.dims) - 1])
        states.append(read.with_dims((*read.dims[:-1], plain(shape[-1]))))
    return joined_by_position(states, shape)


def _heads(state: Positions, shape: Shape) -> Positions:
    """Keys and values of fewer heads than queries, each for several of them."""
    if len(shape) < 3 or state.shape[-3] in {1, shape[-3]}:
        return state
    state = over_all(state, [len(shape) - 3])
    return state.with_dims((*state.dims[:-3], plain(shape[-3]), *state.dims[-2:]))


def over(state: Positions, dims: Sequence[int] | int | None, shape: Shape) -> Positions:
    """A reduction over ``dims`` (all of them where none is named), to ``shape``."""
    rank = len(state.dims)
    named = [dims] if isinstance(dims, int) else [*(dims or range(rank))]
    gone = {dim % rank for dim in named} if rank else set()
    state = over_all(state, gone)
    if len(shape) == rank:
        return state.with_dims(() if i in gone else dim for i, dim in enumerate(state.dims))
    return state.with_dims(dim for i, dim in enumerate(state.dims) if i not in gone)


def replaced(state: Positions, dims: Sequence[int], shape: Shape) -> Positions:
    """Every position along ``dims`` depends on all of the old ones; their sizes may change (a transform, a top-k)."""
    rank = len(state.dims)
    gone = {dim % rank for dim in dims}
    state = over_all(state, gone)
    return state.with_dims(plain(shape[i]) if i in gone else dim for i, dim in enumerate(state.dims))


def group_normed(state: Positions, groups: int) -> Positions:
    """Every position with all of its group of channels."""
    shape = state.shape
    if shape[1] % groups:
        raise UntoldError("its channels do not divide into the groups")
    if not state.used(state.dims[1]):
        return spread(state, range(2, len(shape)))
    apart = reshaped(state, (shape[0], groups, shape[1] // groups, *shape[2:]))
    return reshaped(spread(apart, range(2, len(shape) + 1)), shape)


def recurred(inputs: Positions, others: Iterable[Positions], shapes: Sequence[Shape], along: int) -> list[Positions]:
    """A recurrent network: every position with all of the sequence, and its last states."""
    mixed = weighed(inputs, others, (*inputs.shape[:-1], shapes[0][-1]))
    first = spread(mixed, [along])
    rest = [whole(mixed, shape) for shape in shapes[1:]]
    return [first, *rest]


def looked_up(indices: Positions, table: Positions, shape: Shape) -> Positions:
    """A row of ``table`` for every index."""
    return with_all(indices.with_dims((*indices.dims, plain(shape[-1]))), [table], shape)


def expanded(state: Positions, shape: Shape) -> Positions:
    """``state`` repeated to ``shape``."""
    return joined_by_position([state], shape) if state.axes else constant(shape)
