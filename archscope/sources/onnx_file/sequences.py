"""Sequences and optionals of ONNX: which tensors they hold, as far as the graph says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archscope.records import TensorMeta
from archscope.sources.onnx_file.inference import tensor_type
from archscope.sources.onnx_file.values import Value, tensor_value

if TYPE_CHECKING:
    from onnx import NodeProto

SEQUENCE_OPERATORS = frozenset(
    {
        *("SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceAt", "SequenceLength"),
        *("SplitToSequence", "ConcatFromSequence", "Optional", "OptionalGetElement"),
    }
)


def sequence_outputs(  # noqa: C901 - a case for each operator
    node: NodeProto, inputs: Sequence[Value | None], inferred: dict[str, Value], storage: int
) -> dict[str, Value]:
    """The outputs of an operator of sequences: ``inferred``, with what is known of their elements.

    ``storage`` is a new one, for what the operator makes.
    """
    name = next(iter(inferred), "")
    if not name:
        return inferred
    output = inferred[name]
    first = inputs[0] if inputs else None
    elements = None if first is None else first.elements
    place = _number(inputs[-1]) if len(inputs) > 1 else None
    match node.op_type:
        case "SequenceConstruct":
            output.elements = [value for value in inputs if value is not None]
        case "SequenceEmpty":
            output.elements = []
        case "SequenceInsert" if elements is not None and inputs[1] is not None:
            at = len(elements) if len(inputs) < 3 else _number(inputs[2])
            output.elements = None if at is None else [*elements[:at], inputs[1], *elements[at:]]
        case "SequenceErase" if elements:
            at = -1 if len(inputs) < 2 else place
            if at is not None and -len(elements) <= at < len(elements):
                output.elements = [value for k, value in enumerate(elements) if k != at % len(elements)]
        case "SequenceAt" if elements and place is not None and -len(elements) <= place < len(elements):
            return {name: elements[place]}
        case "SequenceLength" if elements is not None:
            return {name: _length(len(elements), storage)}
        case "SplitToSequence" if first is not None and first.meta is not None:
            output.elements = _pieces(node, first.meta, inputs)
        case "ConcatFromSequence" if elements:
            joined = _joined(node, elements, storage)
            return {name: joined} if joined else inferred
        case "Optional" if first is not None:
            output.elements = [first]
        case "OptionalGetElement" if first is not None:
            return {name: elements[0] if elements else first}
    return inferred


def _number(value: Value | None) -> int | None:
    array = None if value is None else value.array()
    return int(array.reshape(-1)[0]) if array is not None and array.size == 1 and array.dtype.kind in "iu" else None


def _length(count: int, storage: int) -> Value:
    import numpy as np
    from onnx import numpy_helper

    return tensor_value((), "int64", storage, numpy_helper.from_array(np.array(count, np.int64)))


def _pieces(node: NodeProto, meta: TensorMeta, inputs: Sequence[Value | None]) -> list[Value] | None:
    told = {attribute.name: attribute.i for attribute in node.attribute}
    rank = len(meta.shape)
    axis = told.get("axis", 0)
    if not -rank <= axis < rank:
        return None
    axis, keep = axis % rank, told.get("keepdims", 1) or len(inputs) > 1
    size = meta.shape[axis]
    sizes = [1] * size
    if len(inputs) > 1 and inputs[1] is not None:
        array = inputs[1].array()
        if array is None or array.dtype.kind not in "iu" or (array.size == 1 and array.reshape(-1)[0] < 1):
            return None
        each = int(array.reshape(-1)[0]) if array.ndim == 0 else 0
        sizes = [min(each, size - at) for at in range(0, size, each)] if each else [int(n) for n in array]
    if len(sizes) > 10_000 or min(sizes, default=0) < 0:
        return None
    shapes = [(*meta.shape[:axis], *([n] if keep else []), *meta.shape[axis + 1 :]) for n in sizes]
    return [Value(TensorMeta(s, meta.dtype, meta.itemsize, meta.storage), tensor_type(s, meta.dtype)) for s in shapes]


def _joined(node: NodeProto, elements: Sequence[Value], storage: int) -> Value | None:
    metas = [value.meta for value in elements if value.meta is not None]
    told = {attribute.name: attribute.i for attribute in node.attribute}
    rank = len(metas[0].shape) if metas else 0
    new, axis = told.get("new_axis", 0), told.get("axis", 0)
    alike = len(metas) == len(elements) and all(len(meta.shape) == rank for meta in metas)
    if not alike or not -(rank + new) <= axis < rank + new:
        return None
    axis %= rank + new
    first = metas[0].shape
    middle = len(metas) if new else sum(meta.shape[axis] for meta in metas)
    return tensor_value((*first[:axis], middle, *first[axis + (not new) :]), metas[0].dtype, storage)
