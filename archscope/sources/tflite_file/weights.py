"""Which constants of a TFLite file are parameters, which are buffers, and at which path of the module tree each stands.

The rule is that of ONNX files: use decides. Parameters are what layers read as weights and biases, whatever their type,
and fractions or quantised integers of more than one element that other operators read. Buffers are the rest: sizes,
axes and indices, lone numbers (what a PADV2 fills with), masks of truth values, the anchors of a detector, states.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archscope.formulas.tflite_recurrent import LSTM_NORMS, LSTM_WEIGHTS
from archscope.records import BufferRecord, OpCall, ParameterRecord, Path, TensorMeta
from archscope.sources.graph_trace import Weights
from archscope.sources.tflite_file.arguments import tensors_in
from archscope.sources.tflite_file.dtypes import is_floating
from archscope.sources.tflite_file.walk import SHAPE_UNKNOWN, Held

#: Inputs that are weights, whatever they hold, and what PyTorch calls those of its layers.
_WEIGHTS = {"filter": "weight", "weights": "weight", "bias": "bias", "alpha": "weight", "value": "weight"}
_WEIGHTS |= {name: name for name in ("weights_feature", "weights_time", "recurrent_weights", "aux_weights", "biases")}
_WEIGHTS |= {name: name for name in (*LSTM_WEIGHTS, *LSTM_NORMS)}
_LAYER = re.compile(
    r"tflite::(?:.*CONV.*|FULLY_CONNECTED|PRELU|.*LSTM|.*RNN|SVDF|EMBEDDING_LOOKUP.*|STABLEHLO_CONVOLUTION)"
)
_DETECTIONS = "tflite.custom::TFLite_Detection_PostProcess"  # whose third input are its anchors


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """One use of a constant: by ``op`` as argument ``name``, in the module ``path``."""

    op: str
    name: str
    path: Path


def sorted_weights(held: Mapping[int, Held], states: Mapping[int, Held], calls: Sequence[OpCall]) -> Weights:
    """Records of the constants in ``held`` and of the variables ``states``, by storage, which ``calls`` read."""
    uses = _uses(held, calls)
    taken: set[Path] = set()
    parameters, buffers, storages = [], [], {}
    for storage, tensor in (*held.items(), *states.items()):
        used = uses.get(storage, [])
        meta = tensor.meta
        weight = _is_parameter(tensor, used)
        path = _free_path(_path(tensor, used, named=weight), taken)
        stored = None if meta.stored is None else meta.stored.values
        if weight:
            parameters.append(
                ParameterRecord(
                    path=path,
                    aliases=(),
                    shape=meta.shape,
                    dtype=meta.dtype,
                    trainable=is_floating(meta.dtype),
                    nbytes=meta.nbytes,
                    stored=stored,
                )
            )
            storages[path] = storage
        else:
            buffers.append(
                BufferRecord(
                    path=path, aliases=(), shape=meta.shape, dtype=meta.dtype, persistent=True, nbytes=meta.nbytes
                )
            )
    return Weights(parameters=tuple(parameters), buffers=tuple(buffers), storages=storages)


def _free_path(path: Path, taken: set[Path]) -> Path:
    """``path``, numbered where another tensor has it."""
    found, number = path, 1
    while found in taken:
        number += 1
        found = f"{path}_{number}"
    taken.add(found)
    return found


def _uses(held: Mapping[int, Held], calls: Sequence[OpCall]) -> dict[int, list[_Use]]:
    """By storage; what converts a constant (DEQUANTIZE, DENSIFY, CAST) passes the uses of its result on."""
    found: dict[int, list[_Use]] = defaultdict(list)
    source: dict[int, int] = {}
    for call in calls:
        op = call.op.removesuffix(SHAPE_UNKNOWN)
        for name, tensor in tensors_in(call.arguments):
            storage = source.get(tensor.storage, tensor.storage)
            if storage in held:
                found[storage].append(_Use(op=op, name=name, path=call.path))
                if op in _CONVERTING and len(call.outputs) == 1:
                    source[call.outputs[0].storage] = storage
    return found


_CONVERTING = frozenset(
    {"tflite::DEQUANTIZE", "tflite::DENSIFY", "tflite::CAST", "tflite::TRANSPOSE", "tflite::QUANTIZE"}
)


def _is_parameter(tensor: Held, uses: Sequence[_Use]) -> bool:
    if any(_is_weight(use) for use in uses):
        return True
    meta: TensorMeta = tensor.meta
    if meta.numel == 1 or not (is_floating(meta.dtype) or tensor.quantised):
        return False
    return any(not _is_setting(use) for use in uses)


def _is_weight(use: _Use) -> bool:
    return use.name.removeprefix("fw_").removeprefix("bw_").removeprefix("aux_") in _WEIGHTS and bool(
        _LAYER.fullmatch(use.op)
    )


def _is_setting(use: _Use) -> bool:
    anchors = use.op == _DETECTIONS and use.name == "input_2"
    return anchors or use.op in _CONVERTING or use.op == "tflite::ASSIGN_VARIABLE"


def _path(tensor: Held, uses: Sequence[_Use], *, named: bool) -> Path:
    weighing = [use for use in uses if _is_weight(use)]
    told = weighing or [use for use in uses if use.op not in _CONVERTING] or uses
    place = told[0].path if told else ""
    if named and weighing:
        name = _WEIGHTS.get(weighing[0].name, weighing[0].name)
    else:
        name = re.split(r"[;/]", tensor.name.rstrip(";"))[-1].replace(".", "_") or "constant"
    return f"{place}.{name}" if place else name
