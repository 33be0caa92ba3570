"""Unwrapping compiled and parallel models, and refusing TorchScript modules, which cannot be looked into."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from archscope.errors import BuildError
from archscope.records import Path


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside DataParallel, DistributedDataParallel and torch.compile; paths are then its own."""
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif "_orig_mod" in dict(model.named_children()):  # torch.compile names it so
            model = model.get_submodule("_orig_mod")
        else:
            return model


def refuse_scripted(modules: Mapping[Path, nn.Module]) -> None:
    """Raise BuildError when one of ``modules`` is a TorchScript program."""
    for path, module in modules.items():
        if isinstance(module, torch.jit.ScriptModule):
            what = f"module {path!r}" if path else "the model"
            raise BuildError(
                f"{what} is a TorchScript program, which runs without telling which module is running",
                where=path,
                help="measure the module that was scripted or traced, or export it with torch.export.save()",
            )
