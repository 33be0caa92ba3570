"""The texts of an ONNX file: protobuf hands over as bytes what is no UTF-8, and such a file is damaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


def first_broken(texts: Iterable[Any]) -> bytes | None:
    """The first of ``texts`` that is no text; None where all are."""
    return next((text for text in texts if isinstance(text, bytes)), None)


def texts_of_model(model: ModelProto) -> Iterator[Any]:
    """The names in a model and its functions, without those of its graphs."""
    yield from (model.producer_name, model.producer_version)
    for entry in model.opset_import:
        yield entry.domain
    for function in model.functions:
        yield from (function.name, function.domain, function.overload, *function.input, *function.output)
        for entry in function.opset_import:
            yield entry.domain
        for value in function.value_info:
            yield value.name
        for node in function.node:
            yield from _texts_of_node(node)


def texts_of_graph(graph: GraphProto) -> Iterator[Any]:
    """The names in a graph, without those of graphs inside it."""
    yield graph.name
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.name
        if value.type.HasField("tensor_type"):
            for dim in value.type.tensor_type.shape.dim:
                yield dim.dim_param
    for tensor in (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)):
        yield tensor.name
        for entry in tensor.external_data:
            yield from (entry.key, entry.value)
    for node in graph.node:
        yield from _texts_of_node(node)


def _texts_of_node(node: NodeProto) -> Iterator[Any]:
    yield from (node.name, node.op_type, node.domain, node.overload, *node.input, *node.output)
    for attribute in node.attribute:
        yield from (attribute.name, attribute.ref_attr_name)
    for entry in node.metadata_props:
        yield from (entry.key, entry.value)
