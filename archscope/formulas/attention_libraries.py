"""Attention kernels of flash_attn, xformers and mmcv, by the names that they register: none need be installed."""

from __future__ import annotations

from math import prod
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

_FLASH = ("_flash_attn_forward", "_flash_attn_varlen_forward")
_FLASH_BACKWARD = ("_flash_attn_backward", "_flash_attn_varlen_backward")
_SPACES = ("flash_attn", "flashattn", "flash_attn_3")
_DECODERS = ("", "_ck", "_splitk_ck")
_MASKS = ("causal", "is_causal", "custom_mask_type")
_BIASES = ("bias", "alibi_slopes", "attn_bias")
_WINDOWS = ("window_size_left", "window_size_right", "window_left", "window_right", "window_size")
_SOFTMAX, _DROPOUT, _CAP = 5, 4, 3
_SILU = 2


def register(table: FormulaTable) -> None:
    """Add these libraries' kernels to ``table``."""
    family = "attention"
    table.counted(
        *(f"{space}::{name}" for space in _SPACES for name in _FLASH),
        *("flash_attn_3::fwd", "xformers_flash::flash_fwd", "xformers_flash3::flash_fwd"),
        *("xformers::efficient_attention_forward_cutlass", "xformers::efficient_attention_forward_ck"),
        *(f"xformers::efficient_attention_forward_decoder{form}" for form in _DECODERS),
        family=family,
    )(forward)
    table.counted(
        *(f"{space}::{name}" for space in _SPACES for name in _FLASH_BACKWARD),
        *("flash_attn_3::bwd", "xformers_flash::flash_bwd", "xformers_flash3::flash_bwd"),
        *("xformers::efficient_attention_backward_cutlass", "xformers::efficient_attention_backward_ck"),
        family=family,
    )(backward)
    table.counted("xformers::dual_gemm_silu_identity_mul", family="matmul")(dual_product)
    table.counted("xformers::gemm_fused_operand_sum", family="matmul")(product_with_sums)
    table.counted("xformers::silu_bw_fused", family="backward")(gate_backward)
    table.counted("mmcv::ms_deform_attn_forward", family=family)(deformable)
    table.counted("mmcv::ms_deform_attn_backward", family=family)(deformable_backward)


def _given(call: OpCall, *names: str) -> Any:
    """The first of the arguments ``names`` that is there and not None."""
    return next((call.arguments[name] for name in names if call.arguments.get(name) is not None), None)


def _scores(call: OpCall, query: TensorMeta, key: TensorMeta) -> int:
    """The queries of all heads times the keys that each of them meets.

    Tensors are (batch, tokens, heads, features), also with groups of heads before the heads. Packed sequences are (all
    tokens, heads, features) with offsets and count at their longest lengths; where the call does not say how many keys
    the longest has, all keys count once for each of the longest queries. Keys in pages are (pages, tokens, heads,
    features), and a sequence has as many pages as there are columns in their table.
    """
    offsets, pages = _given(call, "cu_seqlens_q", "seqstart_q"), _given(call, "page_table", "block_table")
    longest, keys = _given(call, "max_seqlen_q"), _given(call, "max_seqlen_k")
    heads = 1 if len(query.shape) == 3 else 2  # where they start
    rows = prod(query.shape[:heads]) if offsets is None else (offsets.numel - 1) * longest
    if keys is None and pages is not None:
        keys = pages.shape[-1] * key.shape[1]
    elif keys is None and offsets is not None:
        rows, keys = longest, prod(key.shape[:heads])
    elif keys is None:
        keys = key.shape[heads - 1]
    scores: int = prod(query.shape[heads:-1]) * rows * keys
    return scores


def _extras(call: OpCall) -> tuple[bool, bool, bool]:
    """Whether there is a mask (or a bias, or a window), dropout, and a cap on the scores."""
    arguments = call.arguments
    masked = any(arguments.get(name) for name in _MASKS) or _given(call, *_BIASES) is not None
    masked = masked or any((arguments.get(name) or 0) > 0 for name in _WINDOWS)
    return masked, bool(_given(call, "dropout_p", "p")), bool(arguments.get("softcap"))


def forward(call: OpCall) -> Cost:
    """Scores Q K^T and their softmax times V, of (batch, tokens, heads, features): as scaled dot product attention.

    macs = batch x heads x L x S x (E + E_v). Each score takes 1 to scale, 5 for the softmax, 1 for a mask, a bias or a
    window, 4 for dropout and 3 for a cap (divide, tanh, multiply). The full matrix is counted, also where a causal mask
    or a window leaves parts out. Packed sequences (cu_seqlens: batch + 1 offsets) count at their longest lengths, a
    cache of keys at its full length.
    """
    query, key, value = (_given(call, *names) for names in (("q", "query"), ("k", "key"), ("v", "value")))
    scores = _scores(call, query, key)
    masked, dropped, capped = _extras(call)
    each = 1 + _SOFTMAX + masked + _DROPOUT * dropped + _CAP * capped
    return Cost.of(macs=scores * (query.shape[-1] + value.shape[-1]), other=scores * each)


def backward(call: OpCall) -> Cost:
    """As the backward pass of fused attention: Q K^T again, then the gradients of V, of the weights, of Q and of K.

    macs = scores x (3 x E + 2 x E_v). Each score takes 1 to scale, 2 for exp(score - the logarithm that was kept), 2
    for its gradient P x (dP - D), 1 to scale that, 1 for a mask, 6 for dropout and 6 for a cap (3 again, and 1 - tanh^2
    times the gradient). D, the sum of gradient x output, takes 2 for each element of the output.
    """
    query, key, value = (_given(call, *names) for names in (("q", "query"), ("k", "key"), ("v", "value")))
    scores = _scores(call, query, key)
    masked, dropped, capped = _extras(call)
    each = 6 + masked + 6 * dropped + 6 * capped
    output = prod(query.shape[:-1]) * value.shape[-1]
    macs = scores * (3 * query.shape[-1] + 2 * value.shape[-1])
    return Cost.of(macs=macs, other=each * scores + 2 * output)


def dual_product(call: OpCall) -> Cost:
    """The products x1 = x @ w1^T and x2 = x @ w2^T, and silu(x1) x x2: macs = 2 x rows x inputs x hidden.

    A bias adds 1 per element of its product; the gate 3 per element (silu 2, multiply).
    """
    arguments = call.arguments
    x: TensorMeta = arguments["x"]
    hidden = call.outputs[0].numel
    biases = sum(arguments.get(name) is not None for name in ("b1", "b2"))
    return Cost.of(macs=2 * hidden * x.shape[-1], other=hidden * (biases + _SILU + 1))


def product_with_sums(call: OpCall) -> Cost:
    """The product a @ b and the sums of a's rows: macs = rows x k x columns, and 1 per element of a."""
    left, right = call.inputs[:2]
    return Cost.of(macs=left.numel * right.shape[-1], other=left.numel)


def gate_backward(call: OpCall) -> Cost:
    """The gradients of silu(x1) x x2, and the product again: 10 per element.

    silu 2 and its product 1; x2's gradient 1; g x x2 1 and silu's gradient 5 (its sigmoid is made already).
    """
    return Cost.of(other=10 * call.inputs[0].numel)


def _samples(call: OpCall) -> tuple[int, int]:
    """Sampled places (batch x queries x heads x levels x points), and features of each."""
    places: TensorMeta = call.arguments["sampling_locations"]
    return prod(places.shape[:-1]), call.arguments["value"].shape[-1]


def deformable(call: OpCall) -> Cost:
    """Deformable attention (Zhu et al. 2021): every sampled place mixes 4 corners, 7 per feature, times its weight.

    macs = batch x queries x heads x levels x points x features, for the weighted sum.
    """
    places, features = _samples(call)
    return Cost.of(macs=places * features, other=7 * places * features)


def deformable_backward(call: OpCall) -> Cost:
    """The gradients of deformable attention: for each sampled feature 7 to sample again and 2 for its weight's.

    For the value 9 (times the weight, 4 multiplies and 4 adds to the corners), for the place 14: y and x each 2
    subtracts, 2 multiplies, an add, times the gradient, a sum: 32 per sampled feature.
    """
    places, features = _samples(call)
    return Cost.of(other=32 * places * features)
