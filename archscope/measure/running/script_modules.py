"""TorchScript programs inside a model: they run through their graph, whose work is the program's as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from archscope.measure.running.model_state import Replacement
from archscope.records import Path

_JIT: Any = torch.jit


def is_script(module: nn.Module) -> bool:
    """Whether ``module`` is a TorchScript program or a part of one."""
    return isinstance(module, torch.jit.ScriptModule)


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


def hidden_operators(modules: Mapping[Path, nn.Module]) -> list[tuple[Path, str]]:
    """What the programs among ``modules`` run past torch's dispatcher, each with its program's outermost module."""
    inner = programs_around(modules)
    outer: dict[Path, Any] = {path: m for path, m in modules.items() if is_script(m) and path not in inner}
    return [
        (path, str(node.kind()))
        for path, program in outer.items()
        for node in (program.inlined_graph.nodes() if hasattr(program, "forward") else ())
        if node.kind().startswith("prim::") and any(word in node.kind() for word in _UNDISPATCHED)
    ]


# Of the graph's own operators those that compute: what optimize_for_inference() and fusers leave in it.
_UNDISPATCHED = ("mkldnn", "MKLDNN", "Fusion", "TensorExpr")


def programs_around(modules: Mapping[Path, nn.Module]) -> dict[Path, Path]:
    """Each part of a TorchScript program with the outermost module of that program: only that one is seen running."""
    found: dict[Path, Path] = {}
    for path, module in modules.items():  # children stand after their parents
        above = path.rpartition(".")[0]
        if path and is_script(module) and is_script(modules[above]):
            found[path] = found.get(above, above)
    return found
