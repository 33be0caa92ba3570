"""Weights that a model holds as arrays, lists of numbers or bytes, and that become tensors while it runs."""

from __future__ import annotations

import array
import math
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor

from archscope.measure.running.inventory import dtype_name
from archscope.records import HeldRecord

Numbers: TypeAlias = "np.ndarray[Any, Any]"

_OFF = torch._C._DisableTorchDispatch  # noqa: SLF001 - no public name; looking at values is none of the run's work
_BYTES = (bytes, bytearray, memoryview)
_LISTS = (list, tuple)
_HOLDERS = (*_LISTS, *_BYTES, np.ndarray, array.array)
_LOOKED_AT = 4096  # values of a tensor
_ENOUGH = 16  # elements that go up and down together are no coincidence: they were scaled, or unpacked
_TOGETHER = 0.7
_BY_DTYPE = {torch.float64: "f8", torch.float32: "f4", torch.float16: "f2"}


class Made(NamedTuple):
    """A floating tensor that was made of numbers while the model ran; ``values`` are the first of them.

    None where it was read from a file: nothing else is needed to know that it was worked out before.
    """

    storage: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    values: Numbers | None


def made_of_numbers(storage: int, tensor: torch.Tensor, data: Any = None) -> Made | None:
    """``tensor``, which was made of ``data``; None for one that can be no weight: single, or not floating."""
    if tensor.numel() < 2 or not (tensor.is_floating_point() or tensor.is_complex()):
        return None
    known = not tensor.is_meta and not isinstance(tensor, FakeTensor)
    values = _values(tensor) if known else _numbers(data, tensor.dtype)
    return None if values is None else Made(storage, tuple(tensor.shape), tensor.dtype, values[:_LOOKED_AT])


def of_a_file(storage: int, tensor: torch.Tensor) -> Made:
    """``tensor``, which was read from a file."""
    return Made(storage, tuple(tensor.shape), tensor.dtype, None)


def held_as_numbers(made: Iterable[Made], contents: Iterable[Any], known: AbstractSet[int]) -> tuple[HeldRecord, ...]:
    """Those of ``made`` whose numbers stood in one of the ``contents`` before the run; ``known`` storages are others'.

    They are found by their values, or where an array of just as many elements was scaled or unpacked.
    What the run worked out itself, as a window of a length, and what its code says in so many numbers is none of them.
    """
    waiting = [one for one in made if one.storage not in known]
    holders = [*_holders(contents)] if any(one.values is not None for one in waiting) else []
    return tuple(
        HeldRecord(one.storage, one.shape, dtype_name(one.dtype), math.prod(one.shape), parameter=False, floating=True)
        for one in waiting
        if one.values is None or _stands_in(one, one.values, holders)
    )


def _stands_in(made: Made, values: Numbers, holders: Iterable[Any]) -> bool:
    left = np.unique(values)
    left = left[left != np.trunc(left)]  # whole numbers are everywhere
    if left.size < 2:
        return False
    for holder in holders:
        found = _numbers(holder, made.dtype)
        if found is None:
            continue
        if found.size == math.prod(made.shape) >= _ENOUGH and _go_together(values, found, made.shape):
            return True
        left = left[~np.isin(left, _narrowed(found, made.dtype))]
        if not left.size:
            return True
    return False


def _go_together(values: Numbers, found: Numbers, shape: tuple[int, ...]) -> bool:
    """Whether ``found``, or its transpose, rises and falls as the first ``values`` of a tensor do."""
    orders = (found, found.reshape(shape[::-1]).T.ravel())
    with np.errstate(all="ignore"):
        return any(abs(np.corrcoef(values, order[: values.size])[0, 1]) > _TOGETHER for order in orders)


def _holders(contents: Iterable[Any]) -> Iterator[Any]:
    """What among ``contents``, and in them, may be numbers."""
    for content in contents:
        inside = content.values() if isinstance(content, Mapping) else content if type(content) in _LISTS else ()
        yield from (one for one in (content, *inside) if isinstance(one, _HOLDERS))


@np.errstate(all="ignore")  # bytes may read as any number
def _numbers(value: Any, dtype: torch.dtype) -> Numbers | None:
    """The numbers of an array, a list or, read as ``dtype``, of bytes; None for what holds anything else."""
    if isinstance(value, _BYTES):
        kind = np.dtype(_BY_DTYPE.get(dtype, "f4"))
        whole = memoryview(value).cast("B")
        return np.frombuffer(whole[: len(whole) // kind.itemsize * kind.itemsize], kind).astype(np.float32)
    if isinstance(value, _LISTS):
        leaves = [*_leaves(value)]
        parts = [leaf for leaf in leaves if leaf is not None]
        if not parts or len(parts) < len(leaves):
            return None
        value = np.concatenate(parts)
    elif isinstance(value, array.array):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        return None
    return value.ravel().astype(np.float32)


def _leaves(value: Any) -> Iterator[Numbers | None]:
    """The numbers in nested lists, a row at a time; None for anything else, with which it ends."""
    if all(type(item) is float or type(item) is int for item in value):
        yield np.asarray(value, dtype=np.float64)
        return
    for item in value:
        if isinstance(item, _LISTS):
            yield from _leaves(item)
        elif isinstance(item, (np.ndarray, np.number)) and item.dtype.kind in "fiu":
            yield np.ravel(item)
        else:
            yield None
            return


def _values(tensor: torch.Tensor) -> Numbers | None:
    with _OFF(), torch.no_grad():
        first = tensor.detach().reshape(-1)[:_LOOKED_AT]
        return (first.real if first.is_complex() else first).float().cpu().numpy()


def _narrowed(numbers: Numbers, dtype: torch.dtype) -> Numbers:
    """``numbers`` as a tensor of ``dtype`` holds them."""
    with _OFF():
        return torch.from_numpy(numbers).to(dtype).float().numpy() if dtype.is_floating_point else numbers
