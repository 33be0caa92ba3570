"""The bytes of weights that ``parameters()`` does not show: packed by quantised modules, or wrapped by subclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from archscope.measure.running.held_tensors import held_tensors
from archscope.measure.running.meta_parameters import is_distributed
from archscope.measure.running.parameter_classes import has_own_class
from archscope.measure.running.sparse_tensors import is_sparse, stored
from archscope.measure.running.storages import PLAIN
from archscope.records import BufferRecord, Path

_PACKED = frozenset({torch.ScriptObject})
_PARTS = ("weight", "bias")
# It unpacks in float32 what it holds in float16.
_LINEAR = "__torch__.torch.classes.quantized.LinearPackedParamsBase"
# What holds its tensors without an unpack(): cells of recurrent layers, embeddings.
_STATED = ("__torch__.torch.classes.rnn.", "__torch__.torch.classes.quantized.")


def packed_weights(modules: Mapping[Path, nn.Module]) -> tuple[BufferRecord, ...]:
    """The weights and biases inside the packed parameters of quantised modules, each object and tensor once."""
    seen: dict[int, object] = {}  # kept, so that their ids stay their own
    found = []
    for path, module in modules.items():
        held = module.__dict__
        script = isinstance(module, torch.jit.ScriptModule)
        if not script and _PACKED.isdisjoint(map(type, held.values())):
            continue
        for name, value in (*held.items(), *(_of_program(module) if script else ())):
            if type(value) in _PACKED and id(value) not in seen:
                seen[id(value)] = value
                found += [
                    BufferRecord(
                        path=f"{path}.{name}.{part}" if path else f"{name}.{part}",
                        aliases=(),
                        shape=tuple(tensor.shape),
                        dtype=str(tensor.dtype).removeprefix("torch."),
                        persistent=True,
                        nbytes=true_bytes(tensor),
                    )
                    for part, tensor in _inside(value)
                ]
    return tuple(found)


def _of_program(module: Any) -> Iterator[tuple[str, Any]]:
    """The packed parameters that a part of a TorchScript program holds itself, as its methods read them."""
    names: dict[str, None] = {}
    for method in module._c._method_names():  # noqa: SLF001
        graph = module._c._get_method(method).graph  # noqa: SLF001
        own = next(graph.inputs()).debugName()
        for node in graph.findAllNodes("prim::GetAttr"):
            if node.input().debugName() == own and str(node.output().type()).startswith("__torch__.torch.classes."):
                names[node.s("name")] = None
    for name in names:
        yield name, module._c.getattr(name)  # noqa: SLF001


def _inside(packed: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of one packed object by name; those of a recurrent cell stand in packed objects of its own."""
    if hasattr(packed, "unpack"):
        unpacked = packed.unpack()
        parts = unpacked if isinstance(unpacked, tuple) else (unpacked,)
        for name, part in zip(_PARTS, parts, strict=False):
            if isinstance(part, torch.Tensor):
                half = name == "weight" and part.dtype is torch.float32 and _kind(packed) == _LINEAR
                yield name, torch.empty_like(part, dtype=torch.float16, device="meta") if half else part
        return
    if not _kind(packed).startswith(_STATED):
        return
    known: set[int] = set()
    for place, part in _leaves("", packed.__getstate__()):
        inner = [(place, part)]
        if isinstance(part, torch.ScriptObject):
            inner = [(f"{place}.{name}", tensor) for name, tensor in _inside(part)]
        for name, tensor in inner:
            if isinstance(tensor, torch.Tensor) and (tensor.is_meta or tensor.data_ptr() not in known):
                known.add(tensor.data_ptr())  # a bias is held twice
                yield name.removeprefix("."), tensor


def _kind(packed: Any) -> str:
    return str(packed._type().qualified_name())  # noqa: SLF001 - torch has no public name for it


def _leaves(place: str, state: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(state, (list, tuple)):
        for index, part in enumerate(state):
            yield from _leaves(f"{place}.{index}", part)
    else:
        yield place, state


def shape_before_packing(tensor: torch.Tensor) -> tuple[int, ...]:
    """The shape that ``tensor`` stands for: bitsandbytes keeps it beside the bytes in which two weights lie."""
    shape = getattr(_state(tensor), "shape", None)
    return tuple(shape) if isinstance(shape, torch.Size) else tuple(tensor.shape)


def _state(tensor: Any) -> Any:
    """What bitsandbytes knows of a packed weight besides its bytes."""
    return vars(tensor).get("quant_state") if has_own_class(tensor) else None


def true_bytes(tensor: torch.Tensor) -> int:
    """Bytes of the elements; of a wrapper subclass (packed int4, say) the bytes of the tensors inside it.

    Of a weight of bitsandbytes also those of its scales and its code. A DTensor takes what its parts on all devices
    take together, a sparse tensor its values and their indices.
    """
    if is_sparse(tensor):
        return stored(tensor).nbytes
    if type(tensor) in PLAIN:
        return tensor.numel() * tensor.itemsize
    wrapper: Any = tensor
    if is_traceable_wrapper_subclass(wrapper) and not is_distributed(tensor):
        names, _ = wrapper.__tensor_flatten__()
        parts = [getattr(tensor, name) for name in names]
        return sum(true_bytes(part) for part in parts if isinstance(part, torch.Tensor))
    state = _state(tensor)
    scales = sum(part.numel() * part.itemsize for _, part in held_tensors(state)) if state is not None else 0
    return tensor.numel() * tensor.itemsize + scales
