"""What is known of a value of a TFLite graph: its shape where all sizes are known, and small numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archscope.records import Shape, Stored, TensorMeta
from archscope.sources.tflite_file.dtypes import bits_of

SMALL = 1024  # elements of a constant whose values may decide shapes
_LARGEST = 2**62


@dataclass(slots=True)
class Value:
    """A value. ``meta`` is None where its shape is not known; ``numbers`` are an array that is known before any run.

    ``handle`` is the name of the variable that it stands for.
    """

    meta: TensorMeta | None
    dtype: str
    numbers: Any = field(default=None, repr=False)
    handle: str = ""

    @property
    def shape(self) -> Shape | None:
        """Its sizes, or None."""
        return None if self.meta is None else self.meta.shape


def tensor_value(shape: Shape, dtype: str, storage: int, numbers: Any = None, stored: Stored | None = None) -> Value:
    """A tensor whose shape is known."""
    return Value(TensorMeta(shape, dtype, bits_of(dtype) // 8, storage, stored), dtype, numbers)


def overflows(shape: Shape) -> bool:
    """Whether it has sizes that no tensor has."""
    product = 1
    for size in shape:
        product *= max(size, 1)
    return any(size < 0 for size in shape) or product >= _LARGEST
