"""Which module runs, who called it, and what it took and gave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sized
from threading import get_ident
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from archscope.measure.running.held_tensors import held_tensors
from archscope.measure.running.nested_tensors import shapes_of
from archscope.records import Path, Shape, SharedCall, TensorMeta


class ModuleStack:
    """Which module runs, by canonical path, and what each one took and gave in its first call.

    ``several`` are the modules with several paths, of which every call is noted with its caller.
    """

    def __init__(self, paths: dict[int, Path], several: frozenset[Path] = frozenset()) -> None:
        self.operators: Sized = ()  # the operator calls so far
        self.running: list[Path] = [""]
        self.calls: dict[Path, int] = {}
        self.input_shapes: dict[Path, tuple[Shape, ...]] = {}
        self.output_shapes: dict[Path, tuple[Shape, ...]] = {}
        self.gave: dict[Path, dict[str, Any]] = {}  # the tensors of the first call, and when it ended
        self.describe: Callable[[Iterable[torch.Tensor]], tuple[TensorMeta, ...]] = lambda _tensors: ()
        self.latest_inputs: dict[Path, tuple[Shape, ...]] = {}
        self.shared: list[SharedCall] = []
        self.sees: Callable[[Path], bool] = lambda _path: True
        self._paths = paths
        self._thread = get_ident()
        self._several = several
        self._entered: list[tuple[Path, int]] = []  # the callers of modules with several paths, at which operator call

    def mark(self) -> tuple[dict[Path, Any], ...]:
        """What is known of the calls so far, for ``undo``."""
        return dict(self.calls), dict(self.input_shapes), dict(self.output_shapes), dict(self.gave)

    def undo(self, mark: tuple[dict[Path, Any], ...]) -> None:
        """Know no more than at ``mark``."""
        self.calls, self.input_shapes, self.output_shapes, self.gave = map(dict, mark)

    def watch(self, modules: Iterable[nn.Module]) -> None:
        """Hook every module; whoever calls this must bring the hooks back as they were (``ModelState.kept``)."""
        for module in modules:
            if isinstance(module, torch.jit.ScriptModule):
                continue  # takes no hooks
            module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True)
            module.register_forward_hook(self._leave, always_call=True)

    def enters(self, module: nn.Module) -> bool:
        """Whether a ``forward`` of ``module`` is a call that no hook has told of."""
        path = self._paths.get(id(module))
        return path is not None and (path != self.running[-1] or path not in self.calls)

    @contextlib.contextmanager
    def within(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[list[Any]]:
        """A call of ``module``; what it gives belongs into the list."""
        output: list[Any] = []
        self._enter(module, args, kwargs)
        try:
            yield output
        finally:
            self._leave(module, args, output)

    def marked(self, starts: bool, path: Path, values: Any) -> None:  # noqa: FBT001 - the kind of a mark
        """A module inside of a TorchScript program starts or ends, with ``values``."""
        if starts:
            self._start(path, _shapes(values))
        else:
            self._end(path, values)

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = self._path(module)
        if not self.sees(path) and get_ident() != self._thread:
            return
        self._start(path, _shapes(args[0] if len(args) == 1 and not kwargs else (args, kwargs)), id(module))

    def _start(self, path: Path, shapes: tuple[Shape, ...], module: int | None = None) -> None:
        if path in self._several and (module is None or module in self._paths):
            self._entered.append((self.running[-1], len(self.operators)))
        self.running.append(path)
        self.calls[path] = self.calls.get(path, 0) + 1
        self.latest_inputs[path] = shapes
        self.input_shapes.setdefault(path, shapes)

    def _leave(self, module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        if get_ident() == self._thread:
            self._end(self._path(module), output, id(module))

    def _end(self, path: Path, output: Any, module: int | None = None) -> None:
        if path not in self.output_shapes:
            self.output_shapes[path] = _shapes(output)
            tensors = _tensors(output)
            self.gave[path] = {"outputs": self.describe(tensors), "end": len(self.operators)}
        if path in self._several and (module is None or module in self._paths):
            caller, first = self._entered.pop()
            self.shared.append(SharedCall(caller=caller, owner=path, first=first, end=len(self.operators)))
        while len(self.running) > 1 and self.running.pop() != path:
            pass

    def _path(self, module: nn.Module) -> Path:
        """The path of ``module``; a copy that forward made of one runs as a part of what is running."""
        return self._paths.get(id(module), self.running[-1])


def _tensors(values: Any) -> list[torch.Tensor]:
    if isinstance(values, torch.Tensor):
        return [values]
    return [leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def _shapes(values: Any) -> tuple[Shape, ...]:
    if isinstance(values, torch.Tensor) and not values.is_nested:
        return (tuple(values.shape),)
    leaves = _tensors(values)
    return shapes_of(leaves or (tensor for _, tensor in held_tensors(values)))
