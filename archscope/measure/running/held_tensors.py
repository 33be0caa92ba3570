"""Finding every tensor inside a Python value of any kind, with its place, and replacing it in a copy of the value."""

from __future__ import annotations

import copy
import gc
import types
from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils import _pytree as pytree

from archscope.errors import InputError

Change: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

# What a value refers to without holding it: the model, code, and what looks after itself.
_ENDS: tuple[type, ...] = (
    *(nn.Module, type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType),
    *(types.FrameType, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType),
)
_HOMES = frozenset({"logging", "threading", "_thread", "weakref", "re", "_io", "io", "contextvars", "asyncio"})


def held_tensors(value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor in ``value`` with its place (``['x'][0].y``), in order: inside containers of every kind and objects.

    Modules, classes and functions that a value refers to are not entered.
    """
    for place, inner in _walked(value):
        if isinstance(inner, torch.Tensor):
            yield place, inner


def exchanged(value: Any, change: Change) -> Any:
    """A copy of ``value`` with ``change(tensor)`` in place of each tensor; one that stands twice stays one.

    Objects that hold tensors or take attributes are copied too, so that nothing of the caller's is written to.
    Raises InputError for an object that holds tensors and cannot be copied.
    """
    memo: dict[int, Any] = {}
    kept: list[Any] = []

    def changed(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            if id(leaf) not in memo:
                kept.append(leaf)  # its id stays its own
                memo[id(leaf)] = change(leaf)
            return memo[id(leaf)]
        if not _may_hold(leaf) or isinstance(leaf, _ENDS):
            return leaf
        return _copied(leaf, changed, memo)

    return pytree.tree_map(changed, value, is_leaf=lambda part: isinstance(part, PackedSequence))


def _copied(leaf: Any, changed: Callable[[Any], Any], memo: dict[int, Any]) -> Any:
    """``leaf`` copied by its own rules, with ``memo`` saying what takes the place of its tensors."""
    holds = False
    for _, inner in _walked(leaf):
        if isinstance(inner, PackedSequence):
            memo.setdefault(id(inner.batch_sizes), inner.batch_sizes.clone())  # torch wants them on the CPU
        elif isinstance(inner, torch.Tensor):
            holds = True
            changed(inner)
        elif isinstance(inner, _ENDS) or _home(inner) in _HOMES:
            memo.setdefault(id(inner), inner)
    try:
        return copy.deepcopy(leaf, memo)
    except Exception as error:
        if not holds:
            return leaf
        raise InputError(
            f"an argument is a {type(leaf).__name__} that holds tensors and cannot be copied "
            f"({type(error).__name__}: {error})",
            help="its tensors would be written to: pass the tensors themselves, or give the class a __deepcopy__",
        ) from error


def _walked(value: Any) -> Iterator[tuple[str, Any]]:
    """``value`` and everything in it with its place, each object once, tensors wherever they stand."""
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        place, inner = waiting.pop()
        if isinstance(inner, torch.Tensor):
            yield place, inner
            continue
        if not _may_hold(inner) or id(inner) in seen:
            continue
        seen.add(id(inner))
        yield place, inner
        if not isinstance(inner, _ENDS) and _home(inner) not in _HOMES:
            waiting += [(place + step, part) for step, part in reversed(_parts(inner))]


def _may_hold(value: Any) -> bool:
    """Whether ``value`` can refer to anything: what Python's garbage collector need not look at cannot."""
    return gc.is_tracked(value) or isinstance(value, tuple) or (isinstance(value, np.ndarray) and value.dtype == object)


def _home(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _parts(value: Any) -> list[tuple[str, Any]]:
    """What ``value`` holds, by the step that leads there; of an object of no known kind whatever it refers to."""
    found: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        found += [(f"[{key!r}]", part) for key, part in dict.items(value)]
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        found += [(f".{name}", part) for name, part in zip(value._fields, tuple.__iter__(value), strict=False)]
    elif isinstance(value, (list, tuple, deque)):
        found += [(f"[{index}]", part) for index, part in enumerate(_items(value))]
    elif isinstance(value, (set, frozenset)):
        found += [("", part) for part in value]
    elif isinstance(value, np.ndarray):
        found += [(f"[{index}]", part) for index, part in enumerate(value.flat)]
    known = {id(part) for _, part in found}
    attributes = [(name, part) for name, part in _attributes(value) if id(part) not in known]
    wraps = isinstance(value, (UserDict, UserList))
    found += [("" if wraps and name == "data" else f".{name}", part) for name, part in attributes]
    if not found:
        found = [("", part) for part in gc.get_referents(value)]
    return found


def _items(value: Any) -> Any:
    """The items by the built-in class, whatever a subclass makes of them."""
    return next(kind for kind in (list, tuple, deque) if isinstance(value, kind)).__iter__(value)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """The attributes that ``value`` itself has, in its ``__dict__`` and in slots; no descriptor of a class runs."""
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        yield from own.items()
    for kind in type(value).__mro__:
        for name, slot in vars(kind).items():
            if isinstance(slot, types.MemberDescriptorType) and name != "__dict__":
                try:
                    yield name, slot.__get__(value)
                except AttributeError:  # a slot that nothing was put into
                    continue
