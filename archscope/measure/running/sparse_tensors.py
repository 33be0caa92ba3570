"""Sparse tensors: what they hold, which decides their bytes and the work on them."""

from __future__ import annotations

import torch

from archscope.errors import InputError
from archscope.records import Stored

_BY_ROW = (torch.sparse_csr, torch.sparse_bsr)
_BY_COLUMN = (torch.sparse_csc, torch.sparse_bsc)


def is_sparse(tensor: torch.Tensor) -> bool:
    """Whether ``tensor`` is in one of torch's sparse layouts."""
    layout = tensor.layout
    return layout is not torch.strided and (layout is torch.sparse_coo or layout in _BY_ROW or layout in _BY_COLUMN)


def values_of(tensor: torch.Tensor) -> torch.Tensor:
    """The values that a sparse tensor holds."""
    return _parts(tensor)[-1]


def stored(tensor: torch.Tensor) -> Stored:
    """The values that a sparse tensor holds (of blocks every element) and the bytes of these and of its indices."""
    *indices, values = _parts(tensor)
    return Stored(values.numel(), sum(part.numel() * part.itemsize for part in (*indices, values)))


def sparse_twin(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor that holds as many values as ``tensor``."""
    *indices, values = (part.detach().to("meta") for part in _parts(tensor))
    if tensor.layout is torch.sparse_coo:
        return torch.sparse_coo_tensor(
            indices[0], values, tensor.shape, is_coalesced=tensor.is_coalesced(), check_invariants=False
        )
    return torch.sparse_compressed_tensor(
        indices[0], indices[1], values, tensor.shape, layout=tensor.layout, check_invariants=False
    )


def refuse_without_values(tensor: torch.Tensor) -> None:
    """Raise InputError for a sparse tensor on meta: nothing tells where its values would stand."""
    if is_sparse(tensor) and tensor.is_meta:
        raise InputError(
            "a sparse tensor on meta cannot be given values", help="build the model and its inputs on a real device"
        )


def _parts(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    if tensor.layout is torch.sparse_coo:
        return tensor._indices(), tensor._values()  # noqa: SLF001 - those of a tensor that is not coalesced
    if tensor.layout in _BY_ROW:
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    return tensor.ccol_indices(), tensor.row_indices(), tensor.values()
