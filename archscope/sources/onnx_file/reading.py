"""Reading an ONNX file: the graph and the headers of its tensors, whatever the file claims; no external data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from archscope.errors import ImportModelError
from archscope.sources.libraries import require
from archscope.sources.onnx_file.dtypes import bits_of, dtype_of
from archscope.sources.onnx_file.texts import first_broken, texts_of_graph, texts_of_model

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto

_SIZE_LIMIT = 2**31  # protobuf's own: larger models keep their tensors in external data
_DEPTH_LIMIT = 24  # graphs inside graphs
_NODE_LIMIT = 1_000_000
_MOST_BYTES = 2**60  # of one tensor
_HELP = "export or fetch it again"


def read_model(file: Path) -> ModelProto:
    """The model in ``file``, its external data left where it is.

    Raises ImportModelError for what is no whole ONNX model, for graphs that are too many or too deep, for tensors that
    do not hold what their shapes say, and for external data outside of the file's folder.
    """
    onnx = _library(file)
    size = file.stat().st_size
    if size > _SIZE_LIMIT:
        raise ImportModelError(f"{file} has {size:,} bytes, and an ONNX file has at most 2 GiB", help=_HELP)
    model: ModelProto = onnx.ModelProto()
    try:
        model.ParseFromString(file.read_bytes())
    except Exception as error:  # each version of protobuf raises its own
        raise ImportModelError(
            f"{file} is no whole ONNX file (cut short, damaged, or nested too deep): {str(error)[:200]}", help=_HELP
        ) from error
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise ImportModelError(f"{file} holds no ONNX graph", help=_HELP)
    _check_texts(file, texts_of_model(model))
    nodes = 0
    for graph in _graphs(file, model):
        nodes += len(graph.node)
        if nodes > _NODE_LIMIT:
            raise ImportModelError(f"{file} has more than {_NODE_LIMIT:,} nodes", help="this is no network's graph")
        _check_texts(file, texts_of_graph(graph))
        _check_tensors(file, graph)
    _check_functions(file, model)
    return model


def _library(file: Path) -> Any:
    return require("onnx", wanted_by=file.name)


def _graphs(file: Path, model: ModelProto) -> Iterator[GraphProto]:
    """The graph of ``model`` and every graph inside it and inside its functions."""
    waiting = [(model.graph, 0)]
    inner = [attribute for function in model.functions for node in function.node for attribute in node.attribute]
    while waiting or inner:
        if inner:
            attribute = inner.pop()
            waiting += [
                (graph, 1) for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs)
            ]
            continue
        graph, depth = waiting.pop()
        if depth > _DEPTH_LIMIT:
            raise ImportModelError(
                f"{file} nests more than {_DEPTH_LIMIT} graphs inside each other", help="this is no network's graph"
            )
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    waiting.append((attribute.g, depth + 1))
                waiting += [(graph, depth + 1) for graph in attribute.graphs]


def _check_functions(file: Path, model: ModelProto) -> None:
    """Raise ImportModelError for a function that calls itself, or that grows beyond all measure when it is expanded."""
    functions = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    for start in functions:
        waiting = [start]
        while waiting:
            key = waiting[-1]
            if key in sizes and sizes[key] >= 0:
                waiting.pop()
                continue
            calls = [(node.domain, node.op_type) for node in _nodes_of(functions[key])]
            called = [call for call in calls if call in functions]
            if key in sizes and any(sizes.get(call, -1) < 0 for call in called):
                raise ImportModelError(f"{file}: function {key[1][:100]!r} calls itself", help=_HELP)
            sizes[key] = -1  # being worked out
            left = [call for call in dict.fromkeys(called) if sizes.get(call, -1) < 0]
            if any(call in sizes for call in left):
                raise ImportModelError(f"{file}: function {key[1][:100]!r} calls itself", help=_HELP)
            if left:
                waiting += left
                continue
            sizes[key] = len(calls) + sum(sizes[call] for call in called)
            if sizes[key] > _NODE_LIMIT:
                raise ImportModelError(
                    f"{file}: function {key[1][:100]!r} runs more than {_NODE_LIMIT:,} nodes",
                    help="this is no network's graph",
                )


def _nodes_of(function: FunctionProto) -> Iterator[NodeProto]:
    waiting = [*function.node]
    while waiting:
        node = waiting.pop()
        yield node
        for attribute in node.attribute:
            graphs = [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
            waiting += [inner for graph in graphs for inner in graph.node]


def _check_texts(file: Path, texts: Iterable[Any]) -> None:
    broken = first_broken(texts)
    if broken is not None:
        raise ImportModelError(f"{file} is damaged: it holds the name {broken[:100]!r}, which is no text", help=_HELP)


def _check_tensors(file: Path, graph: GraphProto) -> None:
    for tensor in graph.initializer:
        check_tensor(file, tensor)
    for sparse in graph.sparse_initializer:
        check_tensor(file, sparse.values)
        check_tensor(file, sparse.indices)
        _check_dims(file, sparse.values, sparse.dims)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                check_tensor(file, attribute.t)
            for tensor in attribute.tensors:
                check_tensor(file, tensor)


def check_tensor(file: Path, tensor: TensorProto) -> None:
    """Raise ImportModelError when ``tensor`` has an absurd shape, other data than it, or data outside of the folder."""
    _check_dims(file, tensor, tensor.dims)
    nbytes = tensor_bytes(tensor)
    if tensor.data_location == tensor.EXTERNAL:
        _check_external(file, tensor, nbytes)
    elif tensor.HasField("raw_data") and len(tensor.raw_data) != nbytes:
        raise _damaged(file, tensor, f"holds {len(tensor.raw_data):,} bytes, and its shape says {nbytes:,}")
    elif nbytes and not tensor.HasField("raw_data") and not _has_values(tensor):
        raise _damaged(file, tensor, f"holds no values, and its shape says {nbytes:,} bytes")


def _check_dims(file: Path, tensor: TensorProto, dims: Any) -> None:
    if any(size < 0 for size in dims):
        raise _damaged(file, tensor, f"has the shape {[*dims][:10]}")
    if math.prod(dims) * 16 > _MOST_BYTES or len(dims) > 64:
        raise _damaged(file, tensor, f"has the shape {[*dims][:10]}, which overflows")


def _has_values(tensor: TensorProto) -> bool:
    fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.string_data)
    return any(map(len, (*fields, tensor.double_data, tensor.uint64_data)))


def tensor_bytes(tensor: TensorProto) -> int:
    """The bytes of its elements; types below a byte are packed, strings count as nothing."""
    return -(-int(math.prod(tensor.dims)) * bits_of(dtype_of(tensor.data_type)) // 8)


def _check_external(file: Path, tensor: TensorProto, nbytes: int) -> None:
    told = {entry.key: entry.value for entry in tensor.external_data}
    location = told.get("location", "")
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    absolute = PurePosixPath(location).is_absolute() or bool(PureWindowsPath(location).anchor)
    if not location or absolute or ".." in parts or "\0" in location or len(location) > 1000:
        raise _escape(file, tensor, location)
    try:
        offset, length = int(told.get("offset", "0")), int(told.get("length", str(nbytes)))
    except ValueError:
        raise _damaged(file, tensor, "lies at an offset that is no number") from None
    if offset < 0 or length != nbytes:
        raise _damaged(file, tensor, f"takes {length:,} bytes at {offset:,}, and its shape says {nbytes:,}")
    try:
        data = (file.parent / location).resolve()
        homes = (file.parent.resolve(), file.resolve().parent)  # stores of models link both from beside each other
        if not any(data.is_relative_to(home) for home in homes):
            raise _escape(file, tensor, location)
        if data.is_file() and offset + length > data.stat().st_size:
            raise _damaged(file, tensor, f"does not lie within {location[:100]!r} (is that cut short?)")
    except (OSError, RuntimeError, ValueError):
        raise _escape(file, tensor, location) from None


def _escape(file: Path, tensor: TensorProto, location: str) -> ImportModelError:
    return ImportModelError(
        f"{file} keeps tensor {tensor.name[:100]!r} at {location[:200]!r}, outside of its own folder",
        help="archscope opens nothing that a file points to elsewhere; put external data beside the file",
    )


def _damaged(file: Path, tensor: TensorProto, what: str) -> ImportModelError:
    return ImportModelError(f"{file} is damaged: tensor {tensor.name[:100]!r} {what}", help=_HELP)
