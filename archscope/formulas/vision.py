"""torchvision's operators, by name: torchvision need not be installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.sorting import ceil_log2
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall


def register(table: FormulaTable) -> None:
    """Add torchvision's operators to ``table``."""
    table.counted("torchvision::nms", family="vision")(nms)
    table.counted("torchvision::roi_align", "torchvision::ps_roi_align", family="vision")(roi_align)
    table.counted("torchvision::roi_pool", family="vision")(roi_pool)
    table.counted("torchvision::ps_roi_pool", family="vision")(position_sensitive_pool)


def nms(call: OpCall) -> Cost:
    """Sort n boxes, n x ceil(log2 n); areas, 3 each; then every pair's overlap, 13 each, as if none were suppressed.

    A pair takes 2 maxima, 2 minima, 4 for the sides (subtract, clip), their product, 2 for the union, divide, compare.
    """
    boxes = call.arguments["dets"].shape[0]
    return Cost.of(other=boxes * ceil_log2(boxes) + 3 * boxes + 13 * (boxes * (boxes - 1) // 2))


def samples_by_bin(arguments: Mapping[str, Any], size: Sequence[int]) -> int:
    """The samples of one output: sampling_ratio squared; where it adapts, for boxes as large as a map of ``size``."""
    ratio: int = arguments["sampling_ratio"]
    if ratio > 0:
        return ratio * ratio
    height, width = size
    samples: int = -(-height // arguments["pooled_height"]) * -(-width // arguments["pooled_width"])
    return samples


def roi_align(call: OpCall) -> Cost:
    """Each output is the mean of s x s bilinear samples: 7 per sample, s^2 - 1 adds and a division (He et al. 2017).

    s is sampling_ratio; an adaptive one (0 or less) depends on the boxes and is counted for boxes as large as the map.
    """
    samples = samples_by_bin(call.arguments, call.arguments["input"].shape[-2:])
    return Cost.of(other=8 * samples * call.outputs[0].numel)


def _bin(call: OpCall) -> int:
    """Values of a bin, of a box as large as the map."""
    height, width = call.arguments["input"].shape[-2:]
    values: int = -(-height // call.arguments["pooled_height"]) * -(-width // call.arguments["pooled_width"])
    return values


def roi_pool(call: OpCall) -> Cost:
    """Each output is the largest of a bin of k values: k - 1 as in max pooling, for boxes as large as the map."""
    return Cost.of(other=(_bin(call) - 1) * call.outputs[0].numel)


def position_sensitive_pool(call: OpCall) -> Cost:
    """Each output is the mean of a bin of k values, k as in average pooling, for boxes as large as the map."""
    return Cost.of(other=_bin(call) * call.outputs[0].numel)
