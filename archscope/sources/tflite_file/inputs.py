"""The inputs of a TFLite graph: which sizes the file leaves open, and shapes given as PyTorch has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from archscope.sources.onnx_file.inputs import Declared
from archscope.sources.tflite_file.dtypes import HANDLES
from archscope.sources.tflite_file.graph import Program, Signature
from archscope.spec import InputSpec

_WHOLE = frozenset({"int64", "int32"})  # converters narrow indices


def declared_inputs(program: Program, signature: Signature) -> tuple[Declared, ...]:
    """The tensors that the subgraph of ``signature`` takes; texts and handles are not among them."""
    graph = program.subgraphs[signature.subgraph]
    found: dict[str, Declared] = {}
    for index in graph.inputs:
        tensor = graph.tensors[index]
        if tensor.dtype in HANDLES:
            continue
        name = signature.inputs.get(index) or tensor.name or f"input_{index}"
        while name in found:
            name += "_"
        sizes = tuple(size if size >= 0 else f"{name}[{axis}]" for axis, size in enumerate(tensor.signature))
        found[name] = Declared(name=name, dtype=tensor.dtype, sizes=sizes)
    return tuple(found.values())


def as_the_file_has_them(declared: Sequence[Declared], given: Sequence[InputSpec]) -> tuple[InputSpec, ...]:
    """``given`` with the channels last where the file has them last, and with its width of whole numbers."""
    by_name = {entry.name: entry for entry in declared}
    named = {spec.name for spec in given}
    waiting = iter([entry for entry in declared if entry.name not in named])
    found = []
    for spec in given:
        entry = by_name.get(spec.name) if spec.name else next(waiting, None)
        found.append(spec if entry is None else _fitted(entry, spec))
    return tuple(found)


def _fitted(entry: Declared, spec: InputSpec) -> InputSpec:
    shape, sizes = spec.shape, entry.sizes or ()
    moved = channels_last(shape)
    if len(shape) == len(sizes) and not _fits(sizes, shape) and _fits(sizes, moved):
        spec = dataclasses.replace(spec, shape=moved)
    if {spec.dtype, entry.dtype} <= _WHOLE:
        spec = dataclasses.replace(spec, dtype=entry.dtype)
    return spec


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(batch, channels, height, width) as (batch, height, width, channels), for images and volumes."""
    return (shape[0], *shape[2:], shape[1]) if 4 <= len(shape) <= 5 else shape


def _fits(sizes: tuple[int | str, ...], shape: tuple[int, ...]) -> bool:
    return all(isinstance(size, str) or size == got for size, got in zip(sizes, shape, strict=True))
