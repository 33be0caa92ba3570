"""Attention: every fused form of softmax(Q K^T) V, and torch's fused transformer layers."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, Shape, TensorMeta

_SCALED_DOT_PRODUCT = (
    *("scaled_dot_product_attention", "_scaled_dot_product_attention_math"),
    *("_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu"),
    *("_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention"),
    *("_scaled_dot_product_fused_attention_overrideable", "_scaled_dot_product_attention_math_for_mps"),
)
_HEADS_INSIDE = (
    "_flash_attention_forward",
    "_efficient_attention_forward",
    "_flash_attention_forward_no_dropout_inplace",
)
_SOFTMAX = 5
_DROPOUT = 4


def register(table: FormulaTable) -> None:
    """Add attention to ``table``."""
    table.counted(*(f"aten::{name}" for name in _SCALED_DOT_PRODUCT), family="attention")(scaled_dot_product)
    table.counted("aten::_cudnn_attention_forward", "aten::_triton_scaled_dot_attention", family="attention")(
        scaled_dot_product
    )
    table.counted("higher_order::flex_attention", family="attention")(flex)
    table.counted("higher_order::flex_attention_backward", family="attention")(flex_backward)
    table.counted(*(f"aten::{name}" for name in _HEADS_INSIDE), family="attention")(heads_inside)
    table.counted("aten::_native_multi_head_attention", "aten::_triton_multi_head_attention", family="attention")(
        multi_head
    )
    table.counted("aten::_transformer_encoder_layer_fwd", family="attention")(encoder_layer)
    table.counted("aten::_transform_bias_rescale_qkv", family="attention")(bias_and_rescale)


def _attention(query: Shape, key: Shape, value: Shape, *, masked: bool, dropped: bool = False) -> Cost:
    """Shapes (..., heads, tokens, features)."""
    scores = prod(query[:-1]) * key[-2]
    each = 1 + _SOFTMAX + masked + _DROPOUT * dropped
    return Cost.of(macs=scores * (query[-1] + value[-1]), other=scores * each)


def scaled_dot_product(call: OpCall) -> Cost:
    """Scores Q K^T: heads x L x S products over E; their softmax times V: heads x L x E_v products over S.

    macs = batch x heads x L x S x (E + E_v), heads those of Q (grouped queries share keys and values). Each score takes
    1 to scale, 5 for the softmax, 1 for a mask and 4 for dropout (draw, compare, multiply, scale). The full matrix is
    counted, also when a causal mask halves it. A fused kernel keeps none of the scores: its memory is that of its
    output and, for each query, the logarithm of the sum that divides its weights.
    """
    query, key, value = call.inputs[:3]
    arguments = call.arguments
    masked = any(arguments.get(name) is not None for name in ("attn_mask", "attn_bias"))
    masked = masked or bool(arguments.get("is_causal"))
    return _attention(query.shape, key.shape, value.shape, masked=masked, dropped=bool(arguments.get("dropout_p")))


def flex(call: OpCall) -> Cost:
    """As scaled dot product attention, with the full matrix; its own score function counts 1 per score."""
    query, key, value = call.inputs[:3]
    return _attention(query.shape, key.shape, value.shape, masked=True)


def flex_backward(call: OpCall) -> Cost:
    """As the backward pass of fused attention, 5 products: Q K^T again, then the gradients of V, of the weights, Q, K.

    macs = queries x keys x (3 x E + 2 x E_v) per batch and head. Each weight takes 1 to scale its score, 2 for the
    score function and its gradient, 2 for exp(score - the logarithm that was kept), 2 for its gradient P x (dP - D) and
    1 to scale that. D, the sum of gradient x output, takes 2 for each element of the output.
    """
    query, key, value, output = call.inputs[:4]
    weights = prod(query.shape[:-1]) * key.shape[-2]
    macs = weights * (3 * query.shape[-1] + 2 * value.shape[-1])
    return Cost.of(macs=macs, other=8 * weights + 2 * output.numel)


def heads_inside(call: OpCall) -> Cost:
    """As scaled dot product attention, for tensors (batch, tokens, heads, features).

    Sequences packed end to end (cum_seq: batch + 1 offsets) are counted at the longest lengths, max_q and max_k. A
    custom_mask_type other than 0 is a causal mask.
    """
    arguments = call.arguments
    query, key, value = (arguments[name].shape for name in ("query", "key", "value"))
    offsets: TensorMeta | None = arguments.get("cum_seq_q") or arguments.get("cu_seqlens_q")
    length, batch = query[-3], query[:-3]
    source = key[-3]
    if offsets is not None:
        batch = (offsets.numel - 1,)
        length = arguments["max_q"] if "max_q" in arguments else arguments["max_seqlen_q"]
        source = arguments["max_k"] if "max_k" in arguments else arguments["max_seqlen_k"]
    heads = query[-2]
    causal = arguments.get("is_causal") or arguments.get("custom_mask_type")
    masked = bool(causal) or arguments.get("bias") is not None
    scores = (*batch, heads, length, query[-1]), (heads, source, key[-1]), (heads, source, value[-1])
    return _attention(*scores, masked=masked, dropped=bool(arguments.get("dropout_p")))


def _projected(call: OpCall, query: TensorMeta, key: TensorMeta) -> Cost:
    """Attention of (batch, tokens, features) with its four projections and their biases."""
    arguments = call.arguments
    features = arguments["embed_dim"]
    heads = arguments["num_heads"] if "num_heads" in arguments else arguments["num_head"]
    length, source = query.shape[-2], key.shape[-2]
    batch = prod(query.shape[:-2])
    rows = batch * (2 * length + 2 * source)  # Q and output, K and V
    projections = Cost.of(macs=rows * features * features, other=rows * features)
    size = features // heads
    masked = arguments["mask"] is not None
    shape = (batch, heads, length, size)
    return projections + _attention(shape, (heads, source, size), (heads, source, size), masked=masked)


def multi_head(call: OpCall) -> Cost:
    """Multi-head attention (Vaswani et al. 2017) of L queries and S keys with D features and its four projections.

    macs = batch x ((2 L + 2 S) x D^2 + 2 x L x S x D). Biases take 1 per projected element; each score takes 1
    to scale, 5 for the softmax and 1 for a mask.
    """
    return _projected(call, call.arguments["query"], call.arguments["key"])


def encoder_layer(call: OpCall) -> Cost:
    """A transformer encoder layer: multi-head self-attention, two linear layers (D x F), two layer norms, two sums.

    macs = batch x (4 L D^2 + 2 L^2 D + 2 L D F). Per token: biases D + F, activation F (GELU 4 F), norms 2 x (7 D + 2),
    sums 2 D.
    """
    arguments = call.arguments
    source: TensorMeta = arguments["src"]
    hidden, features = arguments["ffn_weight_1"].shape
    tokens = prod(source.shape[:-1])
    activation = 4 if arguments["use_gelu"] else 1
    per_token = features + hidden + activation * hidden + 2 * (7 * features + 2) + 2 * features
    feed_forward = Cost.of(macs=2 * tokens * features * hidden, other=tokens * per_token)
    return _projected(call, source, source) + feed_forward


def bias_and_rescale(call: OpCall) -> Cost:
    """A bias on Q, K and V, 1 per element, and Q scaled, 1 per element of Q."""
    return Cost.of(other=call.arguments["qkv"].numel + call.outputs[0].numel)
