"""A frozen TorchScript program as a tree of modules again: what its graph still says of places, types and tensors."""

# ruff: noqa: SLF001 - torch.jit has no public names for graphs, and a tensor's name may clash with an attribute

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from archscope.measure.running.frozen_programs import (
    BETWEEN,
    Chain,
    constant_place,
    constants_of,
    is_frozen,
    scopes_of,
    with_single_constants,
)
from archscope.measure.running.script_graphs import Surroundings, as_function, attribute_paths, mark, whole_graph
from archscope.measure.running.script_marks import ENTER, LEAVE
from archscope.records import Path


class FrozenPart(nn.Module):
    """A place in a frozen program; ``original_name`` is the class that stood there."""

    original_name = "Module"

    def forward(self, *_args: Any) -> Any:
        """There is nothing to run: the program as a whole runs."""
        raise RuntimeError("a part of a frozen program cannot be run")


class FrozenProgram(FrozenPart):
    """The program: its constants are parameters and buffers of the modules that had them."""

    program: Any
    places: list[Path]
    estimated: bool

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.original_name = program.original_name
        self.__dict__["program"] = program  # no part of it
        graph = _with_constants(program, program._c._get_method("forward").graph.copy())
        self.__dict__["places"] = places = []
        for constant in constants_of(graph):
            owner, _, name = constant.path.rpartition(".")
            part = _part(self, owner)
            dense = constant.tensor if constant.tensor.layout is torch.strided else constant.tensor.to_dense()
            if constant.buffer:
                part._buffers[name] = dense
            else:
                part._parameters[name] = nn.Parameter(dense.detach(), requires_grad=False)
            places.append(constant.path)
        for place, packed in _packed(graph):
            owner, _, name = place.rpartition(".")
            _part(self, owner).__dict__[name or "packed"] = packed
        scopes = scopes_of(graph)
        self.__dict__["estimated"] = scopes.estimated
        for path, kind in scopes.types.items():
            _part(self, path).original_name = kind
        self.eval()

    def marked(self, path: Path, around: Surroundings) -> Callable[..., Any]:
        """What runs in the place of the program at ``path``: its graph, with the tensors that are held now."""
        graph = _with_constants(self.program, whole_graph(self.program, "forward", path, around.canonical))
        _mark_scopes(graph, path, around.canonical)
        tensors = []
        for place, constant in zip(self.places, constants_of(graph), strict=True):
            owner, _, name = place.rpartition(".")
            part = _part(self, owner)
            tensors.append({**part._buffers, **part._parameters}[name])
            given = graph.addInput()
            given.setType(torch._C.TensorType.get())
            constant.node.output().replaceAllUsesWith(given)
            constant.node.destroy()
        return as_function(self.program, "forward", path, graph, around, tuple(tensors))


def estimated_rows(modules: Iterable[nn.Module]) -> str:
    """What is said of ``modules`` with a frozen program whose operators may belong to a like module near by."""
    if not any(isinstance(module, FrozenProgram) and module.estimated for module in modules):
        return ""
    return "a frozen program does not tell repeated modules apart: rows inside of it are an estimate, totals are exact"


def can_be_thawed(module: nn.Module) -> bool:
    """Whether ``module`` is a program whose parameters have become constants, at least most of them."""
    return isinstance(module, torch.jit.ScriptModule) and is_frozen(module) and hasattr(module, "forward")


def _with_constants(program: Any, graph: Any) -> Any:
    """``graph`` with constants in the place of the tensors that freezing left as attributes, each once."""
    places = attribute_paths(graph)
    found: dict[int, Any] = {}
    for node in graph.findAllNodes("prim::GetAttr"):
        place = places.get(node.output().debugName())
        if place is None or node.output().type().kind() != "TensorType":
            continue
        tensor = program._c
        for name in place.split("."):
            tensor = getattr(tensor, "_c", tensor).getattr(name)
        if id(tensor) not in found:
            with graph.insert_point_guard(next(graph.nodes())):
                found[id(tensor)] = graph.insertConstant(tensor.detach()), f"self.{place}"
        node.output().replaceAllUsesWith(found[id(tensor)][0])
    for value, name in found.values():
        value.setDebugName(name)
    return with_single_constants(graph)


def _packed(graph: Any) -> Iterator[tuple[Path, Any]]:
    """The packed weights of quantised operators in a frozen graph, with their places."""
    for node in graph.findAllNodes("prim::Constant"):
        if node.hasAttribute("value") and node.kindOf("value") == "ival":
            value = node.ival("value")
            if isinstance(value, torch.ScriptObject):
                yield ".".join(filter(None, constant_place(node.output()))), value


def _part(root: nn.Module, path: Path) -> FrozenPart:
    found: Any = root
    for name in path.split(".") if path else ():
        if name not in found._modules:
            found._modules[name] = FrozenPart()
        found = found._modules[name]
    return found  # type: ignore[no-any-return]


def _mark_scopes(graph: Any, path: Path, canonical: Mapping[Path, Path]) -> None:
    """Marks where the operators of a program come from another module than those before them."""
    chains = {}
    for index, (_, chain) in enumerate(scopes_of(graph).chains):
        whole = (".".join(filter(None, (path, scope))) for scope in chain)
        chains[index] = tuple(canonical[place] for place in whole if place in canonical)
    _mark_block(graph, graph, iter(chains.values()), ())


def _mark_block(graph: Any, block: Any, chains: Iterator[Chain], around: Chain) -> None:
    running, last = around, None
    for node in [*block.nodes()]:
        if node.kind() in BETWEEN:
            continue
        chain = next(chains)
        if chain or not node.kind().startswith("prim::"):
            shared = max(_shared(running, chain), len(around))
            with graph.insert_point_guard(node):
                _leave(graph, running[shared:], last)
                for place in chain[shared:]:
                    mark(graph, ENTER, place, [*node.inputs()][:1])
            running = (*running[:shared], *chain[shared:])
        for inner in node.blocks():
            _mark_block(graph, inner, chains, running)
        last = node
    with graph.insert_point_guard(block.return_node() if hasattr(block, "return_node") else block.returnNode()):
        _leave(graph, running[len(around) :], last)


def _leave(graph: Any, places: Chain, last: Any) -> None:
    for place in reversed(places):
        mark(graph, LEAVE, place, [*last.outputs()] if last else [])


def _shared(one: Chain, other: Chain) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
