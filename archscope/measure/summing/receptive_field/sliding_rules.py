"""Operators that slide along positions: convolutions, pools, resampling, padding, rolls."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.measure.summing.receptive_field import mixing, taps, views
from archscope.measure.summing.receptive_field.call import Call, per_dim, rule, tensors_in
from archscope.measure.summing.receptive_field.positions import (
    Positions,
    plain,
)
from archscope.measure.summing.receptive_field.reach import Taps, UntoldError
from archscope.records import Shape


def _slid(call: Call, state: Positions, windows: Sequence[Taps], shape: Shape) -> Positions:
    """The last dimensions of ``state`` slid over by ``windows``, one each."""
    start = len(state.dims) - len(windows)
    for i, window in enumerate(windows):
        numbers = [factor.number for unit in state.dims[start + i] for factor in unit.factors]
        for axis, parts in state.reaches.items():
            if any(part.depends_on(numbers) for part in parts):
                call.slid.add(axis)
        state = views.slid(state, start + i, shape[start + i], window)
    return state


@rule("convolution", "_convolution", "convolution_overrideable")
def _convolution(call: Call) -> Positions:
    state, weight, groups = call["input"], call["weight"], call["groups"]
    kernel = weight.shape[2:]
    rank, shape = len(kernel), call.shape
    settings = [
        per_dim(call[name], rank, default) for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    ]
    make = taps.transposed if call["transposed"] else taps.window
    windows = [make(*each) for each in zip(kernel, *settings, strict=True)]
    state = views.regrouped(state, 1, groups)
    channels = (*state.dims[1], *plain(shape[1] // groups))
    state = state.with_dims((state.dims[0], channels, *state.dims[2:]))
    return mixing.with_all(_slid(call, state, windows, shape), [weight, *tensors_in([call.get("bias")])], shape)


@rule("max_pool1d", "max_pool2d", "max_pool3d", "max_pool1d_with_indices", "max_pool2d_with_indices")
@rule("max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d")
def _pool(call: Call) -> list[Positions]:
    state = call.first
    rank = next(int(digit) for digit in call.op if digit.isdigit())
    kernel = per_dim(call["kernel_size"], rank)
    stride = per_dim(call.get("stride") or kernel, rank)
    padding, dilation = per_dim(call["padding"], rank, 0), per_dim(call.get("dilation"), rank)
    windows = [taps.window(*each) for each in zip(kernel, stride, padding, dilation, strict=True)]
    return [_slid(call, state, windows, call.shape)] * len(call.shapes)


@rule("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d")
@rule("adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def _adaptive_pool(call: Call) -> list[Positions]:
    state, shape = call.first, call.shape
    rank = next(int(digit) for digit in call.op if digit.isdigit())
    for dim in range(len(shape) - rank, len(shape)):
        if shape[dim] == 1:
            state = mixing.over(state, dim, shape)
        else:
            state = views.slid(state, dim, shape[dim], taps.adaptive(state.shape[dim], shape[dim]))
    return [state] * len(call.shapes)


@rule(*(f"{prefix}upsample_{name}{n}d" for prefix in ("", "_") for name, n in (("linear", 1), ("bilinear", 2))))
@rule(*(f"upsample_nearest{n}d" for n in (1, 2, 3)), *(f"_upsample_nearest_exact{n}d" for n in (1, 2, 3)))
@rule("upsample_trilinear3d", "upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")
def _upsample(call: Call) -> Positions:
    state, shape = call.first, call.shape
    rank = next(int(digit) for digit in call.op if digit.isdigit())
    corners = bool(call.get("align_corners", default=False))
    factors = call.get("scale_factors")
    names = ("scales_d", "scales_h", "scales_w")[3 - rank :]
    scales = factors or [call.get(name) for name in names]
    scales = [call.get("scales")] if rank == 1 and not factors else scales
    reach = 2 if "cubic" in call.op else 1
    windows = []
    for place, scale in enumerate(scales, len(shape) - rank):
        step = taps.ratio(state.shape[place], shape[place], scale, corners=corners)
        if "nearest" in call.op:
            windows.append(taps.nearest(step, exact="exact" in call.op))
        elif call.op.endswith("_aa"):
            windows.append(taps.antialiased(step, reach, corners=corners))
        else:
            windows.append(taps.interpolated(step, reach, corners=corners))
    return _slid(call, state, windows, shape)


@rule("unfold")
def _unfold(call: Call) -> Positions:
    state = call.first
    dim = call["dimension"] % len(state.dims)
    return views.windows(state, dim, call.shape[dim], call["size"], call["step"])


@rule("flip")
def _flip(call: Call) -> Positions:
    state = call.first
    for dim in call["dims"]:
        size = state.shape[dim]
        state = views.slid(state, dim % len(state.dims), size, Taps(((size - 1,),), -1))
    return state


@rule("roll")
def _roll(call: Call) -> Positions:
    state, dims = call.first, per_dim(call.get("dims"), 1, -1)
    if not call.get("dims"):
        raise UntoldError("a roll over all dimensions at once")
    for dim, shift in zip(dims, per_dim(call["shifts"], 1), strict=True):
        state = views.slid(state, dim % len(state.dims), state.shape[dim], Taps(((-shift,),), 1))
    return state


@rule("constant_pad_nd", "pad", *(f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)))
def _pad(call: Call) -> Positions:
    state = call.first
    sizes = [*call.arguments.values()][1]
    for place in range(len(sizes) // 2):
        before, after = sizes[2 * place : 2 * place + 2]
        state = views.bordered(state, len(state.dims) - 1 - place, before, after)
    return state


@rule("im2col")
def _im2col(call: Call) -> Positions:
    state = call.first
    batch, channels, *sizes = state.shape
    kernel, dilation, padding, stride = (per_dim(call[n], 2) for n in ("kernel_size", "dilation", "padding", "stride"))
    places = [
        (s + 2 * p - d * (k - 1) - 1) // t + 1
        for s, p, d, k, t in zip(sizes, padding, dilation, kernel, stride, strict=True)
    ]
    for dim in (0, 1):
        state = views.tapped(state, 2 + dim, places[dim], stride[dim], kernel[dim], dilation[dim], -padding[dim])
    state = views.permuted(state, (0, 1, 4, 5, 2, 3))
    return views.reshaped(state, (batch, channels * kernel[0] * kernel[1], places[0] * places[1]))
