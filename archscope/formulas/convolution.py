"""Convolutions: plain, grouped, dilated, transposed, deformable."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta


def register(table: FormulaTable) -> None:
    """Add the convolutions to ``table``."""
    table.counted("aten::convolution", "aten::_convolution", family="convolution")(convolution)
    table.counted("archscope::deform_conv2d", "torchvision::deform_conv2d", family="convolution")(deformable)


def convolution(call: OpCall) -> Cost:
    """Every output element takes one multiply-accumulate per weight of its filter: (c_in / groups) x kernel.

    macs = numel(output) x c_in / groups x kernel; weight is (c_out, c_in / groups, *kernel).
    Transposed: every input element is spread by (c_out / groups) x kernel weights; weight is (c_in, c_out / groups,
    *kernel), so macs = numel(input) x c_out / groups x kernel. A bias adds 1 flop per output element.
    """
    arguments = call.arguments
    weight: TensorMeta = arguments["weight"]
    spread: TensorMeta = arguments["input"] if arguments["transposed"] else call.outputs[0]
    bias = call.outputs[0].numel if arguments["bias"] is not None else 0
    return Cost.of(macs=spread.numel * prod(weight.shape[1:]), other=bias)


def deformable(call: OpCall) -> Cost:
    """A convolution over bilinearly sampled inputs (Dai et al. 2017; modulated: Zhu et al. 2019).

    macs = numel(output) x c_in / groups x kernel, as for a convolution. Sampling adds 8 flops for each sampled value,
    that is for each of n x c_in x kernel x h_out x w_out: 4 multiplies by the corner weights, 3 adds, 1 multiply by the
    mask (7 without a mask). A bias that is not empty adds 1 flop per output element.
    """
    arguments = call.arguments
    weight: TensorMeta = arguments["weight"]
    batch, channels = arguments["input"].shape[:2]
    output = call.outputs[0]
    sampled = batch * channels * prod(weight.shape[2:]) * prod(output.shape[2:])
    per_sample = 8 if arguments["use_mask"] else 7
    bias = output.numel if arguments["bias"] is not None and arguments["bias"].numel else 0
    return Cost.of(macs=output.numel * prod(weight.shape[1:]), other=per_sample * sampled + bias)
