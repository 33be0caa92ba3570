"""The arguments of a model's forward: Inputs, and everything that is accepted in its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from archscope.errors import InputError
from archscope.measure.running.held_tensors import exchanged, held_tensors
from archscope.measure.running.inventory import dtype_name
from archscope.measure.running.meta_parameters import has_values, meta_twin
from archscope.measure.running.nested_tensors import constituents
from archscope.measure.running.sparse_tensors import refuse_without_values
from archscope.records import InputRecord
from archscope.spec import InputSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The arguments of one call, of any structure; tensors stand on any device."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


InputsLike: TypeAlias = "Inputs | torch.Tensor | Mapping[str, Any] | Sequence[Any] | PackedSequence"


def as_inputs(given: InputsLike) -> Inputs:
    """``given`` as the arguments of a call.

    A tuple or a list holds the positional arguments, a mapping those by name; a shape, several of them and specs
    become meta tensors, unnamed ones positional. Anything else is the one argument. Raises InputError for text.
    """
    match given:
        case Inputs():
            return given
        case str():
            raise InputError(
                f"{given!r} is text, as --input takes it",
                help="pass a tensor, a shape such as (1, 3, 224, 224), or Inputs",
            )
        case Mapping():
            return Inputs(kwargs=dict(given))
    parts: list[Any] = list(given) if type(given) in {tuple, list, torch.Size} else []
    if _is_shape(given):
        specs = [InputSpec(shape=tuple(parts))]
    elif parts and all(map(_is_shape, parts)):
        specs = [InputSpec(shape=tuple(shape)) for shape in parts]
    elif all(isinstance(spec, InputSpec) for spec in parts) and type(given) in {tuple, list}:
        specs = parts
    else:
        return Inputs(args=tuple(parts) if type(given) in {tuple, list} else (given,))
    return _from_specs(specs)


def _is_shape(value: Any) -> bool:
    return type(value) in {tuple, list, torch.Size} and bool(value) and all(type(size) is int for size in value)


def _from_specs(specs: Iterable[InputSpec]) -> Inputs:
    tensors = [(spec.name, torch.empty(spec.shape, dtype=_dtype(spec), device="meta")) for spec in specs]
    return Inputs(
        args=tuple(tensor for name, tensor in tensors if not name),
        kwargs={name: tensor for name, tensor in tensors if name},
    )


def _dtype(spec: InputSpec) -> torch.dtype:
    dtype = getattr(torch, spec.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise InputError(f"{spec.dtype!r} is no dtype of torch", help="write float32, bfloat16, int64, bool, ...")
    return dtype


def input_specs(given: InputsLike) -> tuple[InputSpec, ...]:
    """``given`` as what a graph takes: shapes and dtypes, in order or by name. Raises InputError for anything else."""
    if isinstance(given, (tuple, list)) and given and all(isinstance(spec, InputSpec) for spec in given):
        return tuple(given)
    inputs = as_inputs(given)
    named = [*(("", value) for value in inputs.args), *inputs.kwargs.items()]
    for _, value in named:
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"a graph takes tensors, and a {type(value).__name__} is given", help="pass tensors, or shapes"
            )
    return tuple(InputSpec(shape=tuple(value.shape), dtype=dtype_name(value.dtype), name=name) for name, value in named)


def on_meta(inputs: Inputs) -> Inputs:
    """The same call with meta tensors."""
    return exchanged_inputs(inputs, meta_twin)


def with_values(inputs: Inputs, device: str) -> Inputs:
    """The same call with tensors on ``device``; what has no values gets fixed ones (floats in [0, 1), integers 0)."""
    generator = torch.Generator().manual_seed(0)

    def real(tensor: torch.Tensor) -> torch.Tensor:
        if has_values(tensor):
            return tensor.detach().to(device, copy=True)
        refuse_without_values(tensor)
        if tensor.dtype.is_floating_point:
            return torch.rand(tensor.shape, generator=generator).to(device, tensor.dtype)
        return torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)

    return exchanged_inputs(inputs, real)


def exchanged_inputs(inputs: Inputs, change: Callable[[torch.Tensor], torch.Tensor]) -> Inputs:
    """``inputs`` with changed tensors; one that is passed twice stays one (attention asks whether query is key)."""
    args, kwargs = exchanged((inputs.args, dict(inputs.kwargs)), change)
    return Inputs(args=args, kwargs=kwargs)


def input_records(model: nn.Module, inputs: Inputs) -> tuple[InputRecord, ...]:
    """The tensors of a call, named by the parameters of ``model.forward`` (with the place inside a nested argument)."""
    named = [*zip(_positional_names(model, len(inputs.args)), inputs.args, strict=True), *inputs.kwargs.items()]
    return tuple(
        InputRecord(name=name + place, shape=shape, dtype=dtype_name(tensor.dtype))
        for name, value in named
        for place, tensor in held_tensors(value)
        for shape in constituents(tensor)
    )


def _positional_names(model: nn.Module, count: int) -> list[str]:
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    names = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return [*names[:count], *(f"args[{index}]" for index in range(len(names[:count]), count))]
