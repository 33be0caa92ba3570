"""Two operators of archscope's own, which a TorchScript program runs where a module of it starts and ends."""

from __future__ import annotations

import functools
from typing import Any

import torch

NAMESPACE = "archscope_marks"
ENTER, LEAVE = f"{NAMESPACE}::enter", f"{NAMESPACE}::leave"


@functools.cache
def mark_operators() -> Any:
    """Register both, once a process; the library, which must be kept. They do nothing but be seen by a recorder."""
    library = torch.library.Library(NAMESPACE, "DEF")
    for name in ("enter", "leave"):
        library.define(f"{name}(str path, Tensor[] values) -> ()")
        library.impl(name, _nothing, "CompositeExplicitAutograd")
    return library


def _nothing(_path: str, _values: list[torch.Tensor]) -> None:
    return None
