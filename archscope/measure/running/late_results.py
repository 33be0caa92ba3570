"""Finishing work that a model left for later in what it returns: generators run to their end, coroutines awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import types
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

_DEFERRED = (types.FunctionType, types.MethodType, types.LambdaType, functools.partial)
_FUTURE: Any = torch._C.Future  # noqa: SLF001 - what ``then`` gives is none of torch.futures
_PLACES = 3  # objects within objects that are looked into
_PATIENCE = 10.0  # seconds for what another thread works out; nobody may be working it out


def finished(output: Any, missed: Callable[[], None]) -> Any:
    """``output`` once everything in it is worked out; ``missed()`` is called where only its user could do that."""
    return pytree.tree_map(functools.partial(_finished, missed=missed), output, is_leaf=_makes_more)


def _finished(leaf: Any, missed: Callable[[], None]) -> Any:
    if isinstance(leaf, Iterator):
        return [finished(item, missed) for item in leaf]
    if inspect.iscoroutine(leaf):
        return _awaited(leaf, missed)
    if isinstance(leaf, (concurrent.futures.Future, _FUTURE)):
        return _waited_for(leaf, missed)
    if inspect.isasyncgen(leaf) or isinstance(leaf, asyncio.Future) or _makes_more(leaf) or _deferred(leaf, _PLACES):
        missed()
    return leaf


def _awaited(coroutine: Any, missed: Callable[[], None]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as done:
        return finished(done.value, missed)
    coroutine.close()  # it waits for something that only an event loop brings
    missed()
    return None


def _waited_for(future: Any, missed: Callable[[], None]) -> Any:
    """What ``future`` brings: one of torch's only if it is there, which nothing but its maker can wait for."""
    if isinstance(future, concurrent.futures.Future):
        with contextlib.suppress(concurrent.futures.TimeoutError):
            return finished(future.result(_PATIENCE), missed)
    elif future.done():
        return finished(future.value(), missed)
    missed()
    return None


def _deferred(value: Any, places: int) -> bool:
    """Whether ``value`` is a function to be called later, a module, or a plain object that holds or reaches one."""
    if isinstance(value, (*_DEFERRED, nn.Module)):
        return True
    if isinstance(value, weakref.ref):  # a call gives what it points to
        return False
    kind = type(value)
    if not places or kind.__module__.partition(".")[0] in {"torch", "builtins", "numpy"}:
        return False
    inner = getattr(value, "__dict__", None)
    held = inner.values() if isinstance(inner, dict) else ()
    slots = (getattr(value, name, None) for name in getattr(kind, "__slots__", ()) if isinstance(name, str))
    return callable(value) or any(_deferred(item, places - 1) for item in (*held, *slots)) or _reaches_a_module(kind)


def _reaches_a_module(kind: type) -> bool:
    """Whether a method or property that a class was given inside of a function knows a module from there."""
    for part in vars(kind).values():
        if _knows_a_module(getattr(part, "fget", getattr(part, "func", getattr(part, "__func__", part)))):
            return True
    return False


def _knows_a_module(function: Any) -> bool:
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # an empty cell
            if isinstance(cell.cell_contents, nn.Module):
                return True
    return False


def _makes_more(value: Any) -> bool:
    """Whether ``value`` is a dictionary that has a module make what somebody asks it for."""
    factory = value.default_factory if isinstance(value, defaultdict) else None
    return isinstance(factory, (nn.Module, types.MethodType)) or _knows_a_module(factory)
