"""A method of a TorchScript program as one graph of operators, with marks where its modules start and end.

The graph is a copy: what a program shares with others of its type stays as it was.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from archscope.measure.running.frozen_programs import nodes_of
from archscope.measure.running.mkldnn_programs import without_mkldnn
from archscope.measure.running.model_state import Replacement
from archscope.measure.running.script_marks import ENTER, LEAVE, mark_operators
from archscope.records import Path

# Of the graph's own operators those that compute: what optimize_for_inference() and fusers leave in it.
_HIDDEN = re.compile("prim::.*(mkldnn|MKLDNN|Fusion|TensorExpr)")
_CALL = re.compile(r"forward(_*\d+|_tensor|__tensor)?")
_C: Any = torch._C  # noqa: SLF001 - torch.jit has no public names for graphs


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a program runs in: the canonical paths of the model's modules, the device, and stand-ins for constants.

    ``hidden`` collects what programs run past torch's dispatcher, each with the program's path.
    """

    canonical: Mapping[Path, Path]
    device: str
    replace: Replacement
    hidden: list[tuple[Path, str]] = dataclasses.field(default_factory=list)


def marked_method(program: Any, name: str, path: Path, around: Surroundings) -> Callable[..., Any]:
    """The method ``name`` of the ``program`` at ``path``, as a function that tells of the modules that it runs."""
    graph = whole_graph(program, name, path, around.canonical)
    return as_function(program, name, path, graph, around)


def whole_graph(program: Any, name: str, path: Path, canonical: Mapping[Path, Path]) -> Any:
    """A copy of the graph of a method with everything that it calls in it, between marks."""
    mark_operators()
    graph = program._c._get_method(name).graph.copy()  # noqa: SLF001
    _expand(graph, program, path, canonical)
    _C._jit_pass_inline(graph)  # noqa: SLF001 - functions, whose work is that of their callers
    _C._jit_pass_inline_fork_wait(graph)  # noqa: SLF001 - what runs in another thread is seen by nobody
    return graph


def as_function(  # noqa: PLR0913, PLR0917 - what a function is made of
    program: Any, name: str, path: Path, graph: Any, around: Surroundings, further: tuple[Any, ...] = ()
) -> Callable[..., Any]:
    """``graph`` as the method ``name`` of the ``program`` at ``path``, with ``further`` values behind its arguments."""
    without_mkldnn(graph)
    _move(graph, around)
    kinds = [str(node.kind()) for node in nodes_of(graph)]
    around.hidden.extend((path, kind) for kind in kinds if _HIDDEN.match(kind))
    function = _C._create_function_from_graph(name, graph)  # noqa: SLF001
    arguments = program._c._get_method(name).schema.arguments[1:]  # noqa: SLF001

    def run(*args: Any, **kwargs: Any) -> Any:
        return function(program._c, *_bound(name, arguments, args, kwargs), *further)  # noqa: SLF001

    return run


def _bound(name: str, arguments: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
    """Every argument by position; raises TypeError where one is missing or is not known."""
    names = [argument.name for argument in arguments]
    if len(args) > len(names) or not set(kwargs) <= set(names[len(args) :]):
        raise TypeError(f"{name}() takes {', '.join(names) or 'no arguments'}")
    yield from args
    for argument in arguments[len(args) :]:
        if argument.name not in kwargs and not argument.has_default_value():
            raise TypeError(f"{name}() missing 1 required positional argument: {argument.name!r}")
        yield kwargs.get(argument.name, argument.default_value)


def _expand(graph: Any, program: Any, path: Path, canonical: Mapping[Path, Path]) -> None:
    """Put the graphs of the methods that ``graph`` calls in the place of those calls, between marks."""
    places = attribute_paths(graph)
    calls = [(call, places.get(next(call.inputs()).debugName())) for call in graph.findAllNodes("prim::CallMethod")]
    for call, inside in calls:  # from here on names change
        if inside is None:  # of an interface: it runs as a part of what calls it
            continue
        inputs = [*call.inputs()]
        callee = program
        for name in inside.split(".") if inside else ():
            held = {} if callee is None else callee._modules  # noqa: SLF001 - a name may clash with an attribute
            callee = held[name] if name in held else None  # noqa: SIM401 - torch's table has no get
        if callee is None:  # an object of another class than a module, whose work is its caller's
            continue
        there = ".".join(filter(None, (path, inside)))
        body = callee._c._get_method(call.s("name")).graph.copy()  # noqa: SLF001
        _expand(body, callee, there, canonical)
        runs = bool(inside) and is_call(call.s("name")) and there in canonical
        with graph.insert_point_guard(call):
            if runs:
                mark(graph, ENTER, canonical[there], inputs[1:])
            outputs = list(graph.insertGraph(body, inputs))
            if runs:
                mark(graph, LEAVE, canonical[there], outputs)
        for old, new in zip(call.outputs(), outputs, strict=True):
            old.replaceAllUsesWith(new)
        call.destroy()


def is_call(method: str) -> bool:
    """Whether a method is what a call of the module runs: overloads and a second trace have a number behind it."""
    return _CALL.fullmatch(method) is not None


def attribute_paths(graph: Any) -> dict[str, Path]:
    """The values of ``graph`` that are the program itself or an attribute of it, by name, with their place in it."""
    places = {next(graph.inputs()).debugName(): ""}
    for node in graph.findAllNodes("prim::GetAttr"):
        above = places.get(node.input().debugName())
        if above is not None:
            places[node.output().debugName()] = ".".join(filter(None, (above, node.s("name"))))
    return places


def mark(graph: Any, kind: str, path: Path, values: list[Any]) -> None:
    """Put a mark where ``graph`` takes new nodes: the module at ``path`` starts with ``values``, or ends with them."""
    tensors = [tensor for value in values for tensor in _tensors(graph, value)]
    listed = graph.insertNode(graph.create("prim::ListConstruct", tensors, 1))
    listed.output().setType(_C.ListType.ofTensors())
    graph.insertNode(graph.create(kind, [graph.insertConstant(path), listed.output()], 0))


def _tensors(graph: Any, value: Any) -> Iterator[Any]:
    kind = value.type()
    if kind.kind() == "TensorType":
        yield value
    elif kind.kind() == "TupleType" and kind.elements():
        parts = graph.insertNode(graph.create("prim::TupleUnpack", [value], len(kind.elements())))
        for part, of in zip(parts.outputs(), kind.elements(), strict=True):
            part.setType(of)
            yield from _tensors(graph, part)


def _move(graph: Any, around: Surroundings) -> None:
    """Put stand-ins for the graph's constants, and the device of this run for the one of the trace."""
    for node in graph.findAllNodes("prim::Constant"):
        kind = node.output().type().kind()
        if kind == "DeviceObjType" and node.hasAttribute("value"):
            node.s_("value", around.device)
        elif kind == "TensorType" and node.hasAttribute("value"):
            tensor = node.t("value")
            if tensor.dim():  # a number is read where it is
                node.t_("value", around.replace(tensor))
