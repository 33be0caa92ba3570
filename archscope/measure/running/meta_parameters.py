"""Replacing a model's parameters and buffers by meta tensors for one call, so that no weight is copied or changed."""

from __future__ import annotations

import torch

from archscope.errors import InputError
from archscope.measure.running.fake_tensors import is_fake
from archscope.measure.running.model_state import Replacement
from archscope.measure.running.parameter_classes import as_parameter
from archscope.measure.running.sparse_tensors import is_sparse, refuse_without_values, sparse_twin
from archscope.measure.running.storages import PLAIN


def meta_like(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor like ``tensor``; itself when it is one."""
    if type(tensor) in PLAIN and tensor.layout is torch.strided and not tensor.is_nested:  # most of them
        return tensor if tensor.is_meta else as_parameter(tensor, torch.empty_like(tensor, device="meta"))
    if tensor.is_meta and not _is_shown_whole(tensor):
        return tensor
    return as_parameter(tensor, meta_twin(tensor))


def meta_twin(tensor: torch.Tensor) -> torch.Tensor:
    """A new plain meta tensor of the same sizes; raises InputError for what meta has no form for."""
    if _is_shown_whole(tensor):
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    if tensor.is_nested and tensor.layout is torch.strided:
        raise InputError("a strided nested tensor has no form on meta", help="trace it with device='cpu'")
    if is_sparse(tensor):
        return sparse_twin(tensor)
    return torch.empty_like(tensor, device="meta") if type(tensor) in PLAIN else tensor.detach().to("meta")


def has_values(tensor: torch.Tensor) -> bool:
    """Whether the elements of ``tensor`` are in this process."""
    return not tensor.is_meta and not _is_shown_whole(tensor)


def real_like(device: str) -> Replacement:
    """Copies on ``device`` (forward may write to them); what has no values gets fixed ones."""

    def twin_of(tensor: torch.Tensor) -> torch.Tensor:
        if has_values(tensor):
            return as_parameter(tensor, tensor.detach().to(device, copy=True))
        refuse_without_values(tensor)
        twin = torch.empty_like(meta_twin(tensor), device=device)
        if twin.dtype.is_floating_point:
            twin.normal_(std=0.02, generator=torch.Generator(device).manual_seed(0))
        else:
            twin.zero_()
        return as_parameter(tensor, twin)

    return twin_of


def with_gradients(replace: Replacement) -> Replacement:
    """The same stand-ins, but no parameter of the model's own among them: theirs may take gradients."""

    def made(tensor: torch.Tensor) -> torch.Tensor:
        twin = replace(tensor)
        if twin is tensor:
            twin = as_parameter(tensor, tensor.detach() if tensor.is_meta else tensor.detach().clone())
        return twin

    return made


def _is_shown_whole(tensor: torch.Tensor) -> bool:
    """Whether ``tensor`` is one in name alone: fake, or with its parts on several devices (DTensor, as of FSDP2)."""
    return is_fake(tensor) or is_distributed(tensor)


def is_distributed(tensor: torch.Tensor) -> bool:
    """Whether ``tensor`` is a DTensor, whose sizes are those of all its parts together."""
    return type(tensor).__module__.startswith("torch.distributed.tensor")
