"""Tensors that stand in for a model's own for one call, so that its weights are neither copied nor touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import torch
from torch import nn

StandIn: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


def put_stand_ins(modules: Iterable[nn.Module], stand_in: StandIn) -> None:
    """Put ``stand_in(tensor)`` in the place of every tensor that ``modules`` hold.

    Parameters, buffers, plain attributes and those in lists, tuples and dicts (an RNN keeps its flat weights in a
    list); tied ones stay tied. ``preserve.preserved`` brings the originals back.
    """
    made: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def replaced(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) not in made:
                made[id(value)] = (value, stand_in(value))  # the original is kept, so that its id stays its own
            return made[id(value)][1]
        if type(value) in {list, tuple}:
            items = [replaced(item) for item in value]
            changed = any(item is not old for item, old in zip(items, value, strict=True))
            return type(value)(items) if changed else value
        if type(value) is dict:
            entries = {key: replaced(item) for key, item in value.items()}
            return entries if any(entries[key] is not value[key] for key in entries) else value
        return value

    for module in modules:
        for name, value in module.__dict__.items():
            if name in {"_parameters", "_buffers"}:
                value.update({key: replaced(tensor) for key, tensor in value.items()})
            elif name != "_modules":
                module.__dict__[name] = replaced(value)


def meta_twin(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor like ``tensor``; itself when it is one."""
    if tensor.is_meta:
        return tensor
    twin = torch.empty_like(tensor, device="meta") if type(tensor) in _PLAIN else tensor.detach().to("meta")
    return _as_parameter(tensor, twin)


def cpu_twin(tensor: torch.Tensor) -> torch.Tensor:
    """A CPU tensor like ``tensor``: parameters as they are, all else copied, what has no values gets fixed ones."""
    if tensor.is_meta:
        twin = torch.empty_like(tensor, device="cpu")
        if twin.dtype.is_floating_point:
            twin.normal_(std=0.02, generator=torch.Generator().manual_seed(0))
        else:
            twin.zero_()
        return _as_parameter(tensor, twin)
    if isinstance(tensor, nn.Parameter) and tensor.device.type == "cpu":
        return tensor
    return _as_parameter(tensor, tensor.detach().cpu().clone())


def with_gradients(stand_in: StandIn) -> StandIn:
    """The same stand-ins, but no parameter of the model's own among them: theirs may take gradients."""

    def made(tensor: torch.Tensor) -> torch.Tensor:
        twin = stand_in(tensor)
        if twin is tensor:
            twin = _as_parameter(tensor, tensor.detach() if tensor.is_meta else tensor.detach().clone())
        return twin

    return made


_PLAIN = {torch.Tensor, nn.Parameter, nn.Buffer}


def _as_parameter(tensor: torch.Tensor, twin: torch.Tensor) -> torch.Tensor:
    return nn.Parameter(twin, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else twin
