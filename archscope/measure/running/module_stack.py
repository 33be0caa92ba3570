"""Which module runs, by canonical path, and what each one took and gave in its first call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from archscope.records import Path, Shape


class ModuleStack:
    """Which module runs, by canonical path, and what each one took and gave in its first call."""

    def __init__(self, paths: dict[int, Path]) -> None:
        self.running: list[Path] = [""]
        self.calls: dict[Path, int] = {}
        self.input_shapes: dict[Path, tuple[Shape, ...]] = {}
        self.output_shapes: dict[Path, tuple[Shape, ...]] = {}
        self.latest_inputs: dict[Path, tuple[Shape, ...]] = {}
        self.sees: Callable[[Path], bool] = lambda _path: True
        self._paths = paths
        self._thread = get_ident()

    def watch(self, modules: Iterable[nn.Module]) -> None:
        """Hook every module; whoever calls this must bring the hooks back as they were (``ModelState.kept``)."""
        for module in modules:
            module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True)
            module.register_forward_hook(self._leave, always_call=True)

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = self._path(module)
        if not self.sees(path) and get_ident() != self._thread:
            return
        self.running.append(path)
        self.calls[path] = self.calls.get(path, 0) + 1
        shapes = _shapes(args[0] if len(args) == 1 and not kwargs else (args, kwargs))
        self.latest_inputs[path] = shapes
        self.input_shapes.setdefault(path, shapes)

    def _leave(self, module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        path = self._path(module)
        if get_ident() != self._thread:
            return
        self.output_shapes.setdefault(path, _shapes(output))
        while len(self.running) > 1 and self.running.pop() != path:
            pass

    def _path(self, module: nn.Module) -> Path:
        """The path of ``module``; a copy that forward made of one runs as a part of what is running."""
        return self._paths.get(id(module), self.running[-1])


def _shapes(values: Any) -> tuple[Shape, ...]:
    if isinstance(values, torch.Tensor):
        return (tuple(values.shape),)
    return tuple(tuple(leaf.shape) for leaf in pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor))
