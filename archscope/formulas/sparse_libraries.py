"""Convolutions over active sites: spconv, MinkowskiEngine and torchsparse. Their work is the pairs of active sites.

A pair is an active input site under a weight of the kernel of an active output site. How many there are stands in
values; where a call gives them as plain numbers they are counted, else every output site is taken to have one: the
least, and the call is listed as not counted in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

_FORWARD = (
    *(f"spconv::{name}" for name in ("indice_conv", "indice_conv_fp32", "indice_conv_half", "implicit_gemm")),
    *("spconv::fused_indice_conv_fp32", "spconv::fused_indice_conv_half"),
    *("MinkowskiEngine::ConvolutionForwardGPU", "MinkowskiEngine::ConvolutionForwardCPU"),
    *("torchsparse::conv_forward_gather_scatter_cuda", "torchsparse::conv_forward_implicit_gemm_cuda"),
)
_BACKWARD = (
    *("spconv::indice_conv_backward", "spconv::indice_conv_backward_fp32", "spconv::indice_conv_backward_half"),
    *("MinkowskiEngine::ConvolutionBackwardGPU", "MinkowskiEngine::ConvolutionBackwardCPU"),
)
_POOLS = ("spconv::indice_maxpool", "spconv::indice_maxpool_fp32", "spconv::indice_maxpool_half")
_COUNTS = ("indicePairNum", "indice_pair_num", "pair_counts", "neighbor_sizes", "kernel_map_sizes")


def register(table: FormulaTable) -> None:
    """Add convolutions over active sites to ``table``."""
    table.counted(*_FORWARD, family="convolution")(convolution)
    table.counted(*_BACKWARD, family="convolution")(convolution_backward)
    table.counted(*_POOLS, family="pooling")(max_pool)


def _pairs(call: OpCall) -> int | None:
    """The pairs where the call gives their numbers, one for each weight of the kernel, as plain numbers."""
    for name in _COUNTS:
        counts = call.arguments.get(name)
        if isinstance(counts, (list, tuple)) and all(type(count) is int for count in counts):
            return sum(counts)
    return None


def _matrices(call: OpCall) -> Iterator[TensorMeta]:
    """Tensors that hold features or weights, by their dtype."""
    return (tensor for tensor in call.inputs if "float" in tensor.dtype and len(tensor.shape) > 1)


def _sites(call: OpCall) -> tuple[int, int, int]:
    """Features in and out, and output sites: of the result, else of what the call was told to make."""
    features, weight = list(_matrices(call))[:2]
    inputs = features.shape[-1]
    other = weight.shape[-2] if len(weight.shape) == 3 else weight.shape[0]  # (kernel, out, in) or (out, *kernel, in)
    outputs = weight.shape[-1] if weight.shape[-2] == inputs else other
    told: Any = call.arguments.get("numActOut", call.arguments.get("num_activate_out"))
    made = next((tensor.shape[0] for tensor in call.outputs if len(tensor.shape) == 2), features.shape[0])
    return inputs, outputs, told if type(told) is int else made


def convolution(call: OpCall) -> Cost:
    """Each pair of active sites takes features in x features out: macs = pairs x c_in x c_out (Graham et al. 2018).

    Where the pairs are not known, one for each output site: a lower bound.
    """
    inputs, outputs, sites = _sites(call)
    pairs = _pairs(call)
    return Cost.of(macs=(sites if pairs is None else pairs) * inputs * outputs, partial=pairs is None)


def convolution_backward(call: OpCall) -> Cost:
    """Both gradients, of the features and of the weights: twice the macs of the forward convolution.

    Where the pairs are not known, one for each output site: a lower bound.
    """
    inputs, outputs, sites = _sites(call)
    pairs = _pairs(call)
    return Cost.of(macs=2 * (sites if pairs is None else pairs) * inputs * outputs, partial=pairs is None)


def max_pool(call: OpCall) -> Cost:
    """Each pair of active sites takes 1 comparison per feature.

    Where the pairs are not known, one for each output site: a lower bound.
    """
    pairs = _pairs(call)
    features = next(_matrices(call)).shape[-1]
    told = call.arguments.get("numActOut", call.arguments.get("num_activate_out"))
    sites = told if type(told) is int else call.outputs[0].shape[0]
    return Cost.of(other=(sites if pairs is None else pairs) * features, partial=pairs is None)
