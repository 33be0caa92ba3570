"""The promise that a measured model comes back as it was."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from archscope.surroundings import undisturbed


@contextlib.contextmanager
def preserved(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Bring back every attribute of ``modules`` (one level into their dicts, lists and sets) and the global state."""
    kept = [(module, dict(module.__dict__), _contents(module)) for module in modules]
    with undisturbed(), _compiled_code_as_written():
        try:
            yield
        finally:
            for module, attributes, contents in kept:
                module.__dict__.clear()
                module.__dict__.update(attributes)
                for container, content in contents:
                    _refill(container, content)


@contextlib.contextmanager
def _compiled_code_as_written() -> Iterator[None]:
    """Compiled functions show their operators only when they run eagerly (dynamo is loaded by the first of them)."""
    flex: Any = sys.modules.get("torch.nn.attention.flex_attention")  # compiles itself when nobody else does
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
