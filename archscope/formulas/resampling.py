"""Interpolation, grid sampling and affine grids."""

from __future__ import annotations

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

BILINEAR, NEAREST = 0, 1  # torch's interpolation_mode; 2 is bicubic


def register(table: FormulaTable) -> None:
    """Add the resamplings to ``table``."""
    table.free(
        *(f"aten::upsample_nearest{d}d" for d in (1, 2, 3)),
        *(f"aten::_upsample_nearest_exact{d}d" for d in (1, 2, 3)),
        family="resampling",
        because="nearest interpolation copies input values",
    )
    table.counted("aten::upsample_linear1d", family="resampling")(linear)
    table.counted("aten::upsample_bilinear2d", family="resampling")(bilinear)
    table.counted("aten::upsample_trilinear3d", family="resampling")(trilinear)
    table.counted("aten::upsample_bicubic2d", family="resampling")(bicubic)
    table.counted("aten::_upsample_bilinear2d_aa", family="resampling")(antialiased_bilinear)
    table.counted("aten::_upsample_bicubic2d_aa", family="resampling")(antialiased_bicubic)
    table.counted("aten::_upsample_lanczos2d_aa", family="resampling")(antialiased_lanczos)
    table.counted(
        "aten::grid_sampler_2d", "aten::_grid_sampler_2d_cpu_fallback", "aten::cudnn_grid_sampler", family="resampling"
    )(grid_sample)
    table.counted("aten::grid_sampler_3d", family="resampling")(grid_sample_3d)
    table.counted("aten::affine_grid_generator", family="resampling")(affine_grid)


def linear(call: OpCall) -> Cost:
    """Each output element mixes 2 neighbours: 2 multiplies and 1 add; 3 per output element."""
    return Cost.of(other=3 * call.outputs[0].numel)


def bilinear(call: OpCall) -> Cost:
    """Each output element mixes 4 corners: 4 multiplies and 3 adds; 7 per output element."""
    return Cost.of(other=7 * call.outputs[0].numel)


def trilinear(call: OpCall) -> Cost:
    """Each output element mixes 8 corners: 8 multiplies and 7 adds; 15 per output element."""
    return Cost.of(other=15 * call.outputs[0].numel)


def bicubic(call: OpCall) -> Cost:
    """Each output element mixes 4 x 4 neighbours: 16 multiplies and 15 adds; 31 per output element."""
    return Cost.of(other=31 * call.outputs[0].numel)


def filter_taps(radius: int, before: int, after: int) -> int:
    """The inputs that a filter of ``radius`` takes for each output, wider when it shrinks."""
    return -(-2 * radius * max(before, after) // after)


def _antialiased(call: OpCall, radius: int) -> Cost:
    height, width = call.inputs[0].shape[-2:]
    out_height, out_width = call.outputs[0].shape[-2:]
    images = call.outputs[0].numel // max(out_height * out_width, 1)
    taps_x, taps_y = filter_taps(radius, width, out_width), filter_taps(radius, height, out_height)
    return Cost.of(other=images * out_width * (height * (2 * taps_x - 1) + out_height * (2 * taps_y - 1)))


def antialiased_bilinear(call: OpCall) -> Cost:
    """Rows, columns, by a filter of radius 1 that widens when shrinking: t = ceil(2 x max(n / m, 1)) taps from n to m.

    Each element of the two passes takes t multiplies and t - 1 adds; the filter's clipping at the border is left out.
    """
    return _antialiased(call, 1)


def antialiased_bicubic(call: OpCall) -> Cost:
    """Rows, columns, by a filter of radius 2 that widens when shrinking: t = ceil(4 x max(n / m, 1)) taps from n to m.

    Each element of the two passes takes t multiplies and t - 1 adds; the filter's clipping at the border is left out.
    """
    return _antialiased(call, 2)


def antialiased_lanczos(call: OpCall) -> Cost:
    """Rows, columns, by a filter of radius 3 that widens when shrinking: t = ceil(6 x max(n / m, 1)) taps from n to m.

    Each element of the two passes takes t multiplies and t - 1 adds; the filter's clipping at the border is left out.
    """
    return _antialiased(call, 3)


def grid_sample(call: OpCall) -> Cost:
    """Per output element: bilinear 7 (4 multiplies, 3 adds), bicubic 31 (16 and 15), nearest 0 (a copy).

    Finding the corners and their weights, once for all channels, is left out.
    """
    mode = call.arguments.get("interpolation_mode", BILINEAR)
    each = {BILINEAR: 7, NEAREST: 0}.get(mode, 31)
    return Cost.of(other=each * call.outputs[0].numel)


def grid_sample_3d(call: OpCall) -> Cost:
    """Per output element: trilinear 15 (8 multiplies, 7 adds), nearest 0 (a copy).

    Finding the corners and their weights, once for all channels, is left out.
    """
    each = 0 if call.arguments["interpolation_mode"] == NEAREST else 15
    return Cost.of(other=each * call.outputs[0].numel)


def affine_grid(call: OpCall) -> Cost:
    """The product of homogeneous coordinates (d + 1) and theta^T: macs = numel(grid) x (d + 1), d = 2 or 3."""
    return Cost.of(macs=call.outputs[0].numel * call.arguments["theta"].shape[-1])
