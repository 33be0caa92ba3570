"""GGUF files of llama.cpp: the weights that a file lists, block-quantised ones at the bits that they really take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from archscope.errors import ImportModelError
from archscope.records import ParameterRecord
from archscope.sources.weight_list import weight_list
from archscope.spec import ModelSpec

SUFFIX = ".gguf"
_HEADER_LIMIT = 256 * 1024 * 1024  # tokenizers of 256,000 words take about 10 MB
_DEEPEST = 4  # arrays in arrays; the format's own writers make none
_MOST_SIZES = 4  # GGML_MAX_DIMS
_ALIGNMENT, _LARGEST_ALIGNMENT = 32, 1 << 20
_STRING, _ARRAY = 8, 9
# Bytes of the scalar kinds of metadata, as the specification numbers them (ggml/docs/gguf.md).
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32 = 4

# Kinds of tensors, as ggml numbers them: name, elements of a block, bytes of a block (the structs of ggml-common.h).
_KINDS = {
    0: ("float32", 1, 4),
    1: ("float16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("int8", 1, 1),
    25: ("int16", 1, 2),
    26: ("int32", 1, 4),
    27: ("int64", 1, 8),
    28: ("float64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("bfloat16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}


def from_gguf(source: str, file: Path) -> ModelSpec:
    """The tensors that the header of ``file`` lists, with the elements that they stand for and the bytes they take.

    Only the header is read. Shapes are given as in PyTorch, outermost size first. Raises ImportModelError for a file
    that is damaged, absurd, or has kinds of tensors that this version does not know.
    """
    with file.open("rb") as stream:
        try:
            records, architecture = _Header(file, stream).read()
        except (OverflowError, MemoryError, UnicodeDecodeError) as error:
            raise _damaged(file, f"{type(error).__name__} while its header is read") from error
    return weight_list(
        source, file.stem, records, f"weights alone, of a {architecture} in GGUF" if architecture else ""
    )


class _Header:
    """The header of one file, read from its start: magic, version, counts, metadata, then the list of tensors."""

    def __init__(self, file: Path, stream: BinaryIO) -> None:
        self._file, self._stream = file, stream
        self._size = file.stat().st_size
        self._end = min(self._size, _HEADER_LIMIT)
        self._alignment, self._architecture = _ALIGNMENT, ""

    def read(self) -> tuple[tuple[ParameterRecord, ...], str]:
        """The tensors in the order of the file, and the architecture that the file names."""
        if self._bytes(4) != b"GGUF":
            self._fail("it does not begin with GGUF")
        version = self._number(4)
        if version not in {2, 3}:
            self._fail(f"version {version} of the format is not read (2 and 3 are, little endian)")
        tensors, entries = self._number(8), self._number(8)
        for _ in range(self._counted(entries, 13)):
            self._metadata()
        listed = [self._listed() for _ in range(self._counted(tensors, 24))]
        start = -(-self._stream.tell() // self._alignment) * self._alignment
        return tuple(self._records(listed, start)), self._architecture

    def _records(self, listed: list[tuple[str, tuple[int, ...], int, int]], start: int) -> Iterator[ParameterRecord]:
        seen: set[str] = set()
        for name, shape, kind, offset in listed:
            if name in seen:
                self._fail(f"tensor {name[:100]!r} is listed twice")
            seen.add(name)
            dtype, block, size = _KINDS.get(kind) or self._fail(
                f"tensor {name[:100]!r} is of kind {kind}, which this version of archscope does not know"
            )
            row = shape[-1] if shape else 1
            if row % block:
                self._fail(
                    f"tensor {name[:100]!r} has rows of {row} elements, not of whole blocks of {block} ({dtype})"
                )
            nbytes = math.prod(shape) // block * size
            if offset % self._alignment or start + offset + nbytes > self._size:
                self._fail(f"tensor {name[:100]!r} does not lie within the file (is it cut short?)")
            yield ParameterRecord(
                path=name,
                aliases=(),
                shape=shape,
                dtype=dtype,
                trainable=dtype.startswith(("float", "bf")),
                nbytes=nbytes,
            )

    def _listed(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._text()
        rank = self._number(4)
        if rank > _MOST_SIZES:
            self._fail(f"tensor {name[:100]!r} has {rank} dimensions")
        shape = tuple(self._number(8) for _ in range(rank))[::-1]
        if math.prod(shape) >= 1 << 63:
            self._fail(f"tensor {name[:100]!r} has the shape {shape}")
        return name, shape, self._number(4), self._number(8)

    def _metadata(self) -> None:
        key, kind = self._text(), self._number(4)
        if key == "general.alignment" and kind == _UINT32:
            self._alignment = self._number(4)
            if not 0 < self._alignment <= _LARGEST_ALIGNMENT or self._alignment & (self._alignment - 1):
                self._fail(f"it aligns its tensors to {self._alignment} bytes")
        elif key == "general.architecture" and kind == _STRING:
            self._architecture = self._text()[:60]
        else:
            self._skip(kind, 0)

    def _skip(self, kind: int, depth: int) -> None:
        if kind in _SCALARS:
            self._pass(_SCALARS[kind])
        elif kind == _STRING:
            self._pass(self._number(8))
        elif kind == _ARRAY and depth < _DEEPEST:
            inner, length = self._number(4), self._number(8)
            if inner in _SCALARS:
                self._pass(length * _SCALARS[inner])
                return
            for _ in range(self._counted(length, 8)):
                self._skip(inner, depth + 1)
        else:
            self._fail(f"its metadata hold a value of kind {kind}")

    def _counted(self, count: int, least: int) -> int:
        """``count`` of entries that take ``least`` bytes each or more: as many as there is room for, or an error."""
        if count * least > self._end - self._stream.tell():
            self._fail(f"it announces {count:,} entries, more than it has room for")
        return count

    def _text(self) -> str:
        return self._bytes(self._number(8)).decode()

    def _number(self, size: int) -> int:
        return int.from_bytes(self._bytes(size), "little")

    def _bytes(self, count: int) -> bytes:
        if count > self._end - self._stream.tell():
            self._fail("its header is longer than the file, or than any header should be")
        return self._stream.read(count)

    def _pass(self, count: int) -> None:
        if count > self._end - self._stream.tell():
            self._fail("its header is longer than the file, or than any header should be")
        self._stream.seek(count, 1)

    def _fail(self, why: str) -> NoReturn:
        raise _damaged(self._file, why)


def _damaged(file: Path, why: str) -> ImportModelError:
    return ImportModelError(f"{file} is no GGUF file that can be read: {why}", help="fetch or convert it again")
