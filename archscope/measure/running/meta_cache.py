"""A cache of operators' results on meta: equal sizes and arguments give equal results."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import nn
from torch.utils import _pytree as pytree

_Key: TypeAlias = tuple[Hashable, ...]

_META = torch.device("meta")
_is_meta = torch._C.TensorBase.is_meta.__get__  # type: ignore[attr-defined]  # noqa: SLF001 - the one that is not watched
_PLAIN = frozenset({torch.Tensor, nn.Parameter})
_EQUAL_IS_ALIKE = frozenset({str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format})
_NUMBERS = frozenset({int, float, bool})  # 1, 1.0 and True are equal, and promote to other dtypes
_BY_VALUE = {"data_dependent_output", "dynamic_output_shape", "inplace_view"}


class _Fresh(NamedTuple):
    """A tensor that an operator made."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype

    def again(self) -> torch.Tensor:
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=_META)


class _Answer(NamedTuple):
    """What an operator gave: one tensor, or ``several`` in a tuple."""

    parts: tuple[_Fresh, ...]
    several: bool


class MetaCache:
    """The answers of one run.

    Torch works most of its meta kernels out in Python, which takes up to a hundred times as long as making a tensor of
    the size that is known already. Only torch's own operators that neither write nor share storage are remembered, and
    only for plain meta tensors; everything else runs every time.
    """

    def __init__(self) -> None:
        self._answers: dict[_Key, _Answer | None] = {}

    def run(self, call: Callable[..., Any], func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What ``call(func, args, kwargs)`` gives, made anew where it is known; ``func`` must be ``repeatable``."""
        key = _key(func, args, kwargs)
        answer = self._answers.get(key) if key is not None else None
        if answer is None:
            output = call(func, args, kwargs)
            if key is not None and key not in self._answers:
                self._answers[key] = _answer(output, (args, kwargs))
            return output
        return tuple([part.again() for part in answer.parts]) if answer.several else answer.parts[0].again()


def repeatable(func: Any) -> bool:
    """Whether ``func`` is one of torch's own operators whose new tensors the sizes of its arguments decide."""
    schema = getattr(func, "_schema", None)
    if schema is None or func.namespace != "aten":
        return False
    writes_or_views = any(part.alias_info is not None for part in (*schema.arguments, *schema.returns))
    return not writes_or_views and _BY_VALUE.isdisjoint(tag.name for tag in func.tags)


def _key(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Key | None:
    """All that decides the answer, or None where that is more than sizes, strides, dtypes and plain arguments."""
    key: list[Hashable] = [func, torch.get_default_dtype()]
    if not _extend(key, args):
        return None
    if kwargs:
        key += kwargs
        if not _extend(key, kwargs.values()):
            return None
    return tuple(key)


def _extend(key: list[Hashable], values: Iterable[Any]) -> bool:
    """Add what ``values`` are to ``key``; False when one of them is told by more than that."""
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            if not _is_meta(value) or value.layout is not torch.strided or value._is_zerotensor():  # noqa: SLF001
                return False
            key += (value.shape, value.stride(), value.dtype)
        elif kind in _NUMBERS:
            key.append((kind, value))
        elif kind in _EQUAL_IS_ALIKE:
            key.append(value)
        elif kind is list or kind is tuple:
            key.append(len(value))
            if not _extend(key, value):
                return False
        else:
            return False
    return True


def _answer(output: Any, given: Any) -> _Answer | None:
    """How to make ``output`` anew; None when new tensors of its sizes are not the same."""
    taken = {leaf.untyped_storage()._cdata for leaf in pytree.tree_leaves(given) if isinstance(leaf, torch.Tensor)}  # noqa: SLF001 - the only identity that a storage has
    several = type(output) is tuple
    found = []
    for tensor in output if several else (output,):
        if type(tensor) is not torch.Tensor or not tensor.is_meta or tensor.layout is not torch.strided:
            return None
        fresh, storage = _Fresh(tensor.shape, tensor.stride(), tensor.dtype), tensor.untyped_storage()
        again = fresh.again()
        whole = again.untyped_storage().nbytes() == storage.nbytes()
        special = tensor.is_conj() or tensor.is_neg() or tensor._is_zerotensor()  # noqa: SLF001
        if storage._cdata in taken or tensor.storage_offset() or special or not whole:  # noqa: SLF001
            return None
        taken.add(storage._cdata)  # noqa: SLF001
        found.append(fresh)
    return _Answer(tuple(found), several)
