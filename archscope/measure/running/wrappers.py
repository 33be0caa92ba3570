"""Taking off what wraps a model or a module: DataParallel, DistributedDataParallel and torch.compile."""

from __future__ import annotations

from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside DataParallel, DistributedDataParallel and torch.compile; paths are then its own."""
    while True:
        inner = model.module if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)) else model
        inner = uncompiled(inner)
        if inner is model:
            return model
        model = inner


def uncompiled(module: nn.Module) -> nn.Module:
    """The module inside torch.compile."""
    while "_orig_mod" in module._modules:  # noqa: SLF001 - torch names it so
        module = module._modules["_orig_mod"] or module  # noqa: SLF001
    return module
