"""A TFLite file as plain data: its tensors, operators, subgraphs and signatures, checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archscope.records import Shape

#: In place of an optional tensor that is left out.
ABSENT = -1
#: Bytes of a constant whose numbers may decide shapes.
SMALL_BYTES = 8192
_NUMPY = frozenset(
    ("float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Where the bytes of a constant lie in the file; ``key`` tells buffers apart, ``content`` is there of few bytes."""

    key: int
    start: int
    nbytes: int
    content: bytes | None = None

    def numbers(self, dtype: str, shape: Shape) -> Any:
        """What a small constant holds, as an array; None of a large one and of types that numpy does not have."""
        import numpy as np

        if self.content is None or dtype not in _NUMPY:
            return None
        return np.frombuffer(self.content, dtype).reshape(shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor of a subgraph. ``signature`` has -1 for sizes that the file leaves open.

    ``data`` is None of one that is no constant. ``quantised`` when it has scales; ``variable`` when it keeps its values
    between calls; ``index_bytes`` are those of a sparse constant's indices, None of a dense one.
    """

    name: str
    shape: Shape
    signature: Shape
    dtype: str
    data: Data | None
    quantised: bool = False
    variable: bool = False
    index_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator: ``op`` is its name, ``inputs`` and ``outputs`` are indices of tensors, ABSENT for one left out."""

    op: str
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgraph:
    """Operators in the order in which they run, and the tensors that they read and make."""

    name: str
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A way to call the model: the names of the tensors that a subgraph takes, by their indices."""

    key: str
    subgraph: int
    inputs: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A whole file."""

    file: str
    version: int
    description: str
    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]
