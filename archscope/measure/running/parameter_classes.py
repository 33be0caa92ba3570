"""Parameters of a class of their own (bitsandbytes' packed weights): stand-ins of that class, with what they hold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from archscope.measure.running.held_tensors import held_tensors

_PLAIN = (nn.Parameter, nn.Buffer)


def as_parameter(tensor: torch.Tensor, twin: torch.Tensor) -> torch.Tensor:
    """``twin``, as a parameter where ``tensor`` is one, and of its class where that is derived from nn.Parameter."""
    if not isinstance(tensor, nn.Parameter):
        return twin
    kind: Any = type(tensor)
    if not has_own_class(tensor):
        return nn.Parameter(twin, requires_grad=tensor.requires_grad)
    made: Any = torch.Tensor._make_subclass(kind, twin.as_subclass(torch.Tensor), tensor.requires_grad)  # noqa: SLF001
    for name, value in _slots(tensor):
        object.__setattr__(made, name, value)
    return made  # type: ignore[no-any-return]


def has_own_class(tensor: torch.Tensor) -> bool:
    """Whether ``tensor`` is of a class that a library derived from nn.Parameter."""
    return type(tensor) not in _PLAIN and nn.Parameter in type(tensor).__mro__


def attributes_of(tensor: torch.Tensor, replace: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, Any]:
    """What hangs on ``tensor``: in a copy with stand-ins for the tensors in it, as far as it can be copied."""
    if not has_own_class(tensor):
        return dict(tensor.__dict__)
    memo: dict[int, Any] = {}
    kept: list[torch.Tensor] = []
    for _, inner in held_tensors(list(tensor.__dict__.values())):
        if id(inner) not in memo:
            kept.append(inner)  # its id stays its own
            memo[id(inner)] = replace(inner)
    held = {}
    for name, value in tensor.__dict__.items():
        try:
            held[name] = value if isinstance(value, nn.Module) else copy.deepcopy(value, memo)
        except Exception:  # noqa: BLE001 - anything may refuse to be copied: then it is shared
            held[name] = value
    return held


def _slots(tensor: torch.Tensor) -> list[tuple[str, Any]]:
    names = [name for kind in type(tensor).__mro__ for name in _names(vars(kind).get("__slots__", ()))]
    return [
        (name, getattr(tensor, name))
        for name in names
        if name not in {"__dict__", "__weakref__"} and hasattr(tensor, name)
    ]


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)
