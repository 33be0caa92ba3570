"""The arguments of a model's forward: Inputs, and everything that is accepted in its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.utils import _pytree as pytree

from archscope.errors import InputError
from archscope.measure.running.inventory import dtype_name
from archscope.records import InputRecord
from archscope.spec import InputSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The arguments of one call, of any structure; tensors stand on any device."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


InputsLike: TypeAlias = "Inputs | torch.Tensor | tuple[InputSpec, ...]"


def as_inputs(given: InputsLike) -> Inputs:
    """``given`` as the arguments of a call: specs become meta tensors, unnamed ones positional."""
    if isinstance(given, Inputs):
        return given
    if isinstance(given, torch.Tensor):
        return Inputs(args=(given,))
    tensors = [(spec.name, torch.empty(spec.shape, dtype=_dtype(spec), device="meta")) for spec in given]
    return Inputs(
        args=tuple(tensor for name, tensor in tensors if not name),
        kwargs={name: tensor for name, tensor in tensors if name},
    )


def _dtype(spec: InputSpec) -> torch.dtype:
    dtype = getattr(torch, spec.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise InputError(f"{spec.dtype!r} is no dtype of torch", help="write float32, bfloat16, int64, bool, ...")
    return dtype


def on_meta(inputs: Inputs) -> Inputs:
    """The same call with meta tensors."""
    return _mapped(inputs, lambda tensor: tensor.detach().to("meta"))


def with_values(inputs: Inputs, device: str) -> Inputs:
    """The same call with tensors on ``device``; what has no values gets fixed ones (floats in [0, 1), integers 0)."""
    generator = torch.Generator().manual_seed(0)

    def real(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_meta:
            return tensor.detach().to(device, copy=True)
        if tensor.dtype.is_floating_point:
            return torch.rand(tensor.shape, generator=generator).to(device, tensor.dtype)
        return torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)

    return _mapped(inputs, real)


def _mapped(inputs: Inputs, change: Callable[[torch.Tensor], torch.Tensor]) -> Inputs:
    """``inputs`` with changed tensors; one that is passed twice stays one (attention asks whether query is key)."""
    made: dict[int, torch.Tensor] = {}

    def changed(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in made:
            made[id(tensor)] = change(tensor)
        return made[id(tensor)]

    args, kwargs = pytree.tree_map_only(torch.Tensor, changed, (inputs.args, dict(inputs.kwargs)))
    return Inputs(args=args, kwargs=kwargs)


def input_records(model: nn.Module, inputs: Inputs) -> tuple[InputRecord, ...]:
    """The tensors of a call, named by the parameters of ``model.forward`` (with the place inside a nested argument)."""
    named = [*zip(_positional_names(model, len(inputs.args)), inputs.args, strict=True), *inputs.kwargs.items()]
    return tuple(
        InputRecord(name=name + pytree.keystr(place), shape=tuple(leaf.shape), dtype=dtype_name(leaf.dtype))
        for name, value in named
        for place, leaf in pytree.tree_flatten_with_path(value)[0]
        if isinstance(leaf, torch.Tensor)
    )


def _positional_names(model: nn.Module, count: int) -> list[str]:
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    names = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return [*names[:count], *(f"args[{index}]" for index in range(len(names[:count]), count))]
