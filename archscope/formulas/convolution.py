"""Convolutions: plain, grouped, dilated, transposed, deformable, quantised."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

_PLAIN = (
    *("convolution", "_convolution", "convolution_overrideable", "_convolution_mode", "conv1d", "conv2d", "conv3d"),
    *("mkldnn_convolution", "cudnn_convolution", "miopen_convolution", "miopen_depthwise_convolution"),
    *("_mps_convolution", "_nnpack_spatial_convolution", "_conv_depthwise2d", "conv_depthwise3d"),
    *("_slow_conv2d_forward", "slow_conv3d_forward", "slow_conv3d", "thnn_conv2d"),
    *("slow_conv_dilated2d", "slow_conv_dilated3d"),
)
_TRANSPOSED = (
    *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "slow_conv_transpose2d", "slow_conv_transpose3d"),
    *("cudnn_convolution_transpose", "miopen_convolution_transpose", "_mps_convolution_transpose"),
)
_FUSED = ("cudnn_convolution_relu", "miopen_convolution_relu")
_FUSED_ADD = ("cudnn_convolution_add_relu", "miopen_convolution_add_relu")


def register(table: FormulaTable) -> None:
    """Add the convolutions to ``table``."""
    table.counted(*(f"aten::{name}" for name in _PLAIN), family="convolution")(convolution)
    table.counted(*(f"aten::{name}" for name in _TRANSPOSED), family="convolution")(transposed)
    table.counted(*(f"aten::{name}" for name in _FUSED), family="convolution")(convolution_relu)
    table.counted(*(f"aten::{name}" for name in _FUSED_ADD), family="convolution")(convolution_add_relu)
    table.counted("aten::conv_tbc", family="convolution")(time_batch_channel)
    table.counted("archscope::deform_conv2d", "torchvision::deform_conv2d", family="convolution")(deformable)


def _first(call: OpCall) -> TensorMeta:
    return call.inputs[0]


def _bias(call: OpCall) -> int:
    return call.outputs[0].numel if call.arguments.get("bias") is not None else 0


def convolution(call: OpCall) -> Cost:
    """Every output element takes one multiply-accumulate per weight of its filter: (c_in / groups) x kernel.

    macs = numel(output) x c_in / groups x kernel; weight is (c_out, c_in / groups, *kernel).
    Transposed: every input element is spread by (c_out / groups) x kernel weights; weight is (c_in, c_out / groups,
    *kernel), so macs = numel(input) x c_out / groups x kernel. A bias adds 1 flop per output element.
    """
    if call.arguments.get("transposed", False):
        return transposed(call)
    weight: TensorMeta = call.arguments["weight"]
    return Cost.of(macs=call.outputs[0].numel * prod(weight.shape[1:]), other=_bias(call))


def transposed(call: OpCall) -> Cost:
    """Every input element is spread by (c_out / groups) x kernel weights; weight is (c_in, c_out / groups, *kernel).

    macs = numel(input) x c_out / groups x kernel. A bias adds 1 flop per output element.
    """
    weight: TensorMeta = call.arguments["weight"]
    return Cost.of(macs=_first(call).numel * prod(weight.shape[1:]), other=_bias(call))


def convolution_relu(call: OpCall) -> Cost:
    """A convolution, and 1 flop per output element for the ReLU."""
    return convolution(call) + Cost.of(other=call.outputs[0].numel)


def convolution_add_relu(call: OpCall) -> Cost:
    """A convolution, and per output element 1 flop for the ReLU, 1 for the sum alpha x z (2 when alpha is not 1)."""
    scaled = call.arguments["alpha"] not in {None, 1}
    return convolution(call) + Cost.of(other=(2 + scaled) * call.outputs[0].numel)


def time_batch_channel(call: OpCall) -> Cost:
    """A convolution over (time, batch, channel): weight is (kernel, c_in, c_out), macs = numel(output) x kernel x c_in.

    The bias adds 1 flop per output element.
    """
    kernel, channels, _ = call.arguments["weight"].shape
    output = call.outputs[0].numel
    return Cost.of(macs=output * kernel * channels, other=output)


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
