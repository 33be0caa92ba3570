"""What is known of a value of an ONNX graph: its type, its shape where all sizes are known, small constants."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archscope.records import Shape, TensorMeta
from archscope.sources.onnx_file.dtypes import bits_of, code_of, dtype_of

if TYPE_CHECKING:
    from onnx import TensorProto, TypeProto

SMALL = 1024  # elements of a constant whose values may decide shapes
_LARGEST = 2**62


@dataclass(slots=True)
class Value:
    """A value. ``meta`` is None where its shape is not known, or where it is no tensor.

    ``type`` is what ONNX's own inference takes; ``constant`` holds values that are known before any run; ``elements``
    are those of a sequence (or the one of an optional) where they are known.
    """

    meta: TensorMeta | None = None
    type: TypeProto | None = None
    constant: TensorProto | None = None
    elements: list[Value] | None = None
    numbers: Any = field(default=None, repr=False)

    def array(self) -> Any:
        """The constant as an array of numpy; None where it is not known."""
        if self.numbers is None and self.constant is not None:
            from onnx import numpy_helper

            try:
                self.numbers = numpy_helper.to_array(self.constant)
            except Exception:  # noqa: BLE001 - data of another length than the shape says
                self.constant = None
        return self.numbers


def tensor_value(shape: Shape, dtype: str, storage: int, constant: TensorProto | None = None) -> Value:
    """A tensor whose shape is known."""
    from onnx import helper

    bits = bits_of(dtype)
    meta = TensorMeta(shape, dtype, bits // 8, storage)
    return Value(meta, helper.make_tensor_type_proto(code_of(dtype), list(shape)), constant)


def typed_value(found: TypeProto, storage: int) -> Value:
    """A value of an inferred type; its ``meta`` is None when the type leaves a size open, or is no tensor's."""
    if not found.HasField("tensor_type"):
        return Value(None, found)
    shape = known_shape(found)
    dtype = dtype_of(found.tensor_type.elem_type)
    return Value(None if shape is None else TensorMeta(shape, dtype, bits_of(dtype) // 8, storage), found)


def known_shape(found: TypeProto) -> Shape | None:
    """The sizes of a tensor's type, or None where one is open."""
    if not found.HasField("tensor_type") or not found.tensor_type.HasField("shape"):
        return None
    sizes = []
    for dim in found.tensor_type.shape.dim:
        if not dim.HasField("dim_value") or dim.dim_value < 0:
            return None
        sizes.append(dim.dim_value)
    return tuple(sizes)


def overflows(found: TypeProto) -> bool:
    """Whether a tensor's type has sizes that no tensor has, as far as they are known."""
    sizes = [dim.dim_value for dim in found.tensor_type.shape.dim if dim.HasField("dim_value")]
    return any(size < 0 for size in sizes) or math.prod(sizes) >= _LARGEST
