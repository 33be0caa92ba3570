"""Weights that files keep packed in integers: how many elements each stands for, by the layout of its quantiser."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch

from archscope.errors import ImportModelError
from archscope.records import BufferRecord, ParameterRecord, Path

Tensors = Mapping[Path, torch.Tensor]
Values = Callable[[Path], bytes]

_BNB_STATE = ".quant_state.bitsandbytes__"
_LONGEST_STATE = 65_536  # bytes of what bitsandbytes writes of one tensor: some hundred
_WORD = 32  # bits of the integers that GPTQ, AWQ and compressed-tensors pack into


@dataclass(slots=True)
class Packed:
    """The packed weights that were found, and the tensors that describe them: scales, zero points, code books."""

    weights: dict[Path, tuple[Path, tuple[int, ...], str]] = field(default_factory=dict)
    describing: set[Path] = field(default_factory=set)


def packed_weights_in(tensors: Tensors, values: Values) -> Packed:
    """The packed weights among ``tensors``: path of the integers to path, shape and kind of what they stand for.

    Known are the layouts of bitsandbytes (4 and 8 bits), GPTQ, AWQ, compressed-tensors and the MXFP4 of gpt-oss.
    ``values`` gives the bytes of a small tensor that says a shape. Raises ImportModelError where that contradicts the
    integers.
    """
    found = Packed()
    for path, tensor in tensors.items():
        head, _, last = path.rpartition(".")
        if _BNB_STATE in path and tensor.dtype == torch.uint8:
            _bitsandbytes(found, tensors, path, values)
        elif last == "SCB" and _is(tensors, f"{head}.weight", torch.int8):
            found.describing |= {path, f"{head}.weight_format"} & tensors.keys()
        elif last == "qweight" and tensor.dtype == torch.int32 and tensor.dim() == 2:
            _gptq_or_awq(found, tensors, head, tensor)
        elif last == "weight_packed" and tensor.dtype == torch.int32 and f"{head}.weight_shape" in tensors:
            _compressed(found, tensors, head, tensor, values)
        elif last.endswith("_blocks") and tensor.dtype == torch.uint8 and tensor.dim() >= 2:
            _mxfp4(found, tensors, path, tensor)
    return found


def records_of(
    tensors: Tensors, found: Packed, buffers: Callable[[Path], bool]
) -> Iterator[ParameterRecord | BufferRecord]:
    """``tensors`` as records: packed ones with the elements that they stand for, describing ones as buffers."""
    first: dict[int, Path] = {}
    for path, tensor in tensors.items():
        first.setdefault(id(tensor), path)
    for path, tensor in tensors.items():
        if first[id(tensor)] != path:
            continue
        aliases = tuple(other for other, same in tensors.items() if same is tensor and other != path)
        nbytes, dtype = tensor.numel() * tensor.itemsize, str(tensor.dtype).removeprefix("torch.")
        if path in found.weights:
            name, shape, kind = found.weights[path]
            if name != path and name in tensors:
                raise ImportModelError(f"{name[:200]!r} stands there packed and as it is", help="save it again")
            yield ParameterRecord(path=name, aliases=(), shape=shape, dtype=kind, trainable=False, nbytes=nbytes)
        elif path in found.describing or buffers(path):
            yield BufferRecord(
                path=path, aliases=aliases, shape=tuple(tensor.shape), dtype=dtype, persistent=True, nbytes=nbytes
            )
        else:
            yield ParameterRecord(
                path=path,
                aliases=aliases,
                shape=tuple(tensor.shape),
                dtype=dtype,
                trainable=tensor.dtype.is_floating_point,
                nbytes=nbytes,
            )


def _is(tensors: Tensors, path: Path, dtype: torch.dtype) -> bool:
    return path in tensors and tensors[path].dtype == dtype


def _bitsandbytes(found: Packed, tensors: Tensors, state: Path, values: Values) -> None:
    """Two codes in a byte; the shape stands in a JSON text beside them (bitsandbytes, QuantState.as_dict)."""
    weight, _, kind = state.partition(_BNB_STATE)
    if weight not in tensors:
        return
    try:
        said = json.loads(values(state)) if tensors[state].numel() <= _LONGEST_STATE else {}
        shape = tuple(said["shape"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ImportModelError(f"{state[:200]!r} does not say the shape of its weight", help="save it again") from error
    _add(found, weight, weight, shape, kind[:20], -(-_elements(shape) // 2) == tensors[weight].numel())
    parts = ("absmax", "quant_map", "nested_absmax", "nested_quant_map")
    found.describing |= {state, *(f"{weight}.{part}" for part in parts)} & tensors.keys()


def _gptq_or_awq(found: Packed, tensors: Tensors, head: Path, packed: torch.Tensor) -> None:
    """GPTQ packs along the inputs, AWQ along the outputs; scales (groups, outputs) tell how many codes a word holds."""
    scales, order = tensors.get(f"{head}.scales"), tensors.get(f"{head}.g_idx")
    if scales is None or scales.dim() != 2 or not packed.numel():
        return
    rows, columns = packed.shape
    outputs = scales.shape[1]
    if columns == outputs:
        inputs = order.numel() if order is not None else _inputs_of(tensors, head, rows)
        bits = rows * _WORD // inputs if inputs else 0
        kind, fits = "GPTQ", bool(inputs) and bits * inputs == rows * _WORD
    else:
        inputs, bits = rows, columns * _WORD // outputs if outputs else 0
        kind, fits = "AWQ", bits * outputs == columns * _WORD
    if not 1 <= bits <= _WORD:
        return
    _add(found, f"{head}.qweight", f"{head}.weight", (outputs, inputs), f"{kind} int{bits}", fits)
    found.describing |= {f"{head}.{part}" for part in ("qzeros", "scales", "g_idx")} & tensors.keys()


def _inputs_of(tensors: Tensors, head: Path, rows: int) -> int:
    """The inputs of a GPTQ layer without an order: zero points (groups, outputs x bits / 32) tell the bits."""
    zeros, scales = tensors.get(f"{head}.qzeros"), tensors[f"{head}.scales"]
    if zeros is None or zeros.dim() != 2 or not scales.shape[1]:
        return 0
    bits = zeros.shape[1] * _WORD // scales.shape[1]
    return rows * _WORD // bits if bits else 0


def _compressed(found: Packed, tensors: Tensors, head: Path, packed: torch.Tensor, values: Values) -> None:
    """The shape stands beside the integers as two of 64 bits (compressed-tensors, pack_quantized)."""
    said = tensors[f"{head}.weight_shape"]
    content = values(f"{head}.weight_shape") if said.numel() == 2 and said.dtype == torch.int64 else b""
    shape = (int.from_bytes(content[:8], "little"), int.from_bytes(content[8:16], "little"))
    if packed.dim() != 2 or not all(shape) or packed.shape[0] != shape[0]:
        raise ImportModelError(f"{head[:200]!r}: weight_shape contradicts weight_packed", help="save it again")
    bits = packed.shape[1] * _WORD // shape[1]
    fits = 1 <= bits <= _WORD and -(-shape[1] // (_WORD // bits)) == packed.shape[1]
    _add(found, f"{head}.weight_packed", f"{head}.weight", shape, f"int{bits}", fits)
    parts = ("weight_shape", "weight_scale", "weight_zero_point", "weight_g_idx")
    found.describing |= {f"{head}.{part}" for part in parts} & tensors.keys()


def _mxfp4(found: Packed, tensors: Tensors, path: Path, blocks: torch.Tensor) -> None:
    """Blocks of 16 bytes hold 32 codes each, a scale of 8 bits to a block (OCP Microscaling Formats, 1.0)."""
    name = path.removesuffix("_blocks")
    scales = tensors.get(f"{name}_scales")
    if scales is None or blocks.shape[-1] != 16 or scales.shape != blocks.shape[:-1]:
        return
    _add(found, path, name, (*blocks.shape[:-2], blocks.shape[-2] * 32), "MXFP4", fits=True)
    found.describing.add(f"{name}_scales")


def _elements(shape: tuple[object, ...]) -> int:
    if not all(type(size) is int and 0 <= size < 1 << 48 for size in shape) or len(shape) > 8:
        return -1
    return math.prod(size for size in shape if isinstance(size, int))


def _add(found: Packed, packed: Path, name: Path, shape: tuple[int, ...], kind: str, fits: bool) -> None:  # noqa: FBT001, PLR0913, PLR0917
    if not fits:
        raise ImportModelError(
            f"the packed tensor {packed[:200]!r} does not hold a weight of {shape}", help="fetch or save it again"
        )
    found.weights[packed] = (name, shape, kind)
