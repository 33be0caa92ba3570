"""The convention of DeepSpeed's profiler (0.19, https://github.com/deepspeedai/DeepSpeed), read off its behaviour.

It patches the functions of torch.nn.functional and torch that multiply (linear, the convolutions, matmul, mm, bmm,
addmm, baddbmm, scaled dot product attention). Recurrent layers add to its flops, not to its MACs, and so does einsum,
which a trace shows as bmm: that difference stays unattributed.
"""

from __future__ import annotations

from types import MappingProxyType

from archscope.judge.conventions.convention import Convention, Use, own_cost
from archscope.records import OpCall


def _macs(call: OpCall) -> int:
    return own_cost(call).macs


def _nothing(_use: Use) -> int:
    return 0


_COUNTED = (
    *("aten::convolution", "aten::_convolution", "aten::addmm", "aten::mm", "aten::bmm", "aten::baddbmm"),
    *("aten::_scaled_dot_product_flash_attention", "aten::_scaled_dot_product_flash_attention_for_cpu"),
    *("aten::_scaled_dot_product_efficient_attention", "aten::_scaled_dot_product_cudnn_attention"),
    "aten::_scaled_dot_product_attention_math",
    "archscope::deform_conv2d",  # which calls torch.matmul when it runs
)
_RECURRENT = ("RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell")

DEEPSPEED = Convention(
    name="deepspeed",
    description=(
        "DeepSpeed's profiler counts the multiply-accumulates of linear layers, convolutions, matrix products and "
        "scaled dot product attention that are called as functions of torch; recurrent layers, einsum and operators of "
        "other libraries have none."
    ),
    modules=MappingProxyType(dict.fromkeys(_RECURRENT, _nothing)),
    operators=MappingProxyType(dict.fromkeys(_COUNTED, _macs)),
)
