"""Replacing a model's parameters and buffers by meta tensors for one call, so that no weight is copied or changed."""

from __future__ import annotations

import torch
from torch import nn

from archscope.measure.running.model_state import Replacement


def meta_like(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor like ``tensor``; itself when it is one."""
    if tensor.is_meta:
        return tensor
    twin = torch.empty_like(tensor, device="meta") if type(tensor) in _PLAIN else tensor.detach().to("meta")
    return _as_parameter(tensor, twin)


def real_like(device: str) -> Replacement:
    """Copies on ``device`` (forward may write to them); what has no values gets fixed ones."""

    def twin_of(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_meta:
            return _as_parameter(tensor, tensor.detach().to(device, copy=True))
        twin = torch.empty_like(tensor, device=device)
        if twin.dtype.is_floating_point:
            twin.normal_(std=0.02, generator=torch.Generator(device).manual_seed(0))
        else:
            twin.zero_()
        return _as_parameter(tensor, twin)

    return twin_of


def with_gradients(replace: Replacement) -> Replacement:
    """The same stand-ins, but no parameter of the model's own among them: theirs may take gradients."""

    def made(tensor: torch.Tensor) -> torch.Tensor:
        twin = replace(tensor)
        if twin is tensor:
            twin = _as_parameter(tensor, tensor.detach() if tensor.is_meta else tensor.detach().clone())
        return twin

    return made


_PLAIN = {torch.Tensor, nn.Parameter, nn.Buffer}


def _as_parameter(tensor: torch.Tensor, twin: torch.Tensor) -> torch.Tensor:
    return nn.Parameter(twin, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else twin
