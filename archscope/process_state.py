"""Keeping the state of the process (random states, defaults of torch, current folder) while a model's code runs."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def process_state_kept() -> Iterator[None]:
    """Run foreign code; put back, also when it raises, what it may have changed in this process.

    That is: the random states of Python, numpy and torch (CPU, and GPUs in use), torch's default dtype and device, its
    gradient mode, its determinism, precision and cuDNN flags, the warnings filters and the current folder. What is not
    loaded has no state and is not loaded for it.
    """
    restorers = [_python(), *_numpy(), *_torch()]
    with warnings.catch_warnings():
        try:
            yield
        finally:
            for restore in restorers:
                restore()


def _python() -> Callable[[], None]:
    state, folder = random.getstate(), Path.cwd()

    def restore() -> None:
        random.setstate(state)
        os.chdir(folder)

    return restore


def _numpy() -> Iterator[Callable[[], None]]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        state = numpy.random.get_state()
        yield lambda: numpy.random.set_state(state)


def _torch() -> Iterator[Callable[[], None]]:
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "set_default_device"):  # half imported, or not at all
        return
    yield _default_device(torch)
    for read, write in _random_states(torch):
        state = read()
        yield functools.partial(write, state)
    for read, write in _flags(torch):
        with contextlib.suppress(RuntimeError):  # matmul precision refuses to be read once old and new settings mix
            yield _unless_same(read, write, read())


def _random_states(torch: Any) -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    yield torch.get_rng_state, torch.set_rng_state
    if torch.cuda.is_initialized():
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all


def _flags(torch: Any) -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    yield torch.get_default_dtype, torch.set_default_dtype
    yield torch.is_grad_enabled, torch.set_grad_enabled
    yield torch.get_num_threads, torch.set_num_threads
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda modes: torch.use_deterministic_algorithms(modes[0], warn_only=modes[1]),
    )
    for flag in ("benchmark", "deterministic", "enabled"):
        yield (
            functools.partial(getattr, torch.backends.cudnn, flag),
            functools.partial(setattr, torch.backends.cudnn, flag),
        )


def _unless_same(read: Callable[[], Any], write: Callable[[Any], Any], value: Any) -> Callable[[], None]:
    def restore() -> None:
        if read() != value:
            write(value)

    return restore


def _default_device(torch: Any) -> Callable[[], None]:
    """What ``set_default_device`` was told; a ``with torch.device(...)`` around us is left alone."""

    def told() -> Any:
        return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)  # noqa: SLF001 - torch offers no other way

    before = told()

    def restore() -> None:
        if told() is not before:
            torch.set_default_device(before and before.device)

    return restore
