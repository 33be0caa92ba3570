"""Normalisations: batch, group, layer and RMS norm, weight norm."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall

_BATCH = (
    *("native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm", "miopen_batch_norm"),
    *("_native_batch_norm_legit_functional", "batch_norm"),
)
_BATCH_EVAL = ("_native_batch_norm_legit_no_training", "_batch_norm_no_update", "quantized_batch_norm")
_BATCH_TRAINING = ("_batch_norm_with_update", "_batch_norm_with_update_functional")


def register(table: FormulaTable) -> None:
    """Add the normalisations to ``table``."""
    table.counted(*(f"aten::{name}" for name in _BATCH), family="normalization")(batch_norm)
    table.counted(*(f"aten::{name}" for name in _BATCH_EVAL), family="normalization")(batch_norm_in_eval)
    table.counted(*(f"aten::{name}" for name in _BATCH_TRAINING), family="normalization")(batch_norm_in_training)
    table.counted("aten::batch_norm_stats", "aten::batch_norm_update_stats", family="normalization")(statistics)
    table.counted("aten::batch_norm_gather_stats", "aten::batch_norm_gather_stats_with_counts", family="normalization")(
        gathered_statistics
    )
    table.counted("aten::batch_norm_elemt", family="normalization")(batch_norm_in_eval)
    table.counted("aten::native_group_norm", family="normalization")(group_norm)
    table.counted("aten::native_layer_norm", "aten::layer_norm", family="normalization")(layer_norm)
    table.counted("aten::_fused_rms_norm", "aten::rms_norm", family="normalization")(rms_norm)
    table.counted("aten::_weight_norm_interface", family="normalization")(weight_norm)
    table.counted("aten::renorm", family="normalization")(renorm)


def batch_norm(call: OpCall) -> Cost:
    """In eval a batch norm is one scale and one shift per element, folded from the running statistics: 2 per element.

    In training (Ioffe and Szegedy 2015) the statistics are computed first: the mean 1 per element, the variance 3
    (subtract, square, add), then the scale and shift 2: 6 per element. The few operations per channel are left out.
    """
    return batch_norm_in_training(call) if call.arguments["training"] else batch_norm_in_eval(call)


def batch_norm_in_eval(call: OpCall) -> Cost:
    """One scale and one shift per element, folded from the running statistics: 2 per element."""
    return Cost.of(other=2 * call.inputs[0].numel)


def batch_norm_in_training(call: OpCall) -> Cost:
    """Mean 1, variance 3 (subtract, square, add), scale and shift 2: 6 per element; those per channel are left out."""
    return Cost.of(other=6 * call.inputs[0].numel)


def statistics(call: OpCall) -> Cost:
    """The statistics of a batch norm in training alone: mean 1, variance 3 (subtract, square, add); 4 per element."""
    return Cost.of(other=4 * call.inputs[0].numel)


def gathered_statistics(call: OpCall) -> Cost:
    """The statistics of several processes joined (Chan et al. 1979): 8 per process and channel.

    The difference of the means 1, its share added to the mean 2, its square's share and the variances added 5.
    """
    return Cost.of(other=8 * call.arguments["mean"].numel)


def _affine(call: OpCall) -> int:
    return sum(call.arguments[name] is not None for name in ("weight", "bias") if name in call.arguments)


def layer_norm(call: OpCall) -> Cost:
    """Mean 1, subtract 1, square 1, sum 1, scale 1: 5 per element (Ba et al. 2016), 1 more each for weight and bias.

    Each normalised row adds 2 (plus eps, rsqrt).
    """
    elements = call.inputs[0].numel
    rows = elements // max(prod(call.arguments["normalized_shape"]), 1)
    return Cost.of(other=(5 + _affine(call)) * elements + 2 * rows)


def group_norm(call: OpCall) -> Cost:
    """Mean 1, subtract 1, square 1, sum 1, scale 1: 5 per element (Wu and He 2018), 1 more each for weight and bias.

    Each of the N x groups normalised groups adds 2 (plus eps, rsqrt).
    """
    arguments = call.arguments
    return Cost.of(other=(5 + _affine(call)) * call.inputs[0].numel + 2 * arguments["N"] * arguments["group"])


def rms_norm(call: OpCall) -> Cost:
    """Square 1, mean 1, scale 1: 3 per element (Zhang and Sennrich 2019), 1 more for a weight.

    Each normalised row adds 2 (plus eps, rsqrt).
    """
    elements = call.inputs[0].numel
    rows = elements // max(prod(call.arguments["normalized_shape"]), 1)
    return Cost.of(other=(3 + _affine(call)) * elements + 2 * rows)


def weight_norm(call: OpCall) -> Cost:
    """Weights g x v / |v| (Salimans and Kingma 2016): square, sum, scale: 3 per element; 2 per norm (root, g / |v|)."""
    norms = call.arguments["g"].numel
    return Cost.of(other=3 * call.arguments["v"].numel + 2 * norms)


def renorm(call: OpCall) -> Cost:
    """Slices whose p-norm exceeds a limit are scaled to it: power 1, sum 1, scale 1: 3 per element.

    Each slice adds 3 (root, compare, divide).
    """
    tensor = call.inputs[0]
    return Cost.of(other=3 * tensor.numel + 3 * tensor.shape[call.arguments["dim"]])
