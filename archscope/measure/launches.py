"""Triton kernels that a model launches itself, where torch's dispatcher does not see them."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

_JIT = "triton.runtime.jit"

Launch = Callable[[str, Mapping[str, Any]], bool]


@contextlib.contextmanager
def launches_told(launch: Launch) -> Iterator[None]:
    """Ask ``launch(name, arguments)`` at every ``kernel[grid](...)`` whether the kernel is to run.

    A kernel that got meta tensors would write to address 0 of the GPU.
    """
    interface = _interface()
    if interface is None:
        yield
        return
    subscript = interface.__getitem__

    def watched(kernel: Any, grid: Any) -> Callable[..., Any]:
        def launched(*args: Any, **kwargs: Any) -> Any:
            function = _function(kernel)
            arguments = {**dict(zip(inspect.signature(function).parameters, args, strict=False)), **kwargs}
            return subscript(kernel, grid)(*args, **kwargs) if launch(function.__name__, arguments) else None

        return launched

    interface.__getitem__ = watched
    try:
        yield
    finally:
        interface.__getitem__ = subscript


def _interface() -> Any:
    """The class of all that Triton can launch; None where nothing could be launched."""
    if _JIT not in sys.modules and torch.cuda.is_available() and importlib.util.find_spec("triton") is not None:
        importlib.import_module("triton")  # else forward may, unwatched
    return getattr(sys.modules.get(_JIT), "KernelInterface", None)


def _function(kernel: Any) -> Any:
    """The Python function of a kernel, inside what tunes it."""
    while not inspect.isfunction(kernel):
        kernel = kernel.fn
    return kernel
