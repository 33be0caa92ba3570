"""Calls of ``module.forward(...)`` itself, which pass torch's hooks by: the module runs all the same."""

from __future__ import annotations

import contextlib
import functools
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any

from torch import nn

from archscope.measure.running.recorder import ModuleStack
from archscope.measure.running.script_modules import is_script


@contextlib.contextmanager
def forward_calls_watched(modules: Iterable[nn.Module], stack: ModuleStack) -> Iterator[None]:
    """Tell ``stack`` of every ``forward`` of ``modules`` in this thread that no hook has told it of.

    The classes get another ``forward`` for that time: one on the module itself would go with its copies.
    """
    changed: list[tuple[Any, Any]] = []
    mine = threading.get_ident()

    def watched(forward: Any) -> Any:
        @functools.wraps(forward)
        def told(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != mine or not stack.enters(module):
                return forward(module, *args, **kwargs)
            with stack.within(module, args, kwargs) as left:
                left.append(forward(module, *args, **kwargs))
            return left[0]

        return told

    known = list(modules)
    try:
        for kind in {kind for module in known for kind in type(module).__mro__ if kind is not nn.Module}:
            forward = vars(kind).get("forward")
            if isinstance(forward, types.FunctionType):
                changed.append((kind, forward))
                kind.forward = watched(forward)
        for module in known:
            forward = module.__dict__.get("forward")
            if is_script(module) and hasattr(module, "forward"):  # takes no hooks
                forward = module.forward
            if forward is not None:
                changed.append((module.__dict__, forward))
                module.__dict__["forward"] = functools.partial(watched(_without_module(forward)), module)
        yield
    finally:
        for owner, forward in reversed(changed):
            if isinstance(owner, dict):
                owner["forward"] = forward
            else:
                owner.forward = forward


def _without_module(forward: Any) -> Any:
    """``forward`` of one module as a function that takes it and leaves it."""

    def called(_module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return forward(*args, **kwargs)

    return functools.update_wrapper(called, forward) if hasattr(forward, "__name__") else called
