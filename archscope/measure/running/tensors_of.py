"""Listing tensors: a model's parameters and buffers, those in any Python value, those inside tensor subclasses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from archscope.measure.running.held_tensors import held_tensors
from archscope.measure.running.inventory import Inventory
from archscope.measure.running.storages import PLAIN


def registered_tensors(inventory: Inventory) -> list[torch.Tensor]:
    """The parameters and buffers of all modules."""
    stores = [(module._parameters, module._buffers) for module in inventory.modules.values()]  # noqa: SLF001
    return [tensor for both in stores for store in both for tensor in store.values() if tensor is not None]


def and_inner(tensors: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The tensors, and those inside of them that a wrapper subclass computes with."""
    for tensor in tensors:
        yield tensor
        wrapper: Any = tensor
        if type(tensor) not in PLAIN:
            tells = is_traceable_wrapper_subclass(wrapper)
            parts = (
                [getattr(wrapper, name) for name in wrapper.__tensor_flatten__()[0]]
                if tells
                else tensors_in([*vars(wrapper).values()])
            )
            yield from and_inner(part for part in parts if isinstance(part, torch.Tensor))


def tensors_in(values: Any) -> list[torch.Tensor]:
    """Every tensor that ``values`` holds, in containers and objects of any kind."""
    return [tensor for _, tensor in held_tensors(values)]
