"""Small TFLite files written by hand, table by table."""

from __future__ import annotations

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite
from tflite import utils

CODES = {name: code for code, name in utils.BUILTIN_OPCODE2NAME.items()}
NUMPY = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}
TYPES = NUMPY | {"string": 5, "int4": 17, "resource": 13, "bfloat16": 18, "int2": 19}
SECOND = {name for name in vars(tflite.BuiltinOptions2) if not name.startswith("_")}


@dataclass
class T:
    """A tensor. ``data`` is an array or the bytes of a constant; ``buffer`` shares that of another tensor, by name."""

    name: str
    shape: tuple = ()
    dtype: str = "float32"
    data: object = None
    scales: tuple = ()
    signature: tuple = ()
    variable: bool = False
    buffer: str = ""
    sparse: tuple = ()  # (segments, indices) of the last dimension


def const(name, array, **more):
    array = np.asarray(array)
    return T(name, array.shape, str(array.dtype), array, **more)


@dataclass
class Op:
    """An operator; ``options`` are fields of its options, of the class ``kind``; a custom one says so."""

    name: str
    inputs: tuple
    outputs: tuple
    kind: str = ""
    options: dict = field(default_factory=dict)
    custom: bytes = b""
    is_custom: bool = False


@dataclass
class Graph:
    tensors: list
    operators: list
    inputs: tuple
    outputs: tuple
    name: str = "main"


def _numbers(builder, values, dtype=np.int32):
    return builder.CreateNumpyVector(np.asarray(values, dtype))


def _offsets(builder, places):
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def _table(builder, kind, fields):
    """A table of the schema: numbers are written as they are, (offset,) as references."""
    getattr(tflite, f"{kind}Start")(builder)
    for name, value in fields.items():
        getattr(tflite, f"{kind}Add{name}")(builder, value[0] if isinstance(value, tuple) else value)
    return getattr(tflite, f"{kind}End")(builder)


def _fields(builder, options):
    made = {}
    for name, value in options.items():
        if isinstance(value, (list, np.ndarray)):
            made[name] = (_numbers(builder, value, np.int64 if name.startswith("Lhs") else np.int32),)
        elif isinstance(value, (str, bytes)):
            made[name] = (builder.CreateString(value),)
        else:
            made[name] = value
    return made


def built(graphs, signatures=(), *, external=None, description="made by hand", version=3):
    """The bytes of a file. ``signatures`` are (key, subgraph, {input name: tensor}); ``external`` bytes lie behind it.

    A tensor whose data is ``slice`` has its bytes there.
    """
    graphs = [graphs] if isinstance(graphs, Graph) else graphs
    builder = flatbuffers.Builder(1024)
    codes, buffers, places = {}, [_table(builder, "Buffer", {})], {}
    made = []
    for graph in graphs:
        tensors = [_tensor(builder, tensor, buffers, places) for tensor in graph.tensors]
        index = {tensor.name: place for place, tensor in enumerate(graph.tensors)}
        operators = [_operator(builder, op, codes, index) for op in graph.operators]
        ends = [_numbers(builder, [index.get(name, name) for name in names]) for names in (graph.inputs, graph.outputs)]
        name = builder.CreateString(graph.name)
        fields = {"Tensors": (_offsets(builder, tensors),), "Operators": (_offsets(builder, operators),)}
        fields |= {"Inputs": (ends[0],), "Outputs": (ends[1],), "Name": (name,)}
        made.append(_table(builder, "SubGraph", fields))
    signed = [_signature(builder, *signature, graphs) for signature in signatures]
    kinds = [_code(builder, name) for name in codes]
    told = {"Version": version, "Description": (builder.CreateString(description),)}
    told |= {"OperatorCodes": (_offsets(builder, kinds),), "Subgraphs": (_offsets(builder, made),)}
    told |= {"Buffers": (_offsets(builder, buffers),)}
    if signed:
        told["SignatureDefs"] = (_offsets(builder, signed),)
    builder.Finish(_table(builder, "Model", told), b"TFL3")
    return bytes(builder.Output()) + (external or b"")


def _tensor(builder, tensor, buffers, places):
    number = places.get(tensor.buffer or None, 0)
    if isinstance(tensor.data, slice):
        buffers.append(
            _table(builder, "Buffer", {"Offset": tensor.data.start, "Size": tensor.data.stop - tensor.data.start})
        )
        number = len(buffers) - 1
    elif tensor.data is not None:
        content = tensor.data if isinstance(tensor.data, bytes) else np.asarray(tensor.data).tobytes()
        vector = builder.CreateByteVector(content)
        buffers.append(_table(builder, "Buffer", {"Data": (vector,)}))
        number = len(buffers) - 1
    places[tensor.name] = number
    fields = {"Name": (builder.CreateString(tensor.name),), "Shape": (_numbers(builder, tensor.shape),)}
    if tensor.signature:
        fields["ShapeSignature"] = (_numbers(builder, tensor.signature),)
    if tensor.scales:
        vectors = {"Scale": (_numbers(builder, tensor.scales, np.float32),)}
        vectors["ZeroPoint"] = (_numbers(builder, [0] * len(tensor.scales), np.int64),)
        fields["Quantization"] = (_table(builder, "QuantizationParameters", vectors),)
    if tensor.sparse:
        fields["Sparsity"] = (_sparsity(builder, tensor),)
    fields |= {"Type": TYPES[tensor.dtype], "Buffer": number, "IsVariable": tensor.variable}
    return _table(builder, "Tensor", fields)


def _sparsity(builder, tensor):
    dense = _table(builder, "DimensionMetadata", {"Format": 0, "DenseSize": tensor.shape[0]})
    held = {}
    for name, values in zip(("ArraySegments", "ArrayIndices"), tensor.sparse, strict=True):
        vector = _numbers(builder, values, np.uint8)
        held[f"{name}Type"] = 3
        held[name] = (_table(builder, "Uint8Vector", {"Values": (vector,)}),)
    sparse = _table(builder, "DimensionMetadata", {"Format": 1, **held})
    order = _numbers(builder, [0, 1])
    return _table(
        builder,
        "SparsityParameters",
        {"TraversalOrder": (order,), "DimMetadata": (_offsets(builder, [dense, sparse]),)},
    )


def _operator(builder, op, codes, index):
    number = codes.setdefault((op.name, op.is_custom), len(codes))
    fields = {"OpcodeIndex": number}
    for side in ("Inputs", "Outputs"):
        named = getattr(op, side.lower())
        fields[side] = (_numbers(builder, [-1 if name is None else index.get(name, name) for name in named]),)
    if op.kind:
        table = (_table(builder, op.kind, _fields(builder, op.options)),)
        which = "BuiltinOptions2" if op.kind in SECOND else "BuiltinOptions"
        fields |= {which: table, f"{which}Type": getattr(getattr(tflite, which), op.kind)}
    if op.custom:
        fields["CustomOptions"] = (builder.CreateByteVector(op.custom),)
    return _table(builder, "Operator", fields)


def _code(builder, code):
    name, custom = code
    if custom:
        fields = {"CustomCode": (builder.CreateString(name),)}
        return _table(builder, "OperatorCode", {**fields, "DeprecatedBuiltinCode": 32, "BuiltinCode": 32})
    number = CODES.get(name, name)
    return _table(
        builder, "OperatorCode", {"DeprecatedBuiltinCode": min(number, 127), "BuiltinCode": number, "Version": 1}
    )


def _signature(builder, key, number, inputs, graphs):
    index = {tensor.name: place for place, tensor in enumerate(graphs[number].tensors)}
    maps = []
    for name, tensor in inputs.items():
        text = builder.CreateString(name)
        maps.append(_table(builder, "TensorMap", {"Name": (text,), "TensorIndex": index.get(tensor, tensor)}))
    fields = {"Inputs": (_offsets(builder, maps),), "SignatureKey": (builder.CreateString(key),)}
    return _table(builder, "SignatureDef", {**fields, "SubgraphIndex": number})


def saved(folder, content, name="net.tflite"):
    path = folder / name
    path.write_bytes(content)
    return str(path)


def single(op, tensors, inputs, outputs, kind="", options=None, **more):
    """A graph of one operator, which takes and gives tensors by their names; constants are no inputs of the graph."""
    held = {tensor.name for tensor in tensors if tensor.data is not None or tensor.buffer or tensor.variable}
    operator = Op(op, inputs, outputs, kind, options or {}, **more)
    taken = tuple(dict.fromkeys(name for name in inputs if name is not None and name not in held))
    return Graph(tensors, [operator], taken, outputs)
