"""Operators that mix positions, by their ATen names."""

from __future__ import annotations

from archscope.measure.summing.receptive_field import mixing
from archscope.measure.summing.receptive_field.call import Call, by_position, rule
from archscope.measure.summing.receptive_field.positions import (
    Positions,
    joined_by_position,
    spread,
)


@rule("mm", "bmm", "_int_mm", "matmul")
def _mm(call: Call) -> Positions:
    one, other = call.tensors
    return mixing.product(one, other, call.shape)


@rule("addmm", "baddbmm", "_addmm_activation")
def _addmm(call: Call) -> Positions:
    added, one, other = call.tensors
    return joined_by_position([mixing.product(one, other, call.shape), added], call.shape)


@rule("linear")
def _linear(call: Call) -> Positions:
    state, *weights = call.tensors
    return mixing.weighed(state, weights, call.shape)


@rule("mv", "dot", "vdot", "addmv")
def _mv(call: Call) -> Positions:
    *added, one, other = call.tensors
    first = mixing.over(one, -1, call.shape)
    return mixing.with_all(joined_by_position([first, *added], call.shape), [other], call.shape)


@rule("_softmax", "softmax", "_log_softmax", "log_softmax", "_safe_softmax", "cumsum", "cumprod", "logcumsumexp")
@rule("cummax", "cummin", "sort", "argsort", "_cummax_helper", "_cummin_helper")
def _along(call: Call) -> list[Positions]:
    dim = call.get("dim", -1)
    return [spread(call.first, [dim % len(call.shape)] if call.shape else [])] * len(call.shapes)


@rule("topk", "kthvalue")
def _topk(call: Call) -> list[Positions]:
    state = mixing.replaced(call.first, [call["dim"]], call.shape) if len(call.shape) == len(call.first.dims) else None
    return [mixing.over(call.first, call["dim"], call.shape) if state is None else state] * len(call.shapes)


@rule("sum", "mean", "amax", "amin", "max", "min", "prod", "var", "std", "var_mean", "std_mean", "norm", "logsumexp")
@rule("linalg_vector_norm", "argmax", "argmin", "any", "all", "nansum", "aminmax", "count_nonzero", "median", "nanmean")
def _reduce(call: Call) -> list[Positions]:
    if len(call.tensors) > 1:
        return by_position(call)
    return [mixing.over(call.first, call.get("dim"), shape) for shape in call.shapes]


@rule("_fft_r2c", "_fft_c2c", "_fft_c2r")
def _fft(call: Call) -> Positions:
    return mixing.replaced(call.first, call["dim"], call.shape)


@rule("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention")
@rule("_scaled_dot_product_flash_attention", "_scaled_dot_product_cudnn_attention", "scaled_dot_product_attention")
@rule("_scaled_dot_product_attention_math", "_scaled_dot_product_fused_attention_overrideable")
def _attention(call: Call) -> list[Positions]:
    query, key, value = call["query"], call["key"], call["value"]
    mask = call.get("attn_mask") or call.get("attn_bias")
    rest = [mixing.whole(query, shape) for shape in call.shapes[1:]]
    return [mixing.attended(query, key, value, mask, call.shape), *rest]


@rule("_native_multi_head_attention", "_transformer_encoder_layer_fwd")
def _encoder(call: Call) -> list[Positions]:
    state, *others = call.tensors
    mixed = spread(mixing.weighed(state, (), call.shape), [1])
    first = mixing.with_all(mixed, others, call.shape)
    return [first, *(mixing.whole(first, shape) for shape in call.shapes[1:])]


@rule("native_layer_norm", "layer_norm", "_fused_rms_norm", "rms_norm")
def _layer_norm(call: Call) -> list[Positions]:
    last = len(call["normalized_shape"])
    rank = len(call.shape)
    first = spread(call.first, range(rank - last, rank))
    return [first, *(mixing.over(call.first, range(rank - last, rank), s) for s in call.shapes[1:])]


@rule("native_group_norm")
def _group_norm(call: Call) -> list[Positions]:
    first = mixing.group_normed(call.first, call["group"])
    return [first, *(mixing.whole(first, shape) for shape in call.shapes[1:])]


@rule("native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm", "miopen_batch_norm", "batch_norm")
@rule("_native_batch_norm_legit_no_training", "_batch_norm_no_update", "_batch_norm_with_update")
def _batch_norm(call: Call) -> list[Positions]:
    training = call.get("training", call.get("train", call.op == "_batch_norm_with_update"))
    rank = len(call.shape)
    first = spread(call.first, [dim for dim in range(rank) if dim != 1]) if training else call.first
    return [first, *(mixing.whole(first, shape) for shape in call.shapes[1:])]


@rule("lstm", "gru", "rnn_tanh", "rnn_relu", "mkldnn_rnn_layer")
def _recurrent(call: Call) -> list[Positions]:
    state, *others = call.tensors
    first = call.get("batch_first") and len(state.dims) > 2 and call.op != "mkldnn_rnn_layer"
    along = 1 if first else 0
    return mixing.recurred(state, others, call.shapes, along)


@rule("embedding")
def _embedding(call: Call) -> Positions:
    return mixing.looked_up(call["indices"], call["weight"], call.shape)
