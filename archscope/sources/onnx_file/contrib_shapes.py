"""The outputs of operators, most of them of ``com.microsoft``, whose shapes ONNX's own inference does not know."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from archscope.records import Shape, TensorMeta
from archscope.sources.onnx_file.dtypes import code_of
from archscope.sources.onnx_file.values import Value

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto

Metas: TypeAlias = Sequence[TensorMeta | None]
Settings: TypeAlias = Mapping[str, Any]
Given: TypeAlias = tuple[Shape, str]  # a shape and a dtype
Rule: TypeAlias = Callable[[Metas, Settings], Sequence[Given | None]]


def contrib_types(node: NodeProto, inputs: Sequence[Value | None]) -> dict[str, TypeProto]:
    """The types of the outputs of ``node`` that are known, by name."""
    from onnx import helper

    rules = {"com.microsoft": _RULES, "": _DEFAULT_RULES, "ai.onnx": _DEFAULT_RULES}.get(node.domain, {})
    rule = rules.get(node.op_type)
    if rule is None:
        return {}
    metas = [None if value is None else value.meta for value in inputs]
    try:
        settings = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        given = rule(metas, settings)
    except (IndexError, AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return {}  # an input that the operator needs is missing or of no known shape
    return {
        name: helper.make_tensor_type_proto(code_of(found[1]), [*found[0]])
        for name, found in zip(node.output, given, strict=False)
        if name and found is not None and min(found[0], default=0) >= 0
    }


def _meta(metas: Metas, place: int) -> TensorMeta:
    found = metas[place]
    if found is None:
        raise IndexError
    return found


def _like(place: int = 0, dtype: str = "") -> Rule:
    def rule(metas: Metas, _settings: Settings) -> Sequence[Given]:
        meta = _meta(metas, place)
        return [(meta.shape, dtype or meta.dtype)]

    return rule


def _broadcast(*places: int) -> Rule:
    def rule(metas: Metas, _settings: Settings) -> Sequence[Given]:
        shapes = [_meta(metas, place).shape for place in places]
        return [(broadcast(shapes), _meta(metas, places[0]).dtype)]

    return rule


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """The shape that ``shapes`` have together."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(0 if 0 in sizes else max(sizes) for sizes in zip(*padded, strict=True))


def product(left: Shape, right: Shape) -> Shape:
    """The shape of a matrix product, of vectors too."""
    if len(left) == 1 or len(right) == 1:
        return (*left[:-1], *right[:-2], *right[-1:][: len(right) > 1])
    return (
        (*broadcast([left[:-2], right[:-2]]), left[-2], right[-1])
        if len(left) + len(right) > 4
        else (left[-2], right[-1])
    )


def _product(left: int, right: int, dtype: str = "") -> Rule:
    def rule(metas: Metas, settings: Settings) -> Sequence[Given]:
        a, b = _meta(metas, left), _meta(metas, right)
        shapes = [a.shape, b.shape]
        for k, name in enumerate(("transA", "transB")):
            if settings.get(name):
                shapes[k] = (*shapes[k][:-2], shapes[k][-1], shapes[k][-2])
        return [(product(*shapes), dtype or a.dtype)]

    return rule


def _bits_product(metas: Metas, settings: Settings) -> Sequence[Given]:
    a = _meta(metas, 0)
    return [((*a.shape[:-1], settings["N"]), a.dtype)]


def _attention(metas: Metas, settings: Settings) -> Sequence[Given | None]:
    x, weight = _meta(metas, 0), _meta(metas, 1)
    batch, length, _ = x.shape
    sizes = settings.get("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3
    heads = settings["num_heads"]
    past = metas[4] if len(metas) > 4 else None
    total = length + (past.shape[3] if past else 0)
    return [((batch, length, sizes[2]), x.dtype), ((2, batch, heads, total, sizes[0] // heads), x.dtype)]


def _quantised_attention(metas: Metas, settings: Settings) -> Sequence[Given | None]:
    found = _attention([*metas[:4]], settings)
    return [None if given is None else (given[0], _meta(metas, 3).dtype) for given in found]


def _multi_head(metas: Metas, settings: Settings) -> Sequence[Given | None]:
    query = _meta(metas, 0)
    value = metas[2] if len(metas) > 2 else None
    heads = settings["num_heads"]
    if len(query.shape) == 5:  # Q, K and V packed: batch, tokens, heads, 3, features
        batch, length, heads, _, size = query.shape
        return [((batch, length, heads * size), query.dtype)]
    batch, length, hidden = query.shape
    key = metas[1] if len(metas) > 1 else None
    packed = key is not None and len(key.shape) == 5  # K and V packed: batch, tokens, heads, 2, features
    features = (
        hidden
        if value is None or packed
        else math.prod(value.shape[2:])
        if len(value.shape) == 3
        else heads * value.shape[3]
    )
    past = metas[6] if len(metas) > 6 else None
    source = 0 if key is None else key.shape[2] if len(key.shape) == 4 else key.shape[1]
    present = (batch, heads, source + (past.shape[2] if past else 0), hidden // heads)
    return [
        ((batch, length, features), query.dtype),
        (present, query.dtype),
        ((*present[:3], features // heads), query.dtype),
    ]


def _grouped_query(metas: Metas, settings: Settings) -> Sequence[Given | None]:
    query = _meta(metas, 0)
    batch, length, hidden = query.shape
    heads, groups = settings["num_heads"], settings["kv_num_heads"]
    if metas[1] is None:  # Q, K and V packed
        hidden = hidden // (heads + 2 * groups) * heads
    past = metas[3] if len(metas) > 3 else None
    total = length + (past.shape[2] if past else 0)
    present = (batch, groups, total, hidden // heads)
    return [((batch, length, hidden), query.dtype), (present, query.dtype), (present, query.dtype)]


def _halved(metas: Metas, _settings: Settings) -> Sequence[Given]:
    x = _meta(metas, 0)
    return [((*x.shape[:-1], x.shape[-1] // 2), x.dtype)]


def _skip_norm(metas: Metas, _settings: Settings) -> Sequence[Given | None]:
    x = _meta(metas, 0)
    return [(x.shape, x.dtype), None, None, (x.shape, x.dtype)]


def _embedding_norm(metas: Metas, _settings: Settings) -> Sequence[Given | None]:
    ids, words = _meta(metas, 0), _meta(metas, 2)
    shape = (*ids.shape, words.shape[1])
    return [(shape, words.dtype), (ids.shape[:1], "int32"), (shape, words.dtype)]


def _fused_conv(metas: Metas, settings: Settings) -> Sequence[Given]:
    return _convolved(_meta(metas, 0), _meta(metas, 1).shape, settings)


def _quantised_conv(metas: Metas, settings: Settings) -> Sequence[Given]:
    return _convolved(_meta(metas, 0), _meta(metas, 3).shape, settings)


def _convolved(x: TensorMeta, weight: Shape, settings: Settings) -> Sequence[Given]:
    rank = len(x.shape) - 2
    strides = settings.get("strides") or [1] * rank
    dilations = settings.get("dilations") or [1] * rank
    pads = settings.get("pads") or [0] * 2 * rank
    same = settings.get("auto_pad", b"NOTSET").startswith(b"SAME")
    sizes = tuple(
        -(-size // strides[k])
        if same
        else (size + pads[k] + pads[k + rank] - dilations[k] * (weight[k + 2] - 1) - 1) // strides[k] + 1
        for k, size in enumerate(x.shape[2:])
    )
    return [((x.shape[0], weight[0], *sizes), x.dtype)]


def _quantised_gemm(metas: Metas, settings: Settings) -> Sequence[Given]:
    a, b = _meta(metas, 0), _meta(metas, 3)
    rows = a.shape[1] if settings.get("transA") else a.shape[0]
    columns = b.shape[0] if settings.get("transB") else b.shape[1]
    scaled = len(metas) > 8 and metas[8] is not None  # without y_zero_point it gives floats
    return [((rows, columns), a.dtype if scaled else "float32")]


def _quantised_concat(metas: Metas, settings: Settings) -> Sequence[Given]:
    parts = [_meta(metas, place) for place in range(2, len(metas), 3)]
    axis = settings["axis"] % len(parts[0].shape)
    shape = [*parts[0].shape]
    shape[axis] = sum(part.shape[axis] for part in parts)
    return [(tuple(shape), parts[0].dtype)]


def _pooled(metas: Metas, settings: Settings) -> Sequence[Given]:
    x = _meta(metas, 0)
    last = settings.get("channels_last")
    shape = (x.shape[0], *(1 for _ in x.shape[2:]), x.shape[-1]) if last else (*x.shape[:2], *(1 for _ in x.shape[2:]))
    return [(shape, x.dtype)]


def _quantised(metas: Metas, _settings: Settings) -> Sequence[Given]:
    zero = metas[2] if len(metas) > 2 else None
    return [(_meta(metas, 0).shape, zero.dtype if zero else "uint8")]


def _looked_up(metas: Metas, settings: Settings) -> Sequence[Given]:
    data, indices, scales = _meta(metas, 0), _meta(metas, 1), _meta(metas, 2)
    shape = [*data.shape]
    if data.dtype == "uint8":
        shape[-1] = shape[-1] * 8 // settings.get("bits", 4)
    axis = settings.get("gather_axis", 0) % len(shape)
    return [((*shape[:axis], *indices.shape, *shape[axis + 1 :]), scales.dtype)]


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("BiasGelu", "FastGelu", "QuickGelu", "Gelu", "RotaryEmbedding"), _like()),
    "BiasSplitGelu": _halved,
    **dict.fromkeys(("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "DequantizeWithOrder"), _like()),
    **dict.fromkeys(
        ("Inverse", "BiasSoftmax", "BiasDropout", "BitmaskDropout", "GroupNorm", "Trilu", "BiasAdd"), _like()
    ),
    **dict.fromkeys(("SimplifiedLayerNormalization", "LayerNormalization", "RMSNormalization"), _like()),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), _broadcast(0, 3)),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), _skip_norm),
    "EmbedLayerNormalization": _embedding_norm,
    "Attention": _attention,
    "QAttention": _quantised_attention,
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _grouped_query,
    "FusedMatMul": _product(0, 1),
    "TransposeMatMul": _product(0, 1),
    "FusedGemm": _product(0, 1),
    "GemmFloat8": _product(0, 1),
    "FusedMatMulActivation": _product(0, 1),
    "MatMulIntegerToFloat": _product(0, 1, "float32"),
    "DynamicQuantizeMatMul": _product(0, 1, "float32"),
    "QLinearMatMul": _product(0, 3),
    "MatMulNBits": _bits_product,
    "MatMulBnb4": _bits_product,
    "MatMulFpQ4": _bits_product,
    "FusedConv": _fused_conv,
    "QLinearConv": _quantised_conv,
    "QGemm": _quantised_gemm,
    "QLinearConcat": _quantised_concat,
    "QLinearGlobalAveragePool": _pooled,
    "QuantizeLinear": _quantised,
    "DequantizeLinear": _like(dtype="float32"),
    "GatherBlockQuantized": _looked_up,
}
#: Of ONNX's own domain: what its inference leaves out, and norms that onnxruntime's optimizer puts there.
_DEFAULT_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("GroupNormalization", "SimplifiedLayerNormalization", "LayerNormalization"), _like()),
    **dict.fromkeys(("MeanVarianceNormalization", "Softmax", "LogSoftmax", "Scatter", "Hardmax"), _like()),
}
