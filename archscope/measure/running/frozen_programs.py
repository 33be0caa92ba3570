"""TorchScript programs that were frozen: no modules are left, but names of constants and where operators came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from archscope.records import Path

_OF_CONSTANTS = ("prim::Constant", "prim::ConstantMKLDNNTensor")
BETWEEN = (*_OF_CONSTANTS, "aten::to_mkldnn", "aten::to_dense")  # of no module, but put in by a pass
_STEP = re.compile(r"([^.()]+)\(([^()]*)\)")  # layer(Sequential).0(Block)
_NOWHERE = frozenset({"SELF", "UNKNOWN_INSTANCE"})  # the module itself, and a function's
_STATISTICS = frozenset({"running_mean", "running_var"})

Chain = tuple[Path, ...]  # the modules that run, the outermost first


def is_frozen(program: Any) -> bool:
    """Whether the TorchScript module ``program`` was frozen, which takes away its mode."""
    return not program._c.hasattr("training")  # noqa: SLF001 - torch.jit has no public name for it


@dataclass(slots=True)
class Scopes:
    """Where the operators of a frozen graph came from: ``chains`` by node, in order, and ``types`` by path.

    ``estimated`` where the graph leaves it open for some, and the nearest module that fits was taken.
    """

    chains: list[tuple[Any, Chain]] = field(default_factory=list)
    types: dict[Path, str] = field(default_factory=dict)
    estimated: bool = False


def scopes_of(graph: Any) -> Scopes:
    """The modules that each operator of ``graph`` ran in, as far as the graph still says.

    A trace says the whole path. A script names a module by the attributes of its callers, where a list of modules does
    not stand; the names of the constants near by tell that.
    """
    scopes = Scopes()
    told: dict[tuple[str, ...], list[tuple[int, Path]]] = {}
    steps = [(node, _STEP.findall(node.getModuleHierarchy())) for node in nodes_of(graph)]
    chains = [(node, [step for step in found if step[0] not in _NOWHERE]) for node, found in steps]
    for index, (node, chain) in enumerate(chains):
        for owner in filter(None, (constant_place(value)[0] for value in node.inputs())):
            for known, path in _aligned(tuple(name for name, _ in chain), owner):
                told.setdefault(known, []).append((index, path))
    for index, (node, chain) in enumerate(chains):
        if node.kind() in BETWEEN:
            continue
        if not chain:  # some passes say nothing of what they put in
            owner = next(filter(None, (constant_place(value)[0] for value in node.inputs())), "")
            scopes.chains.append((node, (owner,) if owner else ()))
            continue
        paths = _traced(node)
        if len(paths) != len(chain):
            named = [tuple(name for name, _ in chain[: end + 1]) for end in range(len(chain))]
            paths = tuple(_nearest(told, names, index) for names in named)
            scopes.estimated |= any(len({path for _, path in told.get(names, ())}) > 1 for names in named)
        for path, (_, kind) in zip(paths, chain, strict=True):
            scopes.types.setdefault(path, kind)
        scopes.chains.append((node, paths))
    return scopes


def _traced(node: Any) -> Chain:
    return tuple(scope.removeprefix("__module.") for scope in node.scopeName().split("/") if scope)


def _nearest(told: dict[tuple[str, ...], list[tuple[int, Path]]], names: tuple[str, ...], index: int) -> Path:
    near = min(told.get(names, ()), key=lambda seen: abs(seen[0] - index), default=None)
    return near[1] if near else ".".join(names)


def nodes_of(block: Any) -> Iterator[Any]:
    """Every node, those inside of branches and loops too, in order."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from nodes_of(inner)


def _aligned(chain: tuple[str, ...], owner: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """The path of every module of ``chain``, the last of which holds the constants of ``owner``."""
    names = owner.split(".")
    for length in range(len(chain), 0, -1):
        while names and names[-1] != chain[length - 1]:
            if length == len(chain):
                return  # the constant is another module's
            names.pop()
        if not names:
            return
        yield chain[:length], ".".join(names)
        names.pop()


def constant_place(value: Any) -> tuple[Path, str]:
    """The module and the name that the constant ``value`` had before freezing; two empty ones where nobody knows."""
    if value.node().kind() not in _OF_CONSTANTS:
        return "", ""
    parts = value.debugName().removesuffix("_mkldnn").split(".")
    if parts[-1].isdecimal() and len(parts) > 1:  # a number that makes the name the only one
        parts.pop()
    return (".".join(parts[1:-1]), parts[-1]) if parts[0] == "self" and len(parts) > 1 else ("", "")


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor in the graph of a frozen program: its node, its place, and whether it was a buffer."""

    node: Any
    path: Path
    tensor: torch.Tensor
    buffer: bool


def with_single_constants(graph: Any) -> Any:
    """``graph`` with each tensor of its constant lists of tensors (weights of an LSTM) as a constant of its own."""
    for node in [*nodes_of(graph)]:
        if node.kind() != "prim::Constant" or not node.hasAttribute("value") or node.kindOf("value") != "ival":
            continue
        tensors = node.ival("value")
        if not isinstance(tensors, list) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
            continue
        with graph.insert_point_guard(node):
            parts = [graph.insertConstant(tensor) for tensor in tensors]
            made = graph.insertNode(graph.create("prim::ListConstruct", parts, 1))
        name = node.output().debugName()
        made.output().setType(node.output().type())
        node.output().replaceAllUsesWith(made.output())
        node.destroy()
        for index, part in enumerate(parts):
            part.setDebugName(f"{name}_{index}")
    return graph


def constants_of(graph: Any) -> list[Constant]:
    """The tensors of a frozen graph that took the place of parameters and buffers."""
    found: dict[Path, Constant] = {}
    for node in nodes_of(graph):
        if node.kind() not in _OF_CONSTANTS or not node.hasAttribute("value") or node.kindOf("value") != "t":
            continue
        tensor = node.t("value")
        if not tensor.dim() or not node.hasUses():
            continue
        path = ".".join(filter(None, constant_place(node.output()))) or f"constant_{len(found)}"
        while path in found:
            path += "_"
        statistics = any(_argument(use) in _STATISTICS for use in node.output().uses())
        found[path] = Constant(node, path, tensor, statistics or not tensor.dtype.is_floating_point)
    return [*found.values()]


def _argument(use: Any) -> str:
    """The name of the argument that a value is used as."""
    schema = use.user.schema() if use.user.kind().startswith("aten::") else ""
    names = re.findall(r"(\w+)(?:=[^,)]*)?[,)]", schema.partition("->")[0])
    return names[use.offset] if use.offset < len(names) else ""
