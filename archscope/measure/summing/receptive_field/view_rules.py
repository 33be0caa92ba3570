"""Operators that rearrange, copy or make positions, by their ATen names."""

from __future__ import annotations

import math

from archscope.measure.summing.receptive_field import mixing, views
from archscope.measure.summing.receptive_field.call import Call, by_position, rule
from archscope.measure.summing.receptive_field.positions import (
    Positions,
    constant,
    forgotten,
    joined_by_position,
    plain,
)
from archscope.measure.summing.receptive_field.reach import UntoldError
from archscope.records import Shape


@rule("view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unflatten", "view_as", "reshape_as", "squeeze")
def _view(call: Call) -> Positions:
    return views.reshaped(call.first, call.shape)


@rule("unsqueeze")
def _unsqueeze(call: Call) -> Positions:
    state, dim = call.first, call["dim"] % len(call.shape)
    return state.with_dims((*state.dims[:dim], (), *state.dims[dim:]))


@rule("expand", "expand_as", "broadcast_to")
def _expand(call: Call) -> Positions:
    return mixing.expanded(call.first, call.shape)


@rule("permute")
def _permute(call: Call) -> Positions:
    return views.permuted(call.first, call["dims"])


@rule("transpose", "swapaxes", "swapdims")
def _transpose(call: Call) -> Positions:
    one, other = [*call.arguments.values()][1:3]
    order = [*range(len(call.shape))]
    order[one], order[other] = order[other], order[one]
    return views.permuted(call.first, order)


@rule("t", "numpy_T", "mT")
def _t(call: Call) -> Positions:
    return views.permuted(call.first, range(len(call.shape))[::-1])


@rule("select")
def _select(call: Call) -> Positions:
    state = call.first
    dim = call["dim"] % len(state.dims)
    return views.selected(state, dim, call["index"] % state.shape[dim])


@rule("slice")
def _slice(call: Call) -> Positions:
    state = call.first
    dim = call["dim"] % len(state.dims)
    start, stop, step = slice(call.get("start"), call.get("end"), call["step"]).indices(state.shape[dim])
    return views.sliced(state, dim, start, stop, step)


@rule("split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes", "chunk", "tensor_split")
def _split(call: Call) -> list[Positions]:
    dim, start, parts = call["dim"] % len(call.shape), 0, []
    for shape in call.shapes:
        parts.append(views.sliced(call.first, dim, start, start + shape[dim]))
        start += shape[dim]
    return parts


@rule("unbind")
def _unbind(call: Call) -> list[Positions]:
    dim = call["dim"] % len(call.first.dims)
    return [views.selected(call.first, dim, index) for index in range(len(call.shapes))]


@rule("repeat")
def _repeat(call: Call) -> Positions:
    return views.repeated(call.first, call["repeats"])


@rule("cat", "concat")
def _cat(call: Call) -> Positions:
    filled = [state for state in call.tensors if len(state.dims) == len(call.shape)]
    return views.concatenated(filled, call["dim"] % len(call.shape), call.shape)


@rule("stack", "_stack")
def _stack(call: Call) -> Positions:
    dim = call["dim"] % len(call.shape)
    states = [state.with_dims((*state.dims[:dim], (), *state.dims[dim:])) for state in call.tensors]
    return views.concatenated(states, dim, call.shape)


@rule("pixel_shuffle", "pixel_unshuffle")
def _pixel_shuffle(call: Call) -> Positions:
    up = call.op == "pixel_shuffle"
    return views.pixel_shuffled(call.first, [*call.arguments.values()][1], up=up)


@rule("index_select", "index", "gather", "_unsafe_index")
def _index(call: Call) -> Positions:
    state, *indices = call.tensors
    given = [i for i, one in enumerate(call["indices"]) if one is not None] if "indices" in call.arguments else []
    dims = given or [call.get("dim", 0)]
    known = len(dims) == 1 and len(call.shape) == len(state.dims) and call.op != "gather"
    if not known or any(index.axes for index in indices):
        raise UntoldError("the indices decide")
    if state.used(state.dims[dims[0]]):
        state = forgotten(state, dims[0], "the indices decide")
    return state.with_dims(plain(call.shape[i]) if i in dims else dim for i, dim in enumerate(state.dims))


@rule("as_strided")
def _as_strided(call: Call) -> Positions:
    meta, sizes = call.metas[0], call["size"]
    strides = (meta.layout or (0, *contiguous(meta.shape)))[1:]
    wide = [(one, other) for size, one, other in zip(meta.shape, strides, call["stride"], strict=False) if size > 1]
    if tuple(sizes) != meta.shape or any(one != other for one, other in wide) or call.get("storage_offset"):
        raise UntoldError("it views memory by strides of its own")
    return call.first


def contiguous(shape: Shape) -> tuple[int, ...]:
    """The strides of a tensor that lies in order."""
    return tuple(math.prod(shape[dim + 1 :]) for dim in range(len(shape)))


@rule("copy")
def _copy(call: Call) -> Positions:
    return mixing.expanded(call.tensors[1], call.shape)


@rule("clone", "_to_copy", "contiguous", "alias", "detach", "lift_fresh", "lift", "to", "positive", "tril", "triu")
@rule("native_dropout", "dropout", "conj", "_conj", "real", "imag", "complex", "conj_physical", "resolve_conj")
@rule("bernoulli", "native_channel_shuffle", "channel_shuffle", "square", "relu6", "dequantize", "resolve_neg")
def _same(call: Call) -> list[Positions]:
    return by_position(call)


@rule("fill", "zero", "zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_full")
@rule("new_empty", "new_empty_strided", "rand_like", "randn_like", "randint_like", "uniform", "normal", "random")
def _constants(call: Call) -> list[Positions]:
    return [constant(shape) for shape in call.shapes]


@rule("glu")
def _glu(call: Call) -> Positions:
    dim = call["dim"] % len(call.shape)
    size = call.shape[dim]
    halves = [views.sliced(call.first, dim, start, start + size) for start in (0, size)]
    return joined_by_position(halves, call.shape)


@rule("view_as_real")
def _as_real(call: Call) -> Positions:
    return call.first.with_dims((*call.first.dims, plain(2)))


@rule("view_as_complex")
def _as_complex(call: Call) -> Positions:
    return mixing.over(call.first, -1, call.shape)
