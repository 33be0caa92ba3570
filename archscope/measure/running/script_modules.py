"""TorchScript programs inside a model: they run through their graphs, whose work belongs to the modules in them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from archscope.measure.running.frozen_modules import FrozenPart, FrozenProgram
from archscope.measure.running.model_state import Replacement
from archscope.measure.running.script_graphs import Surroundings, marked_method
from archscope.records import Path

_JIT: Any = torch.jit


def is_script(module: nn.Module) -> bool:
    """Whether ``module`` is a TorchScript program or a part of one."""
    return isinstance(module, torch.jit.ScriptModule)


def type_name(module: nn.Module) -> str:
    """The class of ``module``; of a part of a TorchScript program the class that was scripted or traced."""
    if is_script(module) or isinstance(module, FrozenPart):
        return str(module.original_name)
    return type(module).__name__


@contextlib.contextmanager
def script_tensors_swapped(modules: Iterable[nn.Module], replace: Replacement, *, training: bool) -> Iterator[None]:
    """Put ``replace(tensor)`` in place of what the programs among ``modules`` hold; run them as they were written."""
    programs: list[Any] = [module for module in modules if is_script(module)]
    if not programs:
        yield
        return
    held = [
        (program, name, tensor)
        for program in programs
        for name, tensor in (*program.named_parameters(recurse=False), *program.named_buffers(recurse=False))
    ]
    try:
        for program, name, tensor in held:
            setattr(program, name, replace(tensor).requires_grad_(tensor.requires_grad))
        for program in programs:
            if program._c.hasattr("training"):  # noqa: SLF001 - one that is frozen has none
                program.training = training
        with _JIT.optimized_execution(should_optimize=False):
            yield
    finally:
        for program, name, tensor in held:
            setattr(program, name, tensor)


@contextlib.contextmanager
def methods_marked(modules: Mapping[Path, nn.Module], around: Surroundings) -> Iterator[None]:
    """Let the methods of the programs among ``modules`` run with marks where their modules start and end."""
    with contextlib.ExitStack() as changed:
        for path, module in modules.items():
            if isinstance(module, FrozenProgram):
                _put(changed, module, "forward", functools.partial(_frozen, module, path, around))
            elif is_script(module):
                for name in module._c._method_names():  # type: ignore[operator,union-attr]  # noqa: SLF001
                    _put(changed, module, name, functools.partial(_marked, module, name, path, around))
        yield


def _put(changed: contextlib.ExitStack, module: nn.Module, name: str, function: Callable[..., Any]) -> None:
    """``function`` as an attribute of ``module`` until the stack is left."""
    before = module.__dict__.get(name, _NONE)
    changed.callback(_put_back, module, name, before)
    module.__dict__[name] = function


_NONE = object()


def _put_back(module: nn.Module, name: str, before: Any) -> None:
    if before is _NONE:
        module.__dict__.pop(name, None)
    else:
        module.__dict__[name] = before


def _marked(program: nn.Module, name: str, path: Path, around: Surroundings, *args: Any, **kwargs: Any) -> Any:
    with _JIT.optimized_execution(should_optimize=False):
        return marked_method(program, name, path, around)(*args, **kwargs)


def _frozen(program: FrozenProgram, path: Path, around: Surroundings, *args: Any, **kwargs: Any) -> Any:
    with _JIT.optimized_execution(should_optimize=False):
        return program.marked(path, around)(*args, **kwargs)
