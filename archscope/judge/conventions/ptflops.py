"""The convention of ptflops' aten backend (ptflops 0.7, https://github.com/sovrasov/flops-counter.pytorch)."""

from __future__ import annotations

from types import MappingProxyType

from archscope.judge.conventions.convention import Convention, own_cost
from archscope.records import OpCall


def _with_bias(call: OpCall) -> int:
    """The multiply-accumulates, and 1 per output element for a bias."""
    biased = call.arguments.get("bias") is not None or call.op.startswith("aten::addmm")
    return own_cost(call).macs + (call.outputs[0].numel if biased else 0)


_COUNTED = ("aten::convolution", "aten::_convolution", "aten::addmm", "aten::mm", "aten::bmm")

PTFLOPS_ATEN = Convention(
    name="ptflops-aten",
    description=(
        "ptflops' aten backend counts the multiply-accumulates of convolutions, linear layers and matrix products, and "
        "one more for every element that a bias is added to. All other operators count for nothing."
    ),
    operators=MappingProxyType(dict.fromkeys(_COUNTED, _with_bias)),
)
