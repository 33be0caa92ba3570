"""The bytes of weights that ``parameters()`` does not show: packed by quantised modules, or wrapped by subclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from archscope.measure.running.meta_parameters import is_distributed
from archscope.measure.running.sparse_tensors import is_sparse, stored
from archscope.records import BufferRecord, Path

_PARTS = ("weight", "bias")


def packed_weights(modules: Mapping[Path, nn.Module]) -> tuple[BufferRecord, ...]:
    """The weights and biases inside the packed parameters of quantised modules, each object once."""
    seen: set[int] = set()
    found = []
    for path, module in modules.items():
        for name, value in module.__dict__.items():
            if isinstance(value, torch.ScriptObject) and hasattr(value, "unpack") and id(value) not in seen:
                seen.add(id(value))
                place = f"{path}.{name}" if path else name
                found += [
                    BufferRecord(
                        path=f"{place}.{part}",
                        aliases=(),
                        shape=tuple(tensor.shape),
                        dtype=str(tensor.dtype).removeprefix("torch."),
                        persistent=True,
                        nbytes=true_bytes(tensor),
                    )
                    for part, tensor in zip(_PARTS, _tensors(value.unpack()), strict=False)
                ]
    return tuple(found)


def _tensors(unpacked: object) -> Iterator[torch.Tensor]:
    parts = unpacked if isinstance(unpacked, tuple) else (unpacked,)
    yield from (part for part in parts if isinstance(part, torch.Tensor))


def true_bytes(tensor: torch.Tensor) -> int:
    """Bytes of the elements; of a wrapper subclass (packed int4, say) the bytes of the tensors inside it.

    A DTensor takes what its parts on all devices take together, a sparse tensor its values and their indices.
    """
    if is_sparse(tensor):
        return stored(tensor).nbytes
    wrapper: Any = tensor
    if is_traceable_wrapper_subclass(wrapper) and not is_distributed(tensor):
        names, _ = wrapper.__tensor_flatten__()
        parts = [getattr(tensor, name) for name in names]
        return sum(true_bytes(part) for part in parts if isinstance(part, torch.Tensor))
    return tensor.numel() * tensor.itemsize
