"""Which tensors of an ONNX file are parameters, which are buffers, and at which path of the module tree each stands.

A file does not say it, so the use of a tensor does. Fractions are parameters; not the statistics of a batch norm, the
scales and zero points of quantisation, the settings of operators (scales of a Resize, bounds of a Clip), nor a lone
number that the exporter named. Integers are parameters where quantised operators read them as weights, else buffers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archscope.records import BufferRecord, OpCall, ParameterRecord, Path, TensorMeta
from archscope.sources.graph_trace import Weights
from archscope.sources.onnx_file.dtypes import is_floating
from archscope.sources.onnx_file.places import STATE_NAME
from archscope.sources.onnx_file.walk import SHAPE_UNKNOWN, Held

# Arguments that are no weights, whatever they hold; those of a batch norm were renamed in opset 14.
_SETTINGS = re.compile(
    r".*(?:scales?|zero_points?|roi|sizes|initial_[hc])|min|max|constant_value|ratio|training_mode|seed"
)
_SCALED_NORMS = re.compile(r".*(?:Normalization|GroupNorm|GroupNormalization)")  # whose ``scale`` is a weight
_STATISTICS = frozenset({"mean", "var", "input_mean", "input_var"})
# Where quantised operators take weights.
_QUANTISED = {
    "onnx::DequantizeLinear": {"x"},
    "onnx::QLinearConv": {"w", "B"},
    "onnx::QLinearMatMul": {"a", "b"},
    "onnx::ConvInteger": {"w"},
    "onnx::MatMulInteger": {"A", "B"},
    "onnx::Gather": {"data"},
    "com.microsoft::DequantizeLinear": {"input_0"},
    "com.microsoft::MatMulNBits": {"input_1"},
    "com.microsoft::MatMulBnb4": {"input_1"},
    "com.microsoft::GatherBlockQuantized": {"input_0"},
    "com.microsoft::QGemm": {"input_3", "input_6"},
    "com.microsoft::QAttention": {"input_1"},
    "com.microsoft::QLinearConv": {"input_3", "input_8"},
    "com.microsoft::QLinearAdd": {"input_0", "input_3"},
    "com.microsoft::QLinearMul": {"input_0", "input_3"},
    "com.microsoft::DynamicQuantizeMatMul": {"input_1"},
    "com.microsoft::MatMulIntegerToFloat": {"input_1"},
    "com.microsoft::QEmbedLayerNormalization": {"input_2", "input_3", "input_4"},
}
# Of com.microsoft, by place: scales and zero points.
_CONTRIB_SETTINGS = {
    "com.microsoft::MatMulNBits": {2, 3, 4},
    "com.microsoft::MatMulBnb4": {2},
    "com.microsoft::GatherBlockQuantized": {2, 3},
    "com.microsoft::DynamicQuantizeMatMul": {2, 3},
    "com.microsoft::MatMulIntegerToFloat": {2, 3, 4, 5},
    "com.microsoft::QGemm": {1, 2, 4, 5, 7, 8},
    "com.microsoft::QAttention": {3, 4, 6, 7},
    "com.microsoft::DequantizeLinear": {1, 2},
    "com.microsoft::QuantizeLinear": {1, 2},
    **{f"com.microsoft::QLinear{name}": {1, 2, 4, 5, 6, 7} for name in ("Add", "Mul", "Conv")},
    **{f"com.microsoft::QLinear{name}": {1, 2, 3, 4} for name in ("Sigmoid", "LeakyRelu", "GlobalAveragePool")},
}
_TABLE_TYPES = frozenset({"int8", "uint8", "int4", "uint4", "int2", "uint2"})
_WEIGHT_PLACES = frozenset({"W", "R", "B", "w", "b", "C", "slope", "weight", "bias", "scale"})
_GENERATED = re.compile(
    r"val_\d+|_?val_.*|\d+|.*Constant.*|.*_output_\d+|.*::.*|.*scalar.*|const.*|.*/.*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """One use of a tensor: by ``op`` as argument ``name``, in the module ``path``."""

    op: str
    name: str
    path: Path
    arguments: Mapping[str, object]


def sorted_weights(
    held: Mapping[int, Held], calls: Sequence[OpCall], modules: Iterable[Path], *, named: bool
) -> Weights:
    """Records of the tensors in ``held``, by storage, which ``calls`` read.

    A tensor keeps its name where the file says by it in which module it stands (``named``: the names are those of a
    state_dict), else it stands in the module of its first use.
    """
    uses = _uses(held, calls)
    known, taken = {*modules}, set[Path]()
    parameters, buffers, storages = [], [], {}
    for storage, tensor in held.items():
        used = uses.get(storage, [])
        path = _path(tensor, used, known, named=named)
        while path in taken:
            path += "_"
        taken.add(path)
        meta = tensor.meta
        if _is_parameter(tensor, used):
            shape, dtype = _unpacked(meta, used)
            parameters.append(
                ParameterRecord(
                    path=path,
                    aliases=(),
                    shape=shape,
                    dtype=dtype,
                    trainable=is_floating(meta.dtype),
                    nbytes=meta.nbytes if tensor.stored is None else tensor.stored * (meta.itemsize + 8),
                    stored=tensor.stored,
                )
            )
            storages[path] = storage
        elif used or meta.dtype != "string":
            nbytes = meta.nbytes
            buffers.append(
                BufferRecord(path=path, aliases=(), shape=meta.shape, dtype=meta.dtype, persistent=True, nbytes=nbytes)
            )
    return Weights(parameters=tuple(parameters), buffers=tuple(buffers), storages=storages)


def _uses(held: Mapping[int, Held], calls: Sequence[OpCall]) -> dict[int, list[_Use]]:
    found: dict[int, list[_Use]] = defaultdict(list)
    for call in calls:
        if call.op == "onnx::Constant":
            continue
        for name, value in call.arguments.items():
            for tensor in value if isinstance(value, list) else (value,):
                if isinstance(tensor, TensorMeta) and tensor.storage in held:
                    op = call.op.removesuffix(SHAPE_UNKNOWN)
                    found[tensor.storage].append(_Use(op=op, name=name, path=call.path, arguments=call.arguments))
    return found


def _is_parameter(tensor: Held, uses: Sequence[_Use]) -> bool:
    meta = tensor.meta
    if not is_floating(meta.dtype):
        return any(
            use.name in _QUANTISED.get(use.op, ()) and (use.op != "onnx::Gather" or meta.dtype in _TABLE_TYPES)
            for use in uses
        )
    weighing = [use for use in uses if not _is_setting(use)]
    if uses and not weighing:
        return False
    if meta.numel == 1 and _GENERATED.fullmatch(tensor.name):
        return bool(meta.shape) and any(use.name in _WEIGHT_PLACES and _takes_weights(use.op) for use in weighing)
    return True


def _takes_weights(op: str) -> bool:
    return bool(re.search(r"Conv|Gemm|Norm|PRelu|LSTM|GRU|RNN", op))


def _is_setting(use: _Use) -> bool:
    place = int(use.name.removeprefix("input_")) if re.fullmatch(r"input_\d{1,3}", use.name) else -1
    if place in _CONTRIB_SETTINGS.get(use.op, ()):
        return True
    if use.op == "onnx::BatchNormalization" and use.name in _STATISTICS:
        return True
    if use.name == "scale" and _SCALED_NORMS.fullmatch(use.op):
        return False
    return bool(_SETTINGS.fullmatch(use.name))


def _unpacked(meta: TensorMeta, uses: Sequence[_Use]) -> tuple[tuple[int, ...], str]:
    """The shape and the type of a weight before several numbers were packed into one byte."""
    for use in uses:
        if use.op in {"com.microsoft::MatMulNBits", "com.microsoft::MatMulBnb4"} and use.name == "input_1":
            rows, columns = use.arguments.get("N"), use.arguments.get("K")
            bits = use.arguments.get("bits", 4)
            if isinstance(rows, int) and isinstance(columns, int):
                return (rows, columns), f"uint{bits}"
        if use.op == "com.microsoft::GatherBlockQuantized" and use.name == "input_0" and meta.dtype == "uint8":
            bits = use.arguments.get("bits", 4)
            if isinstance(bits, int) and bits:
                return (*meta.shape[:-1], meta.shape[-1] * 8 // bits), f"uint{bits}"
    return meta.shape, meta.dtype


def _path(tensor: Held, uses: Sequence[_Use], modules: set[Path], *, named: bool) -> Path:
    owner = tensor.name.rpartition(".")[0]
    if owner in modules and (owner or "/" not in tensor.name) and not _is_generated(tensor.name):
        return tensor.name
    if named and STATE_NAME.fullmatch(tensor.name):
        return tensor.name
    place = uses[0].path if uses else ""
    name = tensor.name.rpartition("/")[2].replace(".", "_") or "constant"
    return f"{place}.{name}" if place else name


def _is_generated(name: str) -> bool:
    return bool(_GENERATED.fullmatch(name))
