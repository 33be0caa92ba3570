"""Attention kernels of flash_attn, xformers and mmcv, by the names that they register: none need be installed."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, Shape, TensorMeta

_FLASH = ("_flash_attn_forward", "_flash_attn_varlen_forward")
_FLASH_BACKWARD = ("_flash_attn_backward", "_flash_attn_varlen_backward")
_SOFTMAX = 5
_SILU = 2


def register(table: FormulaTable) -> None:
    """Add these libraries' kernels to ``table``."""
    family = "attention"
    table.counted(
        *(f"{space}::{name}" for space in ("flash_attn", "flashattn") for name in _FLASH),
        *("flash_attn_3::fwd", "xformers_flash::flash_fwd", "xformers_flash3::flash_fwd"),
        *("xformers::efficient_attention_forward_cutlass", "xformers::efficient_attention_forward_ck"),
        "xformers::efficient_attention_forward_decoder",
        family=family,
    )(forward)
    table.counted(
        *(f"{space}::{name}" for space in ("flash_attn", "flashattn") for name in _FLASH_BACKWARD),
        *("flash_attn_3::bwd", "xformers_flash::flash_bwd", "xformers_flash3::flash_bwd"),
        *("xformers::efficient_attention_backward_cutlass", "xformers::efficient_attention_backward_ck"),
        family=family,
    )(backward)
    table.counted("xformers::dual_gemm_silu_identity_mul", family="matmul")(dual_product)
    table.counted("xformers::gemm_fused_operand_sum", family="matmul")(product_with_sums)
    table.counted("xformers::silu_bw_fused", family="backward")(gate_backward)
    table.counted("mmcv::ms_deform_attn_forward", family=family)(deformable)
    table.counted("mmcv::ms_deform_attn_backward", family=family)(deformable_backward)


def _tensor(call: OpCall, *names: str) -> TensorMeta:
    found: TensorMeta = next(call.arguments[name] for name in names if call.arguments.get(name) is not None)
    return found


def _sizes(call: OpCall) -> tuple[Shape, int, int, int]:
    """Batch and heads, queries, keys, and both sizes of a head, of tensors (batch, tokens, heads, features).

    Packed sequences are (all tokens, heads, features) with offsets, and count at their longest lengths.
    """
    arguments = call.arguments
    query, key, value = (_tensor(call, *names) for names in (("q", "query"), ("k", "key"), ("v", "value")))
    batch, length, source = query.shape[:-3], query.shape[-3] if len(query.shape) > 2 else 1, key.shape[-3]
    offsets = next(
        (arguments[name] for name in ("cu_seqlens_q", "seqstart_q") if arguments.get(name) is not None), None
    )
    if offsets is not None:
        batch, length = (offsets.numel - 1,), arguments["max_seqlen_q"]
        source = arguments.get("max_seqlen_k") or length
    return (*batch, query.shape[-2]), length, source, query.shape[-1] + value.shape[-1]


def _masked(call: OpCall) -> bool:
    arguments = call.arguments
    causal = any(bool(arguments.get(name)) for name in ("causal", "is_causal", "custom_mask_type"))
    return causal or any(arguments.get(name) is not None for name in ("bias", "alibi_slopes", "attn_bias"))


def forward(call: OpCall) -> Cost:
    """Scores Q K^T and their softmax times V, of (batch, tokens, heads, features): as scaled dot product attention.

    macs = batch x heads x L x S x (E + E_v). Each score takes 1 to scale, 5 for the softmax and 1 for a mask or a bias.
    The full matrix is counted, also where a causal mask or a window leaves parts out. Packed sequences (cu_seqlens:
    batch + 1 offsets) count at their longest lengths.
    """
    outer, length, source, features = _sizes(call)
    scores = prod(outer) * length * source
    return Cost.of(macs=scores * features, other=scores * (1 + _SOFTMAX + _masked(call)))


def backward(call: OpCall) -> Cost:
    """Q K^T again, then the gradients of V, of the weights, of Q and of K: 5 products, 3 over E and 2 over E_v.

    For each weight the softmax again 5, its gradient 4 and the scale 2.
    """
    outer, length, source, features = _sizes(call)
    scores = prod(outer) * length * source
    query = _tensor(call, "q", "query").shape[-1]
    return Cost.of(macs=scores * (2 * features + query), other=11 * scores)


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
