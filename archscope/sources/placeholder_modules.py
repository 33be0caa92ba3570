"""Modules without code: a tree with the names, types and tensors of a network that cannot be run."""

# ruff: noqa: SLF001 - names of tensors may clash with attributes, so torch's own tables are used

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from archscope.records import Path


class Placeholder(nn.Module):
    """A place in a module tree. Its tensors and children stand in torch's own tables, whatever they are called."""

    def forward(self, *_args: Any, **_kwargs: Any) -> Any:
        """There is nothing to run."""
        raise RuntimeError("weights alone hold no code to run; leave out the input")

    def plant(self, path: Path, tensor: torch.Tensor, *, persistent: bool = True) -> None:
        """Put ``tensor`` at ``path`` below this module: an nn.Parameter as parameter, any other as buffer."""
        owner, _, name = path.rpartition(".")
        place = self.place(owner)
        if isinstance(tensor, nn.Parameter):
            place._parameters[name] = tensor
            return
        place._buffers[name] = tensor
        if not persistent:
            place._non_persistent_buffers_set.add(name)

    def place(self, path: Path) -> nn.Module:
        """The module at ``path``, made with what lies between when it is not there yet."""
        found: nn.Module = self
        for name in path.split(".") if path else ():
            child = found._modules.get(name)
            if child is None:
                child = found._modules[name] = self.child()
            found = child
        return found

    def child(self) -> Placeholder:
        """A new module for a place below this one."""
        return Placeholder()


def rename(module: nn.Module, type_name: str) -> None:
    """Let ``module`` bear the name of the class that stood in its place."""
    kind = _named(type_name.replace("\0", ""), type(module))  # type: ignore[arg-type]  # a class can be hashed
    object.__setattr__(module, "__class__", kind)  # a child may bear that very name


@functools.lru_cache(maxsize=1024)
def _named(type_name: str, base: type[nn.Module]) -> type[nn.Module]:
    return type(type_name, (base,), {})


def tied(tensors: Mapping[Path, torch.Tensor]) -> dict[Path, torch.Tensor]:
    """``tensors`` with one object for all entries that are the same place of the same storage."""
    first: dict[Any, torch.Tensor] = {}
    return {path: first.setdefault(_place_of(path, tensor), tensor) for path, tensor in tensors.items()}


def _place_of(path: Path, tensor: torch.Tensor) -> Any:
    if tensor.layout is not torch.strided:
        return path
    return (tensor.untyped_storage()._cdata, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
