"""The arguments of a call with their tensors: made from specs, on meta, with values, described by name."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from archscope.spec import Inputs, InputSpec
from archscope.value_text import Fields

_KNOWN = "_archscope_known"  # the attribute of tensors whose values a source gave
InputsLike: TypeAlias = "Inputs | torch.Tensor | Mapping[str, Any] | Sequence[Any] | PackedSequence"


def with_tensors(inputs: Inputs) -> Inputs:
    """``inputs`` with a meta tensor in place of each InputSpec, however deep it lies in lists and dicts.

    Raises InputError where that is deeper than Python's stack.
    """
    try:
        args, kwargs = _made(inputs.args), {name: _made(value) for name, value in inputs.kwargs.items()}
    except RecursionError:
        raise InputError(
            "the inputs cannot be made ready: their lists or dicts are nested too deep", help="pass them less nested"
        ) from None
    return dataclasses.replace(inputs, args=args, kwargs=kwargs)


def from_specs(specs: Iterable[InputSpec]) -> Inputs:
    """The call that ``specs`` write down: unnamed ones in order, the others by name."""
    found = tuple(specs)
    return Inputs(args=tuple(spec for spec in found if not spec.name), kwargs={s.name: s for s in found if s.name})


def _made(value: Any) -> Any:
    if isinstance(value, InputSpec):
        return _known(value) if value.values else torch.empty(value.shape, dtype=_dtype(value), device="meta")
    if type(value) in {tuple, list}:
        return type(value)(map(_made, value))
    if type(value) is dict or isinstance(value, Fields):
        return type(value)((key, _made(part)) for key, part in value.items())
    return value


def _known(spec: InputSpec) -> torch.Tensor:
    """The values of ``spec``, which stay what they are on every device."""
    count = math.prod(spec.shape)
    values = torch.tensor(spec.values).repeat(-(-count // len(spec.values)))[:count]
    tensor = values.to(_dtype(spec)).reshape(spec.shape)
    setattr(tensor, _KNOWN, True)
    return tensor


def invoked(model: nn.Module, call: Inputs) -> Callable[..., Any]:
    """What ``call`` calls: ``forward`` or another method of ``model``."""
    return getattr(model, call.method or "forward")  # type: ignore[no-any-return]  # of a module anything may come


def _dtype(spec: InputSpec) -> torch.dtype:
    dtype = getattr(torch, spec.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise InputError(f"{spec.dtype!r} is no dtype of torch", help="write float32, bfloat16, int64, bool, ...")
    return dtype


def on_meta(inputs: Inputs) -> Inputs:
    """The same call with meta tensors; a source's own values stay, for the model to read them."""
    return exchanged_inputs(inputs, lambda tensor: tensor.clone() if hasattr(tensor, _KNOWN) else meta_twin(tensor))


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
    return dataclasses.replace(inputs, args=args, kwargs=kwargs)


def input_records(model: nn.Module, inputs: Inputs) -> tuple[InputRecord, ...]:
    """The tensors of a call, named by the parameters of what is called (with the place inside a nested argument)."""
    return tuple(
        InputRecord(name=name, shape=shape, dtype=dtype_name(tensor.dtype))
        for name, tensor in input_names(model, inputs)
        for shape in constituents(tensor)
    )


def input_names(model: nn.Module, inputs: Inputs) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a call, each after its name."""
    named = [*zip(_positional_names(model, inputs), inputs.args, strict=True), *inputs.kwargs.items()]
    return ((name + place, tensor) for name, value in named for place, tensor in held_tensors(value))


def _positional_names(model: nn.Module, inputs: Inputs) -> list[str]:
    count = len(inputs.args)
    try:
        parameters = inspect.signature(invoked(model, inputs)).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    names = [p.name for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return [*names[:count], *(f"args[{index}]" for index in range(len(names[:count]), count))]
