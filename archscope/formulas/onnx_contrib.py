"""Operators of ``com.microsoft`` that exporters, quantisers and onnxruntime's optimizer emit; inputs go by place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.onnx_door import door, given, needed, shaped, through
from archscope.formulas.onnx_layers import normalized
from archscope.formulas.onnx_reduction import rotary
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall, TensorMeta

_DOMAIN = "com.microsoft::"
_ACTIVATIONS = {"Relu": 1, "Tanh": 1, "Sigmoid": 1, "LeakyRelu": 2, "Clip": 2, "HardSigmoid": 4}
_ATTENTION = "aten::scaled_dot_product_attention"
# By element of the output, as their plain forms.
_PER_ELEMENT = (
    ("QuickGelu", 3, "activation", "`x * sigmoid(alpha * x)`"),
    ("BiasSplitGelu", 7, "activation", "A bias on both halves, and the first times the GELU of the second"),
    ("BiasSoftmax", 6, "activation", "A sum and a softmax"),
    ("BiasAdd", 2, "elementwise", "Two sums"),
    ("QLinearAdd", 1, "quantization", "A sum"),
    ("QLinearMul", 1, "quantization", "A product"),
    ("QLinearSigmoid", 1, "quantization", "As without quantisation"),
    ("QLinearLeakyRelu", 2, "quantization", "As without quantisation"),
    ("QLinearSoftmax", 5, "quantization", "As without quantisation"),
    ("GatherBlockQuantized", 2, "quantization", "Rows are looked up and converted back, `(q - zero_point) * scale`"),
    ("QuantizeLinear", 5, "quantization", "`min(max(round(x / scale) + zero_point, lowest), highest)`"),
    ("DequantizeLinear", 2, "quantization", "`(q - zero_point) * scale`"),
)


def register(table: FormulaTable) -> None:
    """Add operators of com.microsoft to ``table``."""
    for name, each, family, what in _PER_ELEMENT:
        table.counted(_DOMAIN + name, family=family)(_per_element(each, what))
    _activations(table)
    _products(table)
    _norms(table)
    _attentions(table)
    door(table, f"{_DOMAIN}Inverse", "aten::linalg_inv_ex")
    table.counted(f"{_DOMAIN}RotaryEmbedding", family="attention")(rotary)
    table.counted(f"{_DOMAIN}QLinearGlobalAveragePool", family="quantization")(pooled)


def _per_element(each: int, what: str) -> Formula:
    def formula(call: OpCall) -> Cost:
        return Cost.of(other=each * call.outputs[0].numel)

    formula.__doc__ = f"{what}: {each} per output element."
    return formula


def pooled(call: OpCall) -> Cost:
    """The mean of all that each channel holds: 1 per input element."""
    return Cost.of(other=call.inputs[0].numel)


def _activations(table: FormulaTable) -> None:
    door(table, f"{_DOMAIN}Gelu", "aten::gelu", lambda _: {"approximate": "none"})

    @table.counted(f"{_DOMAIN}BiasGelu", family="activation")
    def bias_gelu(call: OpCall) -> Cost:
        """A bias, 1 per element, and `aten::gelu`, 4."""
        return Cost.of(other=call.outputs[0].numel) + through(table, "aten::gelu", call, approximate="none")

    @table.counted(f"{_DOMAIN}FastGelu", family="activation")
    def fast_gelu(call: OpCall) -> Cost:
        """`aten::gelu` in its tanh form, 8 per element; a bias adds 1."""
        bias = call.outputs[0].numel if given(call, "input_1") else 0
        return Cost.of(other=bias) + through(table, "aten::gelu", call, approximate="tanh")


def _activation(call: OpCall) -> int:
    return _ACTIVATIONS.get(call.arguments.get("activation", ""), 0) * call.outputs[0].numel


def _products(table: FormulaTable) -> None:
    @table.counted(f"{_DOMAIN}FusedConv", family="convolution")
    def fused_convolution(call: OpCall) -> Cost:
        """A convolution as `aten::convolution`, its activation, and 1 per output element for a sum."""
        weight, bias, addend = needed(call, "input_1"), given(call, "input_2"), given(call, "input_3")
        added = call.outputs[0].numel if addend else 0
        plain = through(table, "aten::convolution", call, weight=weight, bias=bias)
        return plain + Cost.of(other=_activation(call) + added)

    @table.counted(f"{_DOMAIN}QLinearConv", family="convolution")
    def quantised_convolution(call: OpCall) -> Cost:
        """A convolution as `aten::convolution`. Scaling the integers back is left out."""
        return through(table, "aten::convolution", call, weight=needed(call, "input_3"), bias=given(call, "input_8"))

    @table.counted(f"{_DOMAIN}FusedMatMul", f"{_DOMAIN}TransposeMatMul", family="matmul")
    def fused_product(call: OpCall) -> Cost:
        """As `aten::mm` of operands that may be transposed; an alpha other than 1 adds 1 per output element."""
        return _product(call, scaled=call.arguments.get("alpha", 1) != 1)

    @table.counted(f"{_DOMAIN}FusedGemm", family="matmul")
    def fused_gemm(call: OpCall) -> Cost:
        """As Gemm: a product, the sum, scalings other than 1, and the activation."""
        arguments, output = call.arguments, call.outputs[0].numel
        beta = arguments.get("beta", 1) if given(call, "input_2") else 0
        added = 0 if beta == 0 else (1 + (beta != 1)) * output
        product = _product(call, scaled=arguments.get("alpha", 1) != 1)
        return product + Cost.of(other=added + _activation(call))

    for name in ("MatMulNBits", "MatMulBnb4", "MatMulFpQ4"):
        door(table, _DOMAIN + name, "aten::_weight_int4pack_mm", lambda call: {"self": call.inputs[0]})

    @table.counted(f"{_DOMAIN}MatMulIntegerToFloat", family="matmul")
    def integer_product(call: OpCall) -> Cost:
        """As `aten::mm`; 1 per output element to scale it, 1 for a bias."""
        return _scaled_product(call, "input_6")

    @table.counted(f"{_DOMAIN}DynamicQuantizeMatMul", family="matmul")
    def dynamic_product(call: OpCall) -> Cost:
        """The input quantised by its range (7 per element), as `aten::mm`, 1 per output to scale it, 1 for a bias."""
        return Cost.of(other=7 * call.inputs[0].numel) + _scaled_product(call, "input_4")

    @table.counted(f"{_DOMAIN}QGemm", family="matmul")
    def quantised_gemm(call: OpCall) -> Cost:
        """As `aten::mm`, and 1 per output element for a bias. Scaling the integers back is left out."""
        bias = call.outputs[0].numel if given(call, "input_6") else 0
        return _product(call, scaled=False) + Cost.of(other=bias)

    @table.counted(f"{_DOMAIN}QLinearMatMul", family="matmul")
    def quantised_product(call: OpCall) -> Cost:
        """As `aten::mm`. Scaling the integers back is left out."""
        return _product(call, scaled=False)


def _product(call: OpCall, *, scaled: bool) -> Cost:
    output, depth = call.outputs[0].numel, call.inputs[0].shape[-2 if call.arguments.get("transA") else -1]
    return Cost.of(macs=output * depth, other=output if scaled else 0)


def _scaled_product(call: OpCall, bias: str) -> Cost:
    added = call.outputs[0].numel if given(call, bias) else 0
    return _product(call, scaled=True) + Cost.of(other=added)


def _norms(table: FormulaTable) -> None:
    door(table, f"{_DOMAIN}SimplifiedLayerNormalization", "aten::rms_norm", normalized)
    door(table, f"{_DOMAIN}RMSNormalization", "aten::rms_norm", normalized)
    door(table, f"{_DOMAIN}LayerNormalization", "aten::native_layer_norm", normalized)

    @table.counted(f"{_DOMAIN}SkipLayerNormalization", family="normalization")
    def skip_norm(call: OpCall) -> Cost:
        """A sum (1 per element, 1 more with a bias) and a layer norm, as `aten::native_layer_norm`."""
        x = call.inputs[0]
        sums = (1 + (given(call, "input_4") is not None)) * x.numel
        affine = {"weight": given(call, "input_2"), "bias": given(call, "input_3")}
        norm = through(table, "aten::native_layer_norm", call, input=x, normalized_shape=x.shape[-1:], **affine)
        return norm + Cost.of(other=sums)

    @table.counted(f"{_DOMAIN}SkipSimplifiedLayerNormalization", family="normalization")
    def skip_rms_norm(call: OpCall) -> Cost:
        """A sum (1 per element, 1 more with a bias) and an RMS norm, as `aten::rms_norm`."""
        x = call.inputs[0]
        sums = (1 + (given(call, "input_3") is not None)) * x.numel
        weight = given(call, "input_2")
        norm = through(table, "aten::rms_norm", call, input=x, normalized_shape=x.shape[-1:], weight=weight)
        return norm + Cost.of(other=sums)

    @table.counted(f"{_DOMAIN}EmbedLayerNormalization", family="normalization")
    def embedded(call: OpCall) -> Cost:
        """Embeddings looked up, free, added (1 per element, 2 with segments) and normalised as a layer norm."""
        x = call.outputs[0]
        sums = (1 + (given(call, "input_4") is not None)) * x.numel
        affine = {"weight": given(call, "input_5"), "bias": given(call, "input_6")}
        norm = through(table, "aten::native_layer_norm", call, input=x, normalized_shape=x.shape[-1:], **affine)
        return norm + Cost.of(other=sums)

    @table.counted(f"{_DOMAIN}GroupNorm", family="normalization")
    def group_norm(call: OpCall) -> Cost:
        """As `aten::native_group_norm`; a SiLU after it adds 2 per element."""
        x, arguments = call.inputs[0], call.arguments
        affine = {"weight": given(call, "input_1"), "bias": given(call, "input_2")}
        sizes = {"N": x.shape[0], "group": arguments["groups"]}
        silu = 2 * x.numel if arguments.get("activation") else 0
        return through(table, "aten::native_group_norm", call, input=x, **sizes, **affine) + Cost.of(other=silu)


def _attentions(table: FormulaTable) -> None:
    @table.counted(f"{_DOMAIN}Attention", f"{_DOMAIN}QAttention", family="attention")
    def attention(call: OpCall) -> Cost:
        """Q, K and V by one product of the input and the weight, with a bias; then as scaled dot product attention."""
        x, weight = needed(call, "input_0"), needed(call, "input_1")
        arguments = call.arguments
        quantised = call.op.endswith("QAttention")
        batch, tokens, features = x.shape
        queries, keys, values = arguments.get("qkv_hidden_sizes") or [weight.shape[-1] // 3] * 3
        hidden = queries + keys + values
        past = given(call, "input_8" if quantised else "input_4")
        source = tokens + (past.shape[3] if past else 0)
        bias = batch * tokens * hidden if given(call, "input_2") else 0
        masks = ["input_5"] if quantised else ["input_3", "input_5"]
        masked = given(call, *masks) or arguments.get("unidirectional") or None
        projected = Cost.of(macs=batch * tokens * features * hidden, other=bias)
        return projected + _scores(table, call, arguments["num_heads"], (batch, tokens, source), (keys, values), masked)

    @table.counted(f"{_DOMAIN}MultiHeadAttention", family="attention")
    def multi_head(call: OpCall) -> Cost:
        """As scaled dot product attention of heads that stand side by side; a bias adds 1 per projected element."""
        query, heads = needed(call, "input_0"), call.arguments["num_heads"]
        batch, tokens = query.shape[:2]
        output = call.outputs[0].shape[-1]
        hidden = query.shape[-1] * heads if len(query.shape) == 5 else query.shape[-1]
        key, past = given(call, "input_1"), given(call, "input_6")
        source = tokens if key is None else key.shape[2] if len(key.shape) == 4 else key.shape[1]
        bias = batch * (tokens * hidden + source * (hidden + output)) if given(call, "input_3") else 0
        masked = given(call, "input_4", "input_5") or call.arguments.get("unidirectional") or None
        sizes = (batch, tokens, source + (past.shape[2] if past else 0))
        return Cost.of(other=bias) + _scores(table, call, heads, sizes, (hidden, output), masked)

    @table.counted(f"{_DOMAIN}GroupQueryAttention", family="attention")
    def grouped_query(call: OpCall) -> Cost:
        """As scaled dot product attention under a causal mask; rotating Q and K takes 3 per element.

        The keys of the past are as many as their buffer holds.
        """
        query, arguments = needed(call, "input_0"), call.arguments
        heads, groups = arguments["num_heads"], arguments["kv_num_heads"]
        batch, tokens, hidden = query.shape
        key, past = given(call, "input_1"), given(call, "input_3")
        if key is None:
            hidden = hidden // (heads + 2 * groups) * heads
        source = tokens + (past.shape[2] if past else 0)
        keys = batch * tokens * (hidden // heads) * groups
        rotated = 3 * (batch * tokens * hidden + keys) if arguments.get("do_rotary") else 0
        capped = 3 * batch * heads * tokens * source if arguments.get("softcap") else 0
        cost = _scores(table, call, heads, (batch, tokens, source), (hidden, hidden), masked=True)
        return cost + Cost.of(other=rotated + capped)


def _scores(  # noqa: PLR0913, PLR0917 - the sizes of attention
    table: FormulaTable, call: OpCall, heads: int, sizes: tuple[int, int, int], hidden: tuple[int, int], masked: Any
) -> Cost:
    """Sizes are the batch, the queries and the keys; hidden those of keys and of values, of all heads together."""
    batch, tokens, source = sizes
    keys, values = (size // heads for size in hidden)
    any_tensor = call.inputs[0]
    operands: Mapping[str, TensorMeta] = {
        "query": shaped(any_tensor, (batch, heads, tokens, keys)),
        "key": shaped(any_tensor, (batch, heads, source, keys)),
        "value": shaped(any_tensor, (batch, heads, source, values)),
    }
    return through(table, _ATTENTION, call, **operands, attn_mask=masked)
