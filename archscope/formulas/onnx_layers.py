"""ONNX's layers: convolutions, matrix products, normalisations, poolings, recurrent layers, attention."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.onnx_door import door, given, needed, shaped, through
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

_SOFTCAP = 3  # divide, tanh, multiply


def register(table: FormulaTable) -> None:
    """Add ONNX's layers to ``table``."""
    _convolutions(table)
    _products(table)
    _normalizations(table)
    _poolings(table)
    door(table, "onnx::LSTM", "aten::lstm", _recurrent, "peepholes add 2 per weight and token.")
    door(table, "onnx::GRU", "aten::gru", _recurrent)
    door(table, "onnx::RNN", "aten::rnn_tanh", _recurrent)

    @table.counted("onnx::Attention", family="attention")
    def attention(call: OpCall) -> Cost:
        """As `aten::scaled_dot_product_attention`, with the keys of the past before those given.

        A softcap adds 3 per score (divide, tanh, multiply).
        """
        query, key, value = (heads_apart(call, name) for name in ("Q", "K", "V"))
        past = given(call, "past_key")
        source = key.shape[-2] + (past.shape[-2] if past else 0)
        key, value = (shaped(t, (source, t.shape[-1])) for t in (key, value))
        cost = through(
            table,
            "aten::scaled_dot_product_attention",
            call,
            query=query,
            key=key,
            value=value,
            attn_mask=given(call, "attn_mask", "nonpad_kv_seqlen"),
            is_causal=bool(call.arguments.get("is_causal")),
        )
        capped = _SOFTCAP * prod(query.shape[:-1]) * source if call.arguments.get("softcap") else 0
        return cost + Cost.of(other=capped)


def _convolutions(table: FormulaTable) -> None:
    def plain(call: OpCall) -> Mapping[str, Any]:
        return {
            "input": call.inputs[0],
            "weight": given(call, "W", "w", "weight"),
            "bias": given(call, "B", "bias"),
        }

    door(table, "onnx::Conv", "aten::convolution", plain)
    door(table, "onnx::ConvTranspose", "aten::conv_transpose2d", plain)
    integers = "scaling the integers back is left out."
    door(table, "onnx::QLinearConv", "aten::convolution", plain, integers)
    door(table, "onnx::ConvInteger", "aten::convolution", plain, integers)
    door(
        table,
        "onnx::DeformConv",
        "torchvision::deform_conv2d",
        lambda call: {**plain(call), "use_mask": given(call, "mask") is not None},
    )

    @table.counted("onnx::CausalConvWithState", family="convolution")
    def causal(call: OpCall) -> Cost:
        """As `aten::convolution` of each channel by itself; a SiLU after it adds 2 per output element."""
        silu = 2 * call.outputs[0].numel if call.arguments.get("activation") in {"silu", "swish"} else 0
        return through(table, "aten::convolution", call, **plain(call)) + Cost.of(other=silu)


def _products(table: FormulaTable) -> None:
    door(table, "onnx::MatMul", "aten::mm")
    door(table, "onnx::MatMulInteger", "aten::mm")
    door(table, "onnx::QLinearMatMul", "aten::mm", None, "scaling the integers back is left out.")
    door(table, "onnx::Gemm", "aten::addmm", gemm, "without C its beta is 0.")
    door(table, "onnx::Det", "aten::_linalg_det")
    table.counted("onnx::Einsum", family="matmul")(einsum)
    table.counted("onnx::LinearAttention", family="attention")(linear_attention)


def gemm(call: OpCall) -> Mapping[str, Any]:
    """The arguments of ``addmm`` for alpha x A' B' + beta x C."""
    arguments = call.arguments
    left, addend = needed(call, "A"), given(call, "C")
    if arguments.get("transA"):
        left = shaped(left, left.shape[::-1])
    return {
        "self": addend or left,
        "mat1": left,
        "beta": arguments.get("beta", 1) if addend else 0,
        "alpha": arguments.get("alpha", 1),
    }


def einsum(call: OpCall) -> Cost:
    """Operands are joined two at a time, from the left: macs = product of the sizes of all indices of both.

    An index that only one of the two bears, and nothing later, is summed first: 1 per element. Where the two share no
    index that is summed, each point takes one multiply. A single operand is summed over the indices that it loses.
    """
    text = "".join(call.arguments["equation"].split())
    sources, _, result = text.partition("->")
    terms = _spelled(sources.split(","), [tensor.shape for tensor in call.inputs])
    if "->" not in text:
        letters = [letter for term in terms for letter in term]
        result = "".join(sorted({letter for letter in letters if letters.count(letter) == 1 and letter.isalpha()}))
        result += "..." if "..." in sources else ""
    kept = {letter for letter in result if letter.isalpha()}
    kept |= {letter for term in terms for letter in term if not letter.isalpha()} if "..." in result else set()
    first, *others = terms
    cost = Cost()
    for place, other_term in enumerate(others):
        term, later = other_term, kept.union(*others[place + 1 :])
        for one, other in ((first, term), (term, first)):
            if any(size > 1 and letter not in later and letter not in other for letter, size in one.items()):
                cost += Cost.of(other=prod(one.values()))
        first, term = (
            {letter: size for letter, size in one.items() if letter in later or letter in other}
            for one, other in ((first, term), (term, first))
        )
        space = {letter: max(first.get(letter, 1), term.get(letter, 1)) for letter in {*first, *term}}
        points = prod(space.values())
        summed = any(letter not in later for letter in space)
        cost += Cost.of(macs=points) if summed else Cost.of(other=points)
        first = {letter: size for letter, size in space.items() if letter in later}
    lost = any(size > 1 and letter not in kept for letter, size in first.items())
    return cost + Cost.of(other=prod(first.values()) if lost else 0)


def _spelled(terms: list[str], shapes: list[tuple[int, ...]]) -> list[dict[str, int]]:
    """The size of each index of each term; the dimensions of an ellipsis are numbered from the right."""
    spelled = []
    for term, shape in zip(terms, shapes, strict=True):
        left, dots, right = term.partition("...")
        hidden = len(shape) - len(left) - len(right) if dots else 0
        names = [*left, *(str(hidden - k) for k in range(hidden)), *right]
        spelled.append(dict(zip(names, shape, strict=True)))
    return spelled


def linear_attention(call: OpCall) -> Cost:
    """For each token: k v^T added to the state of its key head, and q times the state for each query head.

    macs = tokens x d_k x d_v x (key heads + query heads); the delta rule reads the state once more for each key head,
    and takes 2 per value (subtract, beta). A gate takes 1 per element of the state and 1 per decay (exp); the scale 1
    per output element.
    """
    arguments = call.arguments
    query, key, value = (needed(call, name) for name in ("query", "key", "value"))
    heads, groups = arguments["q_num_heads"], arguments["kv_num_heads"]
    tokens, features, values = prod(query.shape[:2]), key.shape[-1] // groups, value.shape[-1] // groups
    rule = arguments.get("update_rule", "gated_delta")
    state = tokens * features * values
    decay = given(call, "decay")
    other = call.outputs[0].numel
    if "gated" in rule:
        other = other + groups * state + (decay.numel if decay else 0)
    if "delta" in rule:
        other = other + 2 * tokens * groups * values
    return Cost.of(macs=state * (groups + heads + groups * ("delta" in rule)), other=other)


def _normalizations(table: FormulaTable) -> None:
    door(
        table,
        "onnx::BatchNormalization",
        "aten::native_batch_norm",
        lambda call: {"input": call.inputs[0], "training": bool(call.arguments.get("training_mode"))},
    )
    door(table, "onnx::InstanceNormalization", "aten::native_group_norm", _by_channels, "a group for each channel.")
    door(table, "onnx::GroupNormalization", "aten::native_group_norm", _by_groups)
    door(table, "onnx::LayerNormalization", "aten::native_layer_norm", normalized)
    door(table, "onnx::RMSNormalization", "aten::rms_norm", normalized)
    door(table, "onnx::SimplifiedLayerNormalization", "aten::rms_norm", normalized)
    door(table, "onnx::MeanVarianceNormalization", "aten::native_layer_norm", _without_affine)
    table.counted("onnx::LpNormalization", family="normalization")(lp_normalization)


def normalized(call: OpCall) -> Mapping[str, Any]:
    """The arguments of a layer or RMS norm from ``axis`` on."""
    x = call.inputs[0]
    axis = call.arguments.get("axis", -1)
    return {
        "input": x,
        "normalized_shape": x.shape[axis:] if axis >= 0 else x.shape[len(x.shape) + axis :],
        "weight": given(call, "Scale", "scale", "input_1"),
        "bias": given(call, "B", "input_2"),
    }


def _by_channels(call: OpCall) -> Mapping[str, Any]:
    x = call.inputs[0]
    found = {"weight": given(call, "scale"), "bias": given(call, "B")}
    return {"input": x, "N": x.shape[0], "group": x.shape[1], **found}


def _by_groups(call: OpCall) -> Mapping[str, Any]:
    x = call.inputs[0]
    found = {"weight": given(call, "scale"), "bias": given(call, "bias")}
    return {"input": x, "N": x.shape[0], "group": call.arguments["num_groups"], **found}


def _without_affine(call: OpCall) -> Mapping[str, Any]:
    x = call.inputs[0]
    axes = {axis % len(x.shape) for axis in call.arguments.get("axes", (0, 2, 3))}
    return {"input": x, "normalized_shape": [x.shape[axis] for axis in axes]}


def lp_normalization(call: OpCall) -> Cost:
    """The p-norm of each row (p = 2: 2 per element and a root per row; p = 1: 2 per element) and a division, 1."""
    x = call.inputs[0]
    rows = x.numel // max(x.shape[call.arguments.get("axis", -1)], 1) if x.shape else 1
    return Cost.of(other=3 * x.numel + (rows if call.arguments.get("p", 2) == 2 else 0))


def _poolings(table: FormulaTable) -> None:
    for name, op in (("MaxPool", "max_pool"), ("AveragePool", "avg_pool")):
        rule = table.find(f"aten::{op}2d")
        if rule is not None:
            table.counted(f"onnx::{name}", family="pooling")(_pooling(table, op, rule.derivation))

    @table.counted("onnx::GlobalAveragePool", family="pooling")
    def global_average(call: OpCall) -> Cost:
        """As `aten::adaptive_avg_pool2d` to one element: 1 per input element."""
        return Cost.of(other=call.inputs[0].numel)

    @table.counted("onnx::GlobalMaxPool", family="pooling")
    def global_max(call: OpCall) -> Cost:
        """As `aten::adaptive_max_pool2d` to one element: k - 1 comparisons of k elements."""
        return Cost.of(other=call.inputs[0].numel - call.outputs[0].numel)

    @table.counted("onnx::LpPool", family="pooling")
    def lp_pool(call: OpCall) -> Cost:
        """The p-norm of each window, as `aten::linalg_vector_norm` counts it, padding included."""
        window = call.outputs[0].numel * prod(call.arguments["kernel_shape"])
        x = shaped(call.inputs[0], (window,))
        return through(table, "aten::linalg_vector_norm", call, self=x, ord=call.arguments.get("p", 2))

    @table.counted("onnx::GlobalLpPool", family="pooling")
    def global_lp_pool(call: OpCall) -> Cost:
        """The p-norm of all that each channel holds, as `aten::linalg_vector_norm`."""
        arguments = {"self": call.inputs[0], "ord": call.arguments.get("p", 2)}
        return through(table, "aten::linalg_vector_norm", call, **arguments)


def _pooling(table: FormulaTable, op: str, derivation: str) -> Any:
    def pooling(call: OpCall) -> Cost:
        kernel = call.arguments["kernel_shape"]
        # a window is a product, whatever its dimensions are
        arguments = {"input": call.inputs[0], "kernel_size": (prod(kernel),)}
        return through(table, f"aten::{op}1d", call, **arguments)

    pooling.__doc__ = f"As `aten::{op}2d`.\n\n{derivation}"
    return pooling


def _recurrent(call: OpCall) -> Mapping[str, Any]:
    """The matrices and biases of all directions, as torch's layers have them."""
    arguments = call.arguments
    sequence, inputs, states = needed(call, "X"), needed(call, "W"), needed(call, "R")
    directions, _, hidden = states.shape
    bias, peepholes = given(call, "B"), given(call, "P")
    matrices = [shaped(tensor, tensor.shape[1:]) for tensor in (inputs, states) for _ in range(directions)]
    vectors = [shaped(tensor, (tensor.numel,)) for tensor in (bias, peepholes, peepholes) if tensor is not None]
    cells = shaped(sequence, (directions, arguments.get("hidden_size") or hidden))
    return {
        "input": sequence,
        "params": matrices + vectors,
        "hx": [cells, cells] if call.op.endswith("LSTM") else cells,
    }


def heads_apart(call: OpCall, name: str) -> TensorMeta:
    """An operand of attention as (batch, heads, tokens, features), from (batch, tokens, heads x features) too."""
    tensor = needed(call, name)
    if len(tensor.shape) != 3:
        return tensor
    heads = call.arguments["q_num_heads" if name == "Q" else "kv_num_heads"]
    batch, tokens, features = tensor.shape
    return shaped(tensor, (batch, heads, tokens, features // heads))
