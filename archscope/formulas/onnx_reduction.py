"""ONNX's reductions, scans, sortings, transforms, resamplings and boxes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from archscope.formulas.cost import FREE, Cost
from archscope.formulas.onnx_door import door, doors, given, needed, shaped, through
from archscope.formulas.sorting import ceil_log2
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_SAME = {"ArgMax": "argmax", "ArgMin": "argmin", "CumSum": "cumsum", "CumProd": "cumprod", "NonZero": "nonzero"}
_SAME |= {"Compress": "masked_select", "Col2Im": "col2im"}
_PLAIN = {"ReduceSum": "sum", "ReduceMean": "mean", "ReduceMax": "amax", "ReduceMin": "amin", "ReduceProd": "prod"}


def register(table: FormulaTable) -> None:
    """Add ONNX's reductions and transforms to ``table``."""
    doors(table, _SAME)
    for name, op in _PLAIN.items():
        door(table, f"onnx::{name}", f"aten::{op}")
    door(table, "onnx::ReduceL1", "aten::linalg_vector_norm", lambda call: {"self": call.inputs[0], "ord": 1})
    door(table, "onnx::ReduceL2", "aten::linalg_vector_norm", lambda call: {"self": call.inputs[0], "ord": 2})
    door(table, "onnx::ReduceLogSumExp", "aten::logsumexp")
    table.counted("onnx::ReduceSumSquare", family="reduction")(sum_of_squares)
    table.counted("onnx::ReduceLogSum", family="reduction")(log_of_sum)
    table.counted("onnx::TopK", family="sorting")(topk)
    door(table, "onnx::Unique", "aten::unique_dim", _unique)
    for name in ("Scatter", "ScatterElements", "ScatterND"):
        door(table, f"onnx::{name}", "aten::scatter", _scattered)
    door(table, "onnx::AffineGrid", "aten::affine_grid_generator", lambda call: {"theta": call.inputs[0]})
    table.counted("onnx::Resize", "onnx::Upsample", family="resampling")(resize)
    table.counted("onnx::GridSample", family="resampling")(grid_sample)
    door(table, "onnx::RoiAlign", "torchvision::roi_align", _regions)
    door(table, "onnx::MaxRoiPool", "torchvision::roi_pool", _regions)
    table.counted("onnx::RotaryEmbedding", family="attention")(rotary)

    @table.counted("onnx::NonMaxSuppression", family="vision")
    def suppression(call: OpCall) -> Cost:
        """As `torchvision::nms` for the boxes of each batch and class, as if none were suppressed."""
        boxes, scores = needed(call, "boxes"), needed(call, "scores")
        each = through(table, "torchvision::nms", call, dets=shaped(boxes, boxes.shape[1:]))
        return Cost.of(other=prod(scores.shape[:2]) * each.flops)

    @table.counted("onnx::DFT", family="fourier")
    def transform(call: OpCall) -> Cost:
        """As `aten::_fft_c2c` along one axis, half of it for real numbers; the inverse adds 1 per real number."""
        length = call.arguments.get("dft_length_value")
        x, output = call.inputs[0], call.outputs[0]
        axis = (call.arguments.get("axis_value") or [call.arguments.get("axis", -2)])[0]
        axis = int(axis) % len(x.shape)
        size = length[0] if length else max(x.shape[axis], output.shape[axis])  # one side holds half of it
        rows = prod(n for place, n in enumerate(x.shape[:-1]) if place != axis)
        return _transform(call, rows, int(size), real=1 in {x.shape[-1], output.shape[-1]})

    @table.counted("onnx::STFT", family="fourier")
    def windowed(call: OpCall) -> Cost:
        """Each frame takes a product with the window, 1 per sample, and a transform: see DFT."""
        signal, window = needed(call, "signal"), given(call, "window")
        batch, frames = call.outputs[0].shape[:2]
        length = call.arguments.get("frame_length_value")
        size = int(length[0]) if length else window.shape[0] if window else 0
        real = len(signal.shape) < 3 or signal.shape[-1] == 1
        weighed = Cost.of(other=batch * frames * size if window else 0, partial=not size)
        return weighed + _transform(call, batch * frames, size, real=real)


def _transform(call: OpCall, rows: int, size: int, *, real: bool) -> Cost:
    butterflies = 5 * rows * size * ceil_log2(size)
    scaled = call.outputs[0].numel if call.arguments.get("inverse") else 0
    return Cost.of(other=butterflies // (2 if real else 1) + scaled)


def sum_of_squares(call: OpCall) -> Cost:
    """Square and sum: 2 per element."""
    return Cost.of(other=2 * call.inputs[0].numel)


def log_of_sum(call: OpCall) -> Cost:
    """The sum, 1 per element, and a logarithm per output element."""
    return Cost.of(other=call.inputs[0].numel + call.outputs[0].numel)


def topk(call: OpCall) -> Cost:
    """As `aten::topk`: a heap of the k best, 1 + ceil(log2 k) per element; uncounted where k is not known."""
    known = call.arguments.get("K_value") or [call.arguments.get("k")]
    if known[0] is None:
        return Cost.of(other=call.inputs[0].numel, partial=True)
    return Cost.of(other=call.inputs[0].numel * (1 + ceil_log2(int(known[0]))))


def _unique(call: OpCall) -> Mapping[str, Any]:
    return {"self": call.inputs[0], "dim": call.arguments.get("axis")}


def _scattered(call: OpCall) -> Mapping[str, Any]:
    reduction = call.arguments.get("reduction", "none")
    return {"index": needed(call, "updates"), "reduce": None if reduction == "none" else reduction}


def resize(call: OpCall) -> Cost:
    """Each output element mixes 2^d neighbours (linear) or 4^d (cubic) in d dimensions: 2 n - 1 for n of them.

    As torch's `upsample_linear1d` (3), `upsample_bilinear2d` (7), `upsample_trilinear3d` (15) and `upsample_bicubic2d`
    (31); nearest interpolation copies. An antialiasing filter widens when shrinking: uncounted beyond that.
    """
    mode = call.arguments.get("mode", "nearest")
    if mode == "nearest":
        return FREE
    before, after = call.inputs[0].shape, call.outputs[0].shape
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    channels_first = before[:2] == after[:2] and 3 <= len(before) <= 5
    dimensions = len(before) - 2 if channels_first else changed
    neighbours = (4 if mode == "cubic" else 2) ** dimensions
    wider = bool(call.arguments.get("antialias")) and any(b < a for a, b in zip(before, after, strict=True))
    return Cost.of(other=(2 * neighbours - 1) * call.outputs[0].numel, partial=wider)


def grid_sample(call: OpCall) -> Cost:
    """As `aten::grid_sampler_2d`: linear 2 x 2^d - 1 per output element, cubic 2 x 4^d - 1, nearest 0."""
    mode = call.arguments.get("mode", "linear")
    if mode == "nearest":
        return FREE
    dimensions = len(needed(call, "X").shape) - 2
    return Cost.of(other=(2 * (4 if "cubic" in mode else 2) ** dimensions - 1) * call.outputs[0].numel)


def _regions(call: OpCall) -> Mapping[str, Any]:
    arguments = call.arguments
    height, width = call.outputs[0].shape[-2:]
    found = {"pooled_height": height, "pooled_width": width, "sampling_ratio": arguments.get("sampling_ratio", 0)}
    return {"input": call.inputs[0], **found}


def rotary(call: OpCall) -> Cost:
    """Each rotated element is `x * cos - y * sin` of a pair (Su et al. 2021): 3 per element that is rotated."""
    x = call.inputs[0]
    arguments = call.arguments
    heads = arguments.get("num_heads")
    features = x.shape[-1] // heads if heads and len(x.shape) == 3 else x.shape[-1]
    cos = given(call, "cos_cache", "input_2")
    rotated = arguments.get("rotary_embedding_dim") or (2 * cos.shape[-1] if cos else features)
    return Cost.of(other=3 * (x.numel // max(features, 1)) * min(rotated, features))
