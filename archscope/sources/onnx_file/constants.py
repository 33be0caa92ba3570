"""What a Constant node holds, however it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto, TensorProto

_NUMBERS: Mapping[str, tuple[str, Callable[[AttributeProto], Any]]] = {
    "value_float": ("float32", lambda attribute: attribute.f),
    "value_floats": ("float32", lambda attribute: [*attribute.floats]),
    "value_int": ("int64", lambda attribute: attribute.i),
    "value_ints": ("int64", lambda attribute: [*attribute.ints]),
}


def constant_of(node: NodeProto) -> tuple[TensorProto, tuple[int, ...] | None] | None:
    """The tensor, and the dense shape of a sparse one; None when the node says nothing."""
    for attribute in node.attribute:
        name = attribute.name
        if name == "value":
            return attribute.t, None
        if name == "sparse_value":
            return attribute.sparse_tensor.values, tuple(attribute.sparse_tensor.dims)
        if name in _NUMBERS:
            import numpy as np
            from onnx import numpy_helper

            dtype, read = _NUMBERS[name]
            return numpy_helper.from_array(np.array(read(attribute), dtype)), None
        if name.startswith("value_string"):
            return _text(name, len(attribute.strings)), None
    return None


def _text(name: str, count: int) -> TensorProto:
    from onnx import TensorProto

    tensor = TensorProto()
    tensor.data_type = TensorProto.STRING
    if name == "value_strings":
        tensor.dims.append(count)
    return tensor
