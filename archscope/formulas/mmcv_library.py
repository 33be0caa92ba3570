"""mmcv's operators (``mmcv::``): deformable convolution, RoI align, NMS, focal loss, CARAFE.

Its deformable attention is in attention_libraries. mmcv calls its kernels past torch's dispatcher; whoever wraps them
with ``torch.library.custom_op`` gets these formulas.
"""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.sorting import ceil_log2
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta


def register(table: FormulaTable) -> None:
    """Add mmcv's kernels to ``table``."""
    table.counted("mmcv::deform_conv_forward", "mmcv::modulated_deform_conv_forward", family="convolution")(deformable)
    table.counted("mmcv::roi_align_forward", family="vision")(roi_align)
    table.counted("mmcv::nms", "mmcv::nms_rotated", family="vision")(nms)
    table.counted("mmcv::box_iou_rotated", family="vision")(rotated_overlaps)
    table.counted("mmcv::sigmoid_focal_loss_forward", family="loss")(focal_loss)
    table.counted("mmcv::carafe_forward", family="resampling")(carafe)
    table.free("mmcv::masked_im2col_forward", family="movement", because="columns where a mask is: a copy of values")


def deformable(call: OpCall) -> Cost:
    """A convolution over bilinearly sampled inputs: macs = numel(output) x c_in / groups x kernel.

    A sampled value, n x c_in x kernel x h_out x w_out of them, takes 7, with a mask 8; a bias 1 per output element.
    """
    arguments = call.arguments
    x, weight, output = (arguments[name] for name in ("input", "weight", "output"))
    sampled = x.shape[0] * x.shape[1] * prod(weight.shape[2:]) * prod(output.shape[-2:])
    each = 8 if arguments.get("mask") is not None else 7
    bias = output.numel if arguments.get("with_bias") else 0
    return Cost.of(macs=output.numel * prod(weight.shape[1:]), other=each * sampled + bias)


def roi_align(call: OpCall) -> Cost:
    """Each output is the mean (or the largest) of s x s bilinear samples: 8 s^2, as torchvision's.

    s is sampling_ratio; an adaptive one (0 or less) depends on the boxes and is counted for boxes as large as the map.
    """
    arguments = call.arguments
    ratio = arguments["sampling_ratio"]
    height, width = arguments["input"].shape[-2:]
    adaptive = -(-height // arguments["aligned_height"]) * -(-width // arguments["aligned_width"])
    samples = ratio * ratio if ratio > 0 else adaptive
    return Cost.of(other=8 * samples * arguments["output"].numel)


def nms(call: OpCall) -> Cost:
    """Sort n boxes, n x ceil(log2 n); areas, 3 each; then every pair's overlap, 13 each, as if none were suppressed.

    Rotated boxes take 118 a pair, as ``box_iou_rotated``.
    """
    tensor: TensorMeta = call.inputs[0]
    boxes = tensor.shape[0]
    each = 118 if "rotated" in call.op else 13
    return Cost.of(other=boxes * ceil_log2(boxes) + 3 * boxes + each * (boxes * (boxes - 1) // 2))


def rotated_overlaps(call: OpCall) -> Cost:
    """The overlap of two rotated boxes by the clipping of Sutherland and Hodgman 1974: 118 a pair.

    4 edges clip a polygon of at most 8 corners, of which 4 are counted: a side test each, 5 (4 x 4 x 5 = 80), and a cut
    for each edge, 6 (24); the shoelace sum over 4 corners 3 each (12); the union and the division 2.
    """
    boxes, others = call.inputs[:2]
    pairs = boxes.shape[0] if call.arguments.get("aligned") else boxes.shape[0] * others.shape[0]
    return Cost.of(other=118 * pairs)


def focal_loss(call: OpCall) -> Cost:
    """`-alpha * (1 - p)**gamma * log(p)` of p = sigmoid(x), or of 1 - p for the other classes: 7 per score.

    Sigmoid, subtract, power, logarithm, and 3 multiplies (by -alpha, by the logarithm, by 0 or 1 for the class); a
    weight adds 1.
    """
    weight = call.arguments.get("weight")
    weighted = weight is not None and weight.numel > 0
    return Cost.of(other=(7 + weighted) * call.arguments["input"].numel)


def carafe(call: OpCall) -> Cost:
    """Each output element is the weighted sum of k x k neighbours (Wang et al. 2019): macs = numel(output) x k^2."""
    return Cost.of(macs=call.arguments["output"].numel * call.arguments["kernel_size"] ** 2)
