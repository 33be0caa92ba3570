"""The convention of fvcore 0.1.5 (https://github.com/facebookresearch/fvcore), derived from its behaviour.

It counts operators of a traced graph: one per multiply-accumulate, and normalisation, upsampling and adaptive average
pooling by the element. Fused attention is an operator that it does not know.
"""

from __future__ import annotations

from types import MappingProxyType

from archscope.judge.conventions.convention import Convention, Use, calls_of, own_cost
from archscope.records import OpCall, TensorMeta, Trace


def _macs(call: OpCall) -> int:
    return own_cost(call).macs


def _batch_norm(call: OpCall) -> int:
    """In eval 2 per element when affine, else 1; with the statistics computed (instance norm) 5 and 4."""
    affine = call.arguments["weight"] is not None
    each = (5 if affine else 4) if call.arguments["training"] else (2 if affine else 1)
    normalised: TensorMeta = call.arguments["input"]
    return each * normalised.numel


def _norm(call: OpCall) -> int:
    """5 per element when affine, else 4."""
    normalised: TensorMeta = call.arguments["input"]
    return (5 if call.arguments["weight"] is not None else 4) * normalised.numel


def _output(call: OpCall) -> int:
    """1 per output element."""
    return call.outputs[0].numel


def _four_per_output(call: OpCall) -> int:
    """4 per output element."""
    return 4 * call.outputs[0].numel


def _input(call: OpCall) -> int:
    """1 per input element."""
    return call.inputs[0].numel


def _adaptive_average(use: Use) -> int:
    """1 per input element; torch shows a pool to one place as a mean."""
    return sum(_input(call) for call in calls_of(use, ("aten::mean", "aten::_adaptive_avg_pool2d")))


def _inside_fused_attention(trace: Trace) -> frozenset[int]:
    """The products on both sides of the softmax that only a decomposed fused attention runs."""
    calls = trace.calls or ()
    hidden: set[int] = set()
    for call in calls:
        if call.op == "aten::_safe_softmax":
            products = [other.index for other in calls if other.op == "aten::bmm" and other.path == call.path]
            before = [index for index in products if index < call.index]
            after = [index for index in products if index > call.index]
            hidden.update(before[-1:] + after[:1])
    return frozenset(hidden)


FVCORE = Convention(
    name="fvcore",
    description=(
        "fvcore calls multiply-accumulates flops: convolutions, linear layers and matrix products count 1 for each, "
        "batch norm in eval 2 per element, layer and group norm 5, upsampling 1 (bilinear 4) per output element, "
        "adaptive average pooling 1 per input element. Deformable convolutions, fused attention and all other "
        "operators count for nothing. (So does a convolution whose padding is written as a word, 'same' or 'valid'; a "
        "trace of operators does not show the word, so it counts here.)"
    ),
    modules=MappingProxyType({"AdaptiveAvgPool2d": _adaptive_average}),
    operators=MappingProxyType(
        {
            **dict.fromkeys(("aten::convolution", "aten::_convolution", "aten::addmm", "aten::mm", "aten::bmm"), _macs),
            "aten::native_batch_norm": _batch_norm,
            "aten::native_layer_norm": _norm,
            "aten::native_group_norm": _norm,
            "aten::upsample_nearest2d": _output,
            "aten::upsample_bilinear2d": _four_per_output,
            "aten::_adaptive_avg_pool2d": _input,
            "aten::grid_sampler_2d": _four_per_output,
        }
    ),
    hidden=_inside_fused_attention,
)
