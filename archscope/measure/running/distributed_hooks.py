"""Hooks of torch.distributed, which gather and scatter weights: the whole model is measured, as on one device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn


def remove_distributed_hooks(modules: Iterable[nn.Module]) -> None:
    """Take off what FSDP2 and tensor parallelism hang on modules; whoever calls this must bring the hooks back."""
    for module in modules:
        for hooks in (module._forward_pre_hooks, module._forward_hooks):  # noqa: SLF001 - torch has no public name
            for number, hook in list(hooks.items()) if hooks else ():
                if _home(hook).startswith("torch.distributed"):
                    del hooks[number]


def _home(hook: Any) -> str:
    """The module that defines ``hook``, inside what wraps it."""
    while True:
        inner = getattr(hook, "__wrapped__", None) or getattr(hook, "func", None)
        if inner is None:
            return str(getattr(hook, "__module__", "") or "")
        hook = inner
