"""The promise that a measured model comes back as it was."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn


@contextlib.contextmanager
def preserved(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Bring back every attribute of ``modules`` (one level into their dicts, lists and sets) and the global state."""
    kept = [(module, dict(module.__dict__), _contents(module)) for module in modules]
    with _global_state():
        try:
            yield
        finally:
            for module, attributes, contents in kept:
                module.__dict__.clear()
                module.__dict__.update(attributes)
                for container, content in contents:
                    _refill(container, content)


def _contents(module: nn.Module) -> list[tuple[Any, Any]]:
    copies: dict[type, Any] = {dict: dict, list: list, set: set}
    return [
        (value, copy(value))
        for value in module.__dict__.values()
        for kind, copy in copies.items()
        if isinstance(value, kind)
    ]


def _refill(container: Any, content: Any) -> None:
    container.clear()
    if isinstance(container, list):
        container.extend(content)
    else:
        container.update(content)


@contextlib.contextmanager
def _global_state() -> Iterator[None]:
    python, dtype = random.getstate(), torch.get_default_dtype()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    try:
        with torch.random.fork_rng(devices=_cuda_devices()), _compiled_code_as_written():
            yield
    finally:
        random.setstate(python)
        torch.set_default_dtype(dtype)
        if numpy:
            numpy.random.set_state(numpy_state)


@contextlib.contextmanager
def _compiled_code_as_written() -> Iterator[None]:
    """Compiled functions show their operators only when they run eagerly (dynamo is loaded by the first of them)."""
    flex = sys.modules.get("torch.nn.attention.flex_attention")  # compiles itself when nobody else does
    compiles = flex and flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG  # noqa: SLF001 - the only switch
    stance = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else contextlib.nullcontext()
    try:
        if flex:
            flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True  # noqa: SLF001
        with stance:
            yield
    finally:
        if flex:
            flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = compiles  # noqa: SLF001


def _cuda_devices() -> list[int]:
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
