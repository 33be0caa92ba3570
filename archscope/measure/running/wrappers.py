"""Taking off what wraps a model or a module: DataParallel, DistributedDataParallel, torch.compile, weak proxies."""

from __future__ import annotations

import weakref
from typing import Any

from torch import nn

PROXIES: tuple[type, ...] = (weakref.CallableProxyType, weakref.ProxyType)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside DataParallel, DistributedDataParallel and torch.compile; paths are then its own."""
    while True:
        inner = model.module if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)) else model
        inner = uncompiled(inner)
        if inner is model:
            return model
        model = inner


def uncompiled(module: nn.Module) -> nn.Module:
    """The module inside torch.compile, or behind a weak proxy, which torch registers as if it were one."""
    if type(module) in PROXIES:
        module = behind(module) or module
    while "_orig_mod" in module._modules:  # noqa: SLF001 - torch names it so
        module = module._modules["_orig_mod"] or module  # noqa: SLF001
    return module


def behind(proxy: Any) -> Any:
    """The module that a weak proxy stands for; None when it is gone or something else."""
    try:
        return getattr(proxy.forward, "__self__", None)
    except (AttributeError, ReferenceError):
        return None
