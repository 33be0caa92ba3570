"""Which kernel attention runs as: the same one on meta, the CPU and a GPU, fused wherever the CPU or a GPU fuses it.

torch decides by the device before anyone can watch: on meta it always takes attention apart into products and a
softmax, which no device does that has a choice. While a run is watched, archscope decides instead, by torch's own rules
(aten/src/ATen/native/transformers: sdp_utils_cpp.h, sdp_utils_cpp.cpp, cuda/sdp_utils.cpp), in this order:

1. the CPU's flash attention, wherever the CPU takes it;
2. a GPU's memory-efficient attention, wherever a GPU of compute capability 8.0 takes it: dropout, a mask that takes
   gradients, values of another size than the keys;
3. flash attention, where a GPU takes dropout with grouped queries in half precision;
4. taken apart, where none fuses: not four dimensions, another stride than 1, mixed or unusual dtypes, dropout with
   grouped queries in float32, or where the model asks for it by ``torch.nn.attention.sdpa_kernel``.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from archscope.measure.running.composites import taken_apart

aten = torch.ops.aten
ATTENTION = aten.scaled_dot_product_attention.default
FLASH = aten._scaled_dot_product_flash_attention_for_cpu.default  # noqa: SLF001 - an operator's name
EFFICIENT = aten._scaled_dot_product_efficient_attention.default  # noqa: SLF001

_OF_FLASH = frozenset({torch.float32, torch.float64, torch.bfloat16, torch.float16})
_HALF = frozenset({torch.bfloat16, torch.float16})
_LARGEST_HEAD = 256
_OF_EFFICIENT = frozenset({torch.float32, torch.bfloat16, torch.float16})
_ALIGNMENT = 16  # bytes of a head, elements of a row of the mask


def attend(  # noqa: PLR0913, PLR0917 - the operator's own arguments
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,  # noqa: FBT001, FBT002
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Attention by the kernel that the rule names."""
    kernel = fused_kernel(query, key, value, attn_mask, dropout_p, is_causal=is_causal, enable_gqa=enable_gqa)
    if kernel is None:
        return taken_apart(
            ATTENTION, query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    mask = _as_floats(attn_mask, query.dtype)
    if kernel is FLASH:
        return FLASH(query, key, value, dropout_p, is_causal, attn_mask=mask, scale=scale)[0]
    if mask is not None:
        mask = _aligned(mask.expand(*query.shape[:3], key.shape[2]))
    learns = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (query, key, value))
    return EFFICIENT(query, key, value, mask, learns, dropout_p, is_causal, scale=scale)[0]


def fused_kernel(  # noqa: PLR0913 - all that torch decides by
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    dropout: float,
    *,
    is_causal: bool,
    enable_gqa: bool,
) -> Any:
    """The fused operator that runs, by the rule above; None where attention is taken apart."""
    if not _fit(query, key, value, mask, is_causal=is_causal, enable_gqa=enable_gqa):
        return None
    features, width = query.shape[3], value.shape[3]
    cpu_takes_it = dropout == 0 and features == width and query.dtype in _OF_FLASH and _takes_mask(mask)
    flash, efficient = torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.mem_efficient_sdp_enabled()
    if cpu_takes_it and flash:
        return FLASH
    aligned = features * query.itemsize % _ALIGNMENT == 0 == width * query.itemsize % _ALIGNMENT
    rows = mask is None or (mask.stride(-1) == 1 and mask.dtype in {torch.bool, query.dtype})
    rows = rows and query.shape[1] == key.shape[1]
    if aligned and rows and query.dtype in _OF_EFFICIENT and efficient:
        return EFFICIENT
    square = mask is None and (query.shape[2] == key.shape[2] or not is_causal)
    small = features == width <= _LARGEST_HEAD and query.dtype in _HALF
    return FLASH if square and small and flash else None


def _fit(  # noqa: PLR0913 - the same
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    is_causal: bool,
    enable_gqa: bool,
) -> bool:
    """Whether the tensors are such as every fused kernel wants; errors are left for torch to find."""
    tensors = (query, key, value)
    if any(tensor.dim() != 4 or tensor.layout is not torch.strided for tensor in tensors):
        return False
    if len({tensor.dtype for tensor in tensors}) > 1 or len({tensor.shape[0] for tensor in tensors}) > 1:
        return False
    heads, groups = query.shape[1], key.shape[1]
    alike = groups == value.shape[1] and (heads % max(groups, 1) == 0 if enable_gqa else heads == groups)
    sizes = key.shape[2] == value.shape[2] and query.shape[3] == key.shape[3]
    filled = all(query.shape) and all(key.shape) and all(value.shape)
    if not (alike and sizes and filled and all(tensor.stride(3) == 1 for tensor in tensors)):
        return False
    return mask is None or (not is_causal and _broadcasts(mask, query, key))


def _broadcasts(mask: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> bool:
    scores = (*query.shape[:3], key.shape[2])
    fits = all(size in {1, whole} for size, whole in zip(reversed(mask.shape), reversed(scores), strict=False))
    return fits and mask.dim() <= len(scores) and mask.dtype in {torch.bool, torch.float32, query.dtype}


def _takes_mask(mask: torch.Tensor | None) -> bool:
    """Whether the CPU's kernel takes ``mask``: of two or four dimensions, without gradients."""
    return mask is None or (mask.dim() in {2, 4} and not mask.requires_grad)


def _as_floats(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """A mask to be added to the scores, as torch makes it of a boolean one."""
    if mask is None or mask.dtype is not torch.bool:
        return mask
    return torch.where(mask, torch.scalar_tensor(0.0, dtype=dtype), torch.scalar_tensor(-math.inf, dtype=dtype))


def _aligned(mask: torch.Tensor) -> torch.Tensor:
    """The mask as a GPU's kernel wants it: rows of a multiple of 16 elements, of which the last are unused."""
    length = mask.shape[-1]
    if length % _ALIGNMENT:
        return torch.nn.functional.pad(mask, (0, _ALIGNMENT - length % _ALIGNMENT))[..., :length]
    return mask.contiguous() if any(stride % _ALIGNMENT for stride in mask.stride()[:3]) else mask
