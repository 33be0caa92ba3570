"""The parts of an ONNX model as they are walked: graphs in an order that can run, functions, versions of operators."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archscope.errors import ImportModelError

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

DEFAULT = ""  # the domain of ONNX's own operators


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A graph or the body of a function: what it holds and its nodes, each after the ones that it reads."""

    name: str
    nodes: tuple[NodeProto, ...]
    weights: Mapping[str, TensorProto]
    sparse: Mapping[str, tuple[TensorProto, tuple[int, ...]]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    types: Mapping[str, ValueInfoProto]


def domain_of(node: NodeProto) -> str:
    """The domain of a node's operator; ONNX's own has two names."""
    return DEFAULT if node.domain == "ai.onnx" else node.domain


def versions(imports: Sequence[object], model: ModelProto) -> dict[str, int]:
    """The version of each operator set; a file of before they were named means the first."""
    found = {(DEFAULT if entry.domain == "ai.onnx" else entry.domain): entry.version for entry in model.opset_import}
    found |= {(DEFAULT if e.domain == "ai.onnx" else e.domain): e.version for e in imports}  # type: ignore[attr-defined]
    return {DEFAULT: 1} | found


def function_key(function: FunctionProto | NodeProto) -> tuple[str, str, str]:
    """By what nodes call a function."""
    name = function.op_type if hasattr(function, "op_type") else function.name
    domain = DEFAULT if function.domain == "ai.onnx" else function.domain
    return domain, name, function.overload


def body_of_graph(graph: GraphProto) -> Body:
    """``graph`` with its nodes in order. Raises ImportModelError for a cycle."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    sparse = {s.values.name: (s.values, tuple(s.dims)) for s in graph.sparse_initializer}
    inputs = tuple(given.name for given in graph.input)
    return Body(
        name=graph.name,
        nodes=in_order(graph.name, tuple(graph.node)),
        weights=weights,
        sparse=sparse,
        inputs=inputs,
        outputs=tuple(given.name for given in graph.output),
        types={value.name: value for value in (*graph.value_info, *graph.output)},
    )


def body_of_function(function: FunctionProto) -> Body:
    """The body of a function. Raises ImportModelError for a cycle."""
    return Body(
        name=function.name,
        nodes=in_order(function.name, tuple(function.node)),
        weights={},
        sparse={},
        inputs=tuple(function.input),
        outputs=tuple(function.output),
        types={value.name: value for value in function.value_info},
    )


def in_order(name: str, nodes: tuple[NodeProto, ...]) -> tuple[NodeProto, ...]:
    """``nodes`` as they stand where each reads what was made before it, else sorted so that it does.

    Raises ImportModelError for values made twice and nodes that wait for each other.
    """
    makers: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for output in filter(None, node.output):
            if makers.setdefault(output, position) != position:
                raise ImportModelError(f"graph {name[:100]!r} makes the value {output[:100]!r} twice", help=_HELP)
    waits = [{makers[value] for value in _read(node) if value in makers} for node in nodes]
    if all(max(makers_of, default=-1) < position for position, makers_of in enumerate(waits)):
        return nodes
    return tuple(nodes[position] for position in _sorted(name, nodes, waits))


_HELP = "check the file: python -c \"import onnx; onnx.checker.check_model('FILE')\""


def _read(node: NodeProto) -> Iterator[str]:
    """The values that ``node`` reads, those that its inner graphs take from outside too."""
    yield from filter(None, node.input)
    waiting = [(graph, frozenset[str]()) for graph in _inner(node)]
    while waiting:
        graph, outer = waiting.pop()
        own = outer | {tensor.name for tensor in graph.initializer} | {given.name for given in graph.input}
        own |= {s.values.name for s in graph.sparse_initializer}
        own |= {output for inside in graph.node for output in inside.output}
        for inside in graph.node:
            yield from (value for value in inside.input if value and value not in own)
            waiting += [(deeper, own) for deeper in _inner(inside)]
        yield from (given.name for given in graph.output if given.name and given.name not in own)


def _inner(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _sorted(name: str, nodes: Sequence[NodeProto], waits: Sequence[set[int]]) -> Iterator[int]:
    left = [len(makers) for makers in waits]
    readers: dict[int, list[int]] = defaultdict(list)
    for position, makers in enumerate(waits):
        for maker in makers:
            readers[maker].append(position)
    ready = deque(position for position, count in enumerate(left) if not count)
    done = 0
    while ready:
        position = ready.popleft()
        done += 1
        yield position
        for reader in readers[position]:
            left[reader] -= 1
            if not left[reader]:
                ready.append(reader)
    if done < len(nodes):
        stuck = nodes[next(position for position, count in enumerate(left) if count)]
        raise ImportModelError(
            f"graph {name[:100]!r} has a cycle: node {stuck.name[:100]!r} ({stuck.op_type[:100]}) waits for itself",
            help=_HELP,
        )


def with_attributes(node: NodeProto, given: Mapping[str, AttributeProto]) -> NodeProto:
    """``node`` with the attributes that it takes from the call of the function around it."""
    if not any(attribute.ref_attr_name for attribute in node.attribute):
        return node
    copy = type(node)()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            copy.attribute.append(attribute)
        elif attribute.ref_attr_name in given:
            copy.attribute.append(given[attribute.ref_attr_name])
            copy.attribute[-1].name = attribute.name
    return copy
