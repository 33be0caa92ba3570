"""Calls of ``module.forward(...)`` itself, which pass torch's hooks by: the module runs all the same."""

from __future__ import annotations

import contextlib
import functools
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import nn

from archscope.measure.running.inputs import invoked
from archscope.measure.running.module_stack import ModuleStack
from archscope.spec import Inputs


def called(model: nn.Module, call: Inputs, stack: ModuleStack) -> Any:
    """What the model gives; another method than forward is a call of the model too, though no hook tells of it."""
    if not call.method:
        return model(*call.args, **call.kwargs)
    with stack.within(model, call.args, dict(call.kwargs)) as left:
        left.append(invoked(model, call)(*call.args, **call.kwargs))
    return left[0]


@contextlib.contextmanager
def forward_calls_watched(modules: Iterable[nn.Module], stack: ModuleStack) -> Iterator[None]:
    """Tell ``stack`` of every ``forward`` of ``modules`` in this thread that no hook has told it of.

    The classes get another ``forward`` for that time: one on the module itself would go with its copies.
    """
    known = list(modules)
    with contextlib.ExitStack() as changed:
        for kind in {kind for module in known for kind in type(module).__mro__ if kind is not nn.Module}:
            forward = vars(kind).get("forward")
            if isinstance(forward, types.FunctionType):
                changed.callback(setattr, kind, "forward", forward)
                setattr(kind, "forward", _watched(forward, stack))  # noqa: B010 - mypy knows of no such attribute
        for module in known:
            forward = _own_forward(module)
            if forward is not None:
                changed.callback(module.__dict__.__setitem__, "forward", forward)
                module.__dict__["forward"] = functools.partial(_watched(_of_any(forward), stack), module)
        yield


def _own_forward(module: nn.Module) -> Any:
    """One of its own, not of its class: one that was replaced, or a TorchScript program's, which takes no hooks."""
    return module.__dict__.get("forward")


def _watched(forward: Callable[..., Any], stack: ModuleStack) -> Callable[..., Any]:
    mine = threading.get_ident()

    @functools.wraps(forward)
    def told(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != mine or not stack.enters(module):
            return forward(module, *args, **kwargs)
        with stack.within(module, args, kwargs) as left:
            left.append(forward(module, *args, **kwargs))
        return left[0]

    return told


def _of_any(forward: Callable[..., Any]) -> Callable[..., Any]:
    """``forward`` of one module as a function that takes the module and leaves it."""

    def called(_module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return forward(*args, **kwargs)

    return functools.update_wrapper(called, forward) if hasattr(forward, "__name__") else called
