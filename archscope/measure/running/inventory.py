"""The modules, parameters and buffers of a model as records, each once by identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from archscope.errors import BuildError
from archscope.measure.running.packed_weights import packed_weights, shape_before_packing, true_bytes
from archscope.measure.running.sparse_tensors import is_sparse, stored
from archscope.measure.running.storages import PLAIN
from archscope.measure.running.wrappers import uncompiled
from archscope.records import BufferRecord, ParameterRecord, Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The modules of a model by canonical path, in ``named_modules()`` order, and the records of its tensors."""

    modules: dict[Path, nn.Module]
    paths: dict[int, Path]
    module_aliases: dict[Path, tuple[Path, ...]]
    parameters: tuple[ParameterRecord, ...]
    buffers: tuple[BufferRecord, ...]
    packed: tuple[BufferRecord, ...]


def take_inventory(model: nn.Module) -> Inventory:
    """List what ``model`` consists of; raises BuildError for parameters that have no shape yet (lazy modules)."""
    occurrences: dict[int, list[Path]] = {}
    modules: dict[Path, nn.Module] = {}
    same: dict[int, int] = {}  # one part of a TorchScript program has an object of Python at each of its paths
    parts: dict[Any, int] = {}
    for path, module in walk(model):
        key = same[id(module)] = parts.setdefault(_identity(module), id(module))
        if key not in occurrences:
            modules[path] = module
        occurrences.setdefault(key, []).append(path)
    canonical = {id(module): path for path, module in modules.items()}
    paths = {number: canonical[key] for number, key in same.items()}
    aliases = {path: tuple(occurrences[id(module)][1:]) for path, module in modules.items()}
    return Inventory(
        modules=modules,
        paths=paths,
        module_aliases=aliases,
        parameters=_parameters(modules, aliases),
        buffers=_buffers(modules, aliases),
        packed=packed_weights(modules),
    )


def walk(model: nn.Module) -> Iterator[tuple[Path, nn.Module]]:
    """Every path to every module, parents first; a module inside itself is named once more and not entered again.

    What torch.compile puts around a module has no path of its own.
    """
    above: list[int] = []
    waiting: list[tuple[Path, nn.Module, int]] = [("", uncompiled(model), 0)]
    while waiting:
        path, module, depth = waiting.pop()
        del above[depth:]
        yield path, module
        if id(module) in above:
            continue
        above.append(id(module))
        children = module._modules.items()  # noqa: SLF001 - named_children() hides a child that occurs twice
        below = [(join(path, name), uncompiled(child), depth + 1) for name, child in children if child is not None]
        waiting += reversed(below)


def own_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Every parameter once by identity, however deep the modules lie in each other."""
    found = (tensor for _, module in walk(model) for tensor in module._parameters.values())  # noqa: SLF001 - no recursion
    return [*{id(tensor): tensor for tensor in found if tensor is not None}.values()]


def _identity(module: nn.Module) -> Any:
    """What is the same for the same module: of a part of a program the tensors that it holds, if any."""
    held: Any = ()
    if isinstance(module, torch.jit.ScriptModule):
        held = tuple((name, id(tensor)) for name, tensor in module.state_dict(keep_vars=True).items())
    return (module.original_name, held) if held else id(module)


def join(path: Path, name: str) -> Path:
    """The path of ``name`` inside ``path``; the root's path is empty."""
    return f"{path}.{name}" if path else name


def dtype_name(dtype: torch.dtype) -> str:
    """``torch.float32`` as ``float32``."""
    return str(dtype).removeprefix("torch.")


def _occurrences(
    modules: dict[Path, nn.Module], aliases: dict[Path, tuple[Path, ...]], store: str
) -> dict[int, tuple[torch.Tensor, list[Path], nn.Module, str]]:
    found: dict[int, tuple[torch.Tensor, list[Path], nn.Module, str]] = {}
    for path, module in modules.items():
        for name, tensor in getattr(module, store).items():
            if tensor is None:
                continue
            if type(tensor) not in PLAIN and isinstance(tensor, (nn.UninitializedParameter, nn.UninitializedBuffer)):
                raise BuildError(
                    f"parameter {join(path, name)!r} has no shape yet: {type(module).__name__} is a lazy module",
                    where=path,
                    help="give an input, which tells it its sizes, or call the model once on a real one",
                )
            entry = found.setdefault(id(tensor), (tensor, [], module, name))
            entry[1].extend(join(place, name) for place in (path, *aliases[path]))
    return found


def _seen(tensor: torch.Tensor, places: list[Path]) -> dict[str, Any]:
    """What the records of parameters and of buffers both say."""
    return {
        "path": places[0],
        "aliases": tuple(places[1:]),
        "shape": shape_before_packing(tensor),
        "dtype": dtype_name(tensor.dtype),
        "nbytes": true_bytes(tensor),
        "stored": stored(tensor).values if is_sparse(tensor) else None,
    }


def _parameters(modules: dict[Path, nn.Module], aliases: dict[Path, tuple[Path, ...]]) -> tuple[ParameterRecord, ...]:
    return tuple(
        ParameterRecord(trainable=tensor.requires_grad, **_seen(tensor, places))
        for tensor, places, _, _ in _occurrences(modules, aliases, "_parameters").values()
    )


def _buffers(modules: dict[Path, nn.Module], aliases: dict[Path, tuple[Path, ...]]) -> tuple[BufferRecord, ...]:
    return tuple(
        BufferRecord(
            persistent=name not in module._non_persistent_buffers_set,  # noqa: SLF001 - torch offers no other way
            **_seen(tensor, places),
        )
        for tensor, places, module, name in _occurrences(modules, aliases, "_buffers").values()
    )
