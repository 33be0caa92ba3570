"""Recording Triton kernels that a model launches itself, outside torch's dispatcher."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

Launch = Callable[[str, Mapping[str, Any]], bool]

_JIT = "triton.runtime.jit"
_LOCK = threading.Lock()
_LISTENERS: dict[int, list[Launch]] = {}  # by thread: another thread's launches are none of a run's


@contextlib.contextmanager
def triton_watched(launch: Launch) -> Iterator[None]:
    """Ask ``launch(name, arguments)`` at every ``kernel[grid](...)`` of this thread whether the kernel is to run.

    A kernel that got meta tensors would write to address 0 of the GPU.
    """
    interface = _interface()
    if interface is None:
        yield
        return
    listeners = _LISTENERS.setdefault(threading.get_ident(), [])
    with _LOCK:
        if not hasattr(interface.__getitem__, "unwatched"):
            interface.__getitem__ = _watched(interface.__getitem__)
    listeners.append(launch)
    try:
        yield
    finally:
        listeners.pop()
        with _LOCK:
            if not any(_LISTENERS.values()) and hasattr(interface.__getitem__, "unwatched"):
                interface.__getitem__ = interface.__getitem__.unwatched


def _watched(subscript: Any) -> Any:
    def watched(kernel: Any, grid: Any) -> Callable[..., Any]:
        def launched(*args: Any, **kwargs: Any) -> Any:
            listeners = _LISTENERS.get(threading.get_ident())
            runs = not listeners or listeners[-1](*_named(kernel, args, kwargs))
            return subscript(kernel, grid)(*args, **kwargs) if runs else None

        return launched

    watched.unwatched = subscript  # type: ignore[attr-defined]  # functions take attributes
    return watched


def _interface() -> Any:
    """The class of all that Triton can launch; None where nothing could be launched."""
    if _JIT not in sys.modules and torch.cuda.is_available() and importlib.util.find_spec("triton") is not None:
        with contextlib.suppress(Exception):  # an installation that is broken launches nothing
            importlib.import_module("triton")  # else forward may, unwatched
    return getattr(sys.modules.get(_JIT), "KernelInterface", None)


def _named(kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of the Python function inside what compiles and tunes it, and the arguments by its parameters."""
    while not inspect.isfunction(kernel) and hasattr(kernel, "fn"):
        kernel = kernel.fn
    if not inspect.isfunction(kernel):
        return type(kernel).__name__, {**{str(place): value for place, value in enumerate(args)}, **kwargs}
    return kernel.__name__, {**dict(zip(inspect.signature(kernel).parameters, args, strict=False)), **kwargs}
