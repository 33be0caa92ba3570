"""Finishing work that a model left for later in what it returns: generators run to their end, coroutines awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.utils import _pytree as pytree

_DEFERRED = (types.FunctionType, types.MethodType, types.LambdaType, functools.partial)
_PLACES = 3  # objects within objects that are looked into


def finished(output: Any, missed: Callable[[], None]) -> Any:
    """``output`` once everything in it is worked out; ``missed()`` is called where only its user could do that."""
    return pytree.tree_map(functools.partial(_finished, missed=missed), output)


def _finished(leaf: Any, missed: Callable[[], None]) -> Any:
    if isinstance(leaf, Iterator):
        return [finished(item, missed) for item in leaf]
    if inspect.iscoroutine(leaf):
        try:
            leaf.send(None)
        except StopIteration as done:
            return finished(done.value, missed)
        leaf.close()  # it waits for something that only an event loop brings
        missed()
        return None
    if isinstance(leaf, concurrent.futures.Future):
        return finished(leaf.result(), missed)
    if inspect.isasyncgen(leaf) or isinstance(leaf, asyncio.Future) or _deferred(leaf, _PLACES):
        missed()
    return leaf


def _deferred(value: Any, places: int) -> bool:
    """Whether ``value`` is a function to be called later, a module, or a plain object that holds or reaches one."""
    if isinstance(value, (*_DEFERRED, nn.Module)):
        return True
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
        function = getattr(part, "fget", getattr(part, "func", getattr(part, "__func__", part)))
        for cell in getattr(function, "__closure__", None) or ():
            with contextlib.suppress(ValueError):  # an empty cell
                if isinstance(cell.cell_contents, nn.Module):
                    return True
    return False
