"""The convention of torch's own counter (torch.utils.flop_counter), derived from its behaviour."""

from __future__ import annotations

from types import MappingProxyType

from archscope.judge.conventions.convention import Convention, own_cost
from archscope.records import OpCall


def _twice_the_macs(call: OpCall) -> int:
    return 2 * own_cost(call).macs


_COUNTED = (
    *("aten::convolution", "aten::_convolution", "aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"),
    *("aten::_scaled_mm", "aten::_grouped_mm"),
    *("aten::_scaled_dot_product_flash_attention", "aten::_scaled_dot_product_efficient_attention"),
    *("aten::_scaled_dot_product_cudnn_attention", "aten::_flash_attention_forward"),
    "aten::_efficient_attention_forward",
)

TORCH = Convention(
    name="torch",
    description=(
        "torch.utils.flop_counter counts two flops for each multiply-accumulate of convolutions, matrix products and "
        "the fused attention of accelerators, and nothing else: no bias, no activation, no normalisation, and no "
        "operator that it has no formula for (deformable convolutions, what the CPU fuses)."
    ),
    operators=MappingProxyType(dict.fromkeys(_COUNTED, _twice_the_macs)),
)
