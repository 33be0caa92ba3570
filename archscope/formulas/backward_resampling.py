"""Backward operators of poolings, paddings, interpolation and sampling at given places."""

from __future__ import annotations

from archscope.formulas.backward import adaptive_average_pool_backward, added_up
from archscope.formulas.cost import Cost
from archscope.formulas.resampling import BILINEAR, NEAREST, filter_taps
from archscope.formulas.table import Formula, FormulaTable
from archscope.formulas.vision import samples_by_bin
from archscope.records import OpCall

_ADDED_UP = (
    *(f"{kind}_pad{d}d_backward" for kind in ("reflection", "replication") for d in (1, 2, 3)),
    *(f"_upsample_nearest_exact{d}d_backward" for d in (1, 2, 3)),
    *(f"adaptive_max_pool{d}d_backward" for d in (2, 3)),
    *(f"fractional_max_pool{d}d_backward" for d in (2, 3)),
    *("max_pool2d_backward", "mkldnn_max_pool2d_backward", "mkldnn_max_pool3d_backward"),
)


def register(table: FormulaTable) -> None:
    """Add the gradients of poolings, paddings and resamplings to ``table``."""
    family = "backward"
    table.counted(*(f"aten::{name}" for name in _ADDED_UP), family=family)(added_up)
    table.counted("aten::adaptive_avg_pool3d_backward", "aten::mkldnn_adaptive_avg_pool2d_backward", family=family)(
        adaptive_average_pool_backward
    )
    table.counted("aten::upsample_linear1d_backward", family=family)(linear_backward)
    table.counted("aten::upsample_trilinear3d_backward", family=family)(trilinear_backward)
    table.counted("aten::upsample_bicubic2d_backward", family=family)(bicubic_backward)
    for name, radius in (("bilinear", 1), ("bicubic", 2), ("lanczos", 3)):
        table.counted(f"aten::_upsample_{name}2d_aa_backward", family=family)(_antialiased_backward(radius))
    table.counted(
        *("aten::grid_sampler_2d_backward", "aten::_grid_sampler_2d_cpu_fallback_backward"),
        "aten::cudnn_grid_sampler_backward",
        family=family,
    )(grid_sample_backward)
    table.counted("aten::grid_sampler_3d_backward", family=family)(grid_sample_3d_backward)
    table.counted("aten::cudnn_affine_grid_generator", family="resampling")(affine_grid_by_sizes)
    table.counted("aten::cudnn_affine_grid_generator_backward", family=family)(affine_grid_backward)
    table.counted("torchvision::_roi_align_backward", family="vision")(roi_align_backward)
    table.counted("torchvision::_ps_roi_align_backward", family="vision")(roi_align_backward)
    table.counted("torchvision::_roi_pool_backward", family="vision")(roi_pool_backward)
    table.counted("torchvision::_ps_roi_pool_backward", family="vision")(position_sensitive_pool_backward)


def linear_backward(call: OpCall) -> Cost:
    """Each output's gradient goes to 2 neighbours: 2 multiplies and 2 adds; 4 per output element."""
    return Cost.of(other=4 * call.arguments["grad_output"].numel)


def trilinear_backward(call: OpCall) -> Cost:
    """Each output's gradient goes to 8 corners: 8 multiplies and 8 adds; 16 per output element."""
    return Cost.of(other=16 * call.arguments["grad_output"].numel)


def bicubic_backward(call: OpCall) -> Cost:
    """Each output's gradient goes to 4 x 4 neighbours: 16 multiplies and 16 adds; 32 per output element."""
    return Cost.of(other=32 * call.arguments["grad_output"].numel)


def _antialiased_backward(radius: int) -> Formula:
    def formula(call: OpCall) -> Cost:
        height, width = call.arguments["input_size"][-2:]
        out_height, out_width = call.arguments["output_size"]
        images = call.arguments["grad_output"].numel // max(out_height * out_width, 1)
        taps_x, taps_y = filter_taps(radius, width, out_width), filter_taps(radius, height, out_height)
        return Cost.of(other=2 * images * out_width * (height * taps_x + out_height * taps_y))

    formula.__doc__ = (
        f"The two passes of the forward operator, transposed, with a filter of radius {radius}: each of their elements "
        "goes to t inputs, a multiply and an add each."
    )
    return formula


def _asked_for(call: OpCall) -> tuple[bool, bool]:
    """Whether the gradient of the input, and that of the grid, is asked for; both where there is no mask."""
    of_input, of_grid = call.arguments.get("output_mask", (True, True))
    return of_input, of_grid


def grid_sample_backward(call: OpCall) -> Cost:
    """Per output element, for the input: bilinear 8 (4 multiplies, 4 adds), bicubic 32, nearest 1 (an add).

    For the grid, y and x each: bilinear 7 (2 subtracts, 2 multiplies, add, times the gradient, sum over channels),
    bicubic 33 (16 multiplies, 15 adds, times the gradient, sum), nearest 0. The weights, once for all channels, are
    left out.
    """
    mode = call.arguments.get("interpolation_mode", BILINEAR)
    of_input, of_grid = _asked_for(call)
    each = {BILINEAR: (8, 14), NEAREST: (1, 0)}.get(mode, (32, 66))
    return Cost.of(other=(each[0] * of_input + each[1] * of_grid) * call.arguments["grad_output"].numel)


def grid_sample_3d_backward(call: OpCall) -> Cost:
    """Per output element, for the input: trilinear 16 (8 multiplies, 8 adds), nearest 1 (an add).

    For the grid, z, y and x each: trilinear 13 (4 subtracts, 4 multiplies, 3 adds, times the gradient, sum over
    channels), nearest 0.
    """
    of_input, of_grid = _asked_for(call)
    each = (1, 0) if call.arguments["interpolation_mode"] == NEAREST else (16, 39)
    return Cost.of(other=(each[0] * of_input + each[1] * of_grid) * call.arguments["grad_output"].numel)


def affine_grid_by_sizes(call: OpCall) -> Cost:
    """The product of homogeneous coordinates (3) and theta^T: macs = numel(grid) x 3."""
    return Cost.of(macs=3 * call.outputs[0].numel)


def affine_grid_backward(call: OpCall) -> Cost:
    """The product of the grid's gradient and the homogeneous coordinates (3): macs = numel(grid) x 3."""
    return Cost.of(macs=3 * call.arguments["grad"].numel)


def roi_align_backward(call: OpCall) -> Cost:
    """Each output's gradient is divided by s^2 (1) and goes to 4 corners of each of s x s samples: 8 s^2 + 1.

    s as in the forward operator: an adaptive one is counted for boxes as large as the map.
    """
    arguments = call.arguments
    samples = samples_by_bin(arguments, (arguments["height"], arguments["width"]))
    return Cost.of(other=(8 * samples + 1) * arguments["grad"].numel)


def roi_pool_backward(call: OpCall) -> Cost:
    """Each output's gradient is added to the place of the largest value: 1 per output element."""
    return Cost.of(other=call.arguments["grad"].numel)


def position_sensitive_pool_backward(call: OpCall) -> Cost:
    """Each output's gradient is divided by its bin's size (1) and added to it, as large as the map over the bins."""
    arguments = call.arguments
    size = -(-arguments["height"] // arguments["pooled_height"]) * -(-arguments["width"] // arguments["pooled_width"])
    return Cost.of(other=(size + 1) * arguments["grad"].numel)
