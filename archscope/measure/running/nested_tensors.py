"""Nested tensors: which operators their own class takes apart, and the tensors that one consists of."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes

from archscope.records import Shape, TensorMeta

_WHOLE = torch.Tensor.__torch_dispatch__  # of classes without one of their own
_JAGGED = "torch.nested._internal.nested_tensor"


def takes_apart(types: Iterable[type]) -> bool:
    """Whether one of ``types`` runs an operator as operators on plain tensors, as jagged tensors and users' classes do.

    Torch's own are recorded whole: fake ones, those on several devices.
    """
    return any(map(_is_taken_apart, types))


@functools.cache
def _is_taken_apart(kind: Any) -> bool:
    home: str = kind.__module__
    return home == _JAGGED or (home.partition(".")[0] != "torch" and kind.__torch_dispatch__ is not _WHOLE)


def constituents(tensor: torch.Tensor) -> tuple[Shape, ...]:
    """The shapes of the tensors that a nested tensor consists of; those of another tensor are its own."""
    if not tensor.is_nested:
        return (tuple(tensor.shape),)
    with _disable_current_modes():
        if tensor.layout is torch.strided:
            return tuple(tuple(sizes) for sizes in tensor._nested_tensor_size().tolist())  # noqa: SLF001 - no public name
        return tuple(tuple(part.shape) for part in tensor.detach().unbind())


def shapes_of(tensors: Iterable[torch.Tensor]) -> tuple[Shape, ...]:
    """The shape of each tensor; of a nested one those of its constituents."""
    return tuple(shape for tensor in tensors for shape in constituents(tensor))


class Constituents(tuple[TensorMeta, ...]):
    """The records of the tensors that a strided nested tensor consists of, each a batch of one."""

    __slots__ = ()


def spread(arguments: Mapping[str, Any], outputs: Sequence[Any]) -> list[tuple[dict[str, Any], tuple[TensorMeta, ...]]]:
    """One call of an operator on nested tensors as one on each of their constituents: arguments and outputs."""
    count = max(map(len, _nested([*arguments.values(), *outputs])), default=1)
    return [
        (
            {name: _constituent(value, place) for name, value in arguments.items()},
            tuple(_constituent(output, place) for output in outputs if not place or isinstance(output, Constituents)),
        )
        for place in range(count)
    ]


def _nested(values: Iterable[Any]) -> Iterator[Constituents]:
    for value in values:
        if isinstance(value, Constituents):
            yield value
        elif isinstance(value, list):
            yield from _nested(value)


def _constituent(value: Any, place: int) -> Any:
    if isinstance(value, Constituents):
        return value[place % len(value)]
    if isinstance(value, list):
        return [_constituent(item, place) for item in value]
    return value
