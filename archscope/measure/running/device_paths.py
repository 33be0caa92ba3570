"""Sending operators the way that they go on the CPU or a GPU where torch decomposes them in another way on meta."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch.library import Library
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from archscope.measure.running.attention_kernel import ATTENTION, attend
from archscope.measure.running.composites import taken_apart
from archscope.measure.running.recurrent_kernel import GRU, LSTM, RELU, TANH, gru, lstm, rnn_relu, rnn_tanh
from archscope.measure.running.recurrent_packed import (
    PACKED_GRU,
    PACKED_LSTM,
    PACKED_RELU,
    PACKED_TANH,
    packed_gru,
    packed_lstm,
    packed_relu,
    packed_tanh,
)

_MISH_BACKWARD = torch.ops.aten.mish_backward.default


def _whole_gradient_of_mish(*args: Any) -> Any:
    with torch._C._AutoDispatchBelowAutograd():  # noqa: SLF001 - no public name
        return _MISH_BACKWARD(*args)


_KINDS = {"cuda": "CUDA", "meta": "Meta"}
_BY_OPERATOR: dict[Any, tuple[Callable[..., Any], tuple[str, ...]]] = {
    ATTENTION: (attend, ("Meta", "CPU", "CUDA")),
    LSTM: (lstm, ("Meta", "CPU")),
    GRU: (gru, ("Meta",)),
    TANH: (rnn_tanh, ("Meta",)),
    RELU: (rnn_relu, ("Meta",)),
    PACKED_LSTM: (packed_lstm, ("Meta", "CPU")),
    PACKED_GRU: (packed_gru, ("Meta",)),
    PACKED_TANH: (packed_tanh, ("Meta",)),
    PACKED_RELU: (packed_relu, ("Meta",)),
    _MISH_BACKWARD: (_whole_gradient_of_mish, ("Meta",)),
}
_LOCK = threading.Lock()
_LIBRARIES: dict[str, tuple[Library, int]] = {}  # by kind of device: the registration, and how many runs want it
_WATCHING: set[int] = set()  # the modes of all runs


@contextlib.contextmanager
def as_devices_do(watching: TorchDispatchMode, device: str) -> Iterator[None]:
    """Send such operators the device's way while ``watching`` is the mode that sees a run on ``device``.

    They are registered anew above autograd, so that their gradients are those of the kernels that run; where no mode of
    a run is active, in other threads say, they do what they did.
    """
    kinds = {"Meta", _KINDS.get(device.partition(":")[0], "CPU")}
    with _LOCK:
        _WATCHING.add(id(watching))
        for kind in kinds:
            library, runs = _LIBRARIES.get(kind) or (_registered(kind), 0)
            _LIBRARIES[kind] = (library, runs + 1)
    try:
        yield
    finally:
        with _LOCK:
            _WATCHING.discard(id(watching))
            for kind in kinds:
                library, runs = _LIBRARIES.pop(kind)
                if runs > 1:
                    _LIBRARIES[kind] = (library, runs - 1)
                else:
                    library._destroy()  # noqa: SLF001 - without it the kernels would stay until a collection


def on_device_path(func: Any) -> Callable[..., Any]:
    """What ``func``, an operator that only inference mode shows whole, consists of on a device."""
    return _BY_OPERATOR[func][0] if func in _BY_OPERATOR else partial(taken_apart, func)


def _registered(kind: str) -> Library:
    library = Library("aten", "IMPL")
    for func, (path, kinds) in _BY_OPERATOR.items():
        if kind in kinds:
            library.impl(func.name().removeprefix("aten::"), _where_watched(func, path), f"Autograd{kind}")
    return library


def _where_watched(func: Any, path: Callable[..., Any]) -> Callable[..., Any]:
    def kernel(*args: Any, **kwargs: Any) -> Any:
        watched = any(id(mode) in _WATCHING for mode in _get_current_dispatch_mode_stack())
        return path(*args, **kwargs) if watched else taken_apart(func, *args, **kwargs)

    return kernel
