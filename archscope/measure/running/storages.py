"""The storage of a tensor: the memory that it may share with others, and what tells one storage from another."""

from __future__ import annotations

import torch
from torch import nn

#: The classes of tensors that hold what they show.
PLAIN = frozenset({torch.Tensor, nn.Parameter, nn.Buffer})


def storage_of(tensor: torch.Tensor) -> torch.UntypedStorage | None:
    """The storage of ``tensor``; None where it has none, as sparse and opaque tensors."""
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):
        return None


def identity(storage: torch.UntypedStorage) -> int:
    """The same for every view of one storage, as long as it lives; another one may have it afterwards."""
    return int(storage._cdata)  # noqa: SLF001 - the only identity that a storage has


def layout_of(tensor: torch.Tensor) -> tuple[int, ...] | None:
    """The offset and the strides of a tensor in its storage; None where it lies in order from the start."""
    offset = tensor.storage_offset()
    return None if not offset and tensor.is_contiguous() else (int(offset), *tensor.stride())
