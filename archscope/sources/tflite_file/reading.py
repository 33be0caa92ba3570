"""Reading a TFLite file into plain data, whatever the file claims: every offset, length and index within bounds."""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from archscope.errors import ImportModelError
from archscope.sources.libraries import require
from archscope.sources.tflite_file.dtypes import HANDLES, bits_of, dtype_of
from archscope.sources.tflite_file.graph import (
    ABSENT,
    SMALL_BYTES,
    Data,
    Operator,
    Program,
    Signature,
    Subgraph,
    Tensor,
)
from archscope.sources.tflite_file.options import SUBGRAPHS, options_of

_IDENTIFIER = b"TFL3"
_MOST_SIZES = 64  # dimensions of one tensor
_MOST_BYTES = 2**60  # of one tensor
_OPERATOR_LIMIT = 1_000_000
_CUSTOM = 32  # the operator code of what the schema does not know
_NEWER = {209: "STABLEHLO_CASE"}  # than the package
_CUSTOM_LIMIT = 4096  # bytes of a custom operator's options that are looked at
_TEXT_LIMIT = 100_000
_HELP = "convert or fetch it again"
# What the schema's classes raise for offsets and lengths that point out of the file.
_OUTSIDE = (struct.error, IndexError, ValueError, TypeError, OverflowError, UnicodeError, AttributeError)


def read_program(file: Path) -> Program:
    """The graph in ``file``; weights stay where they are, only their places are taken.

    Raises ImportModelError for what is no whole TFLite file, and for tensors, operators and subgraphs that are not
    there, that share more than there is room for, or that call each other in a circle.
    """
    schema = require("tflite", wanted_by=file.name)
    try:
        with file.open("rb") as stream:
            _require_identifier(file, stream.read(8))
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)  # closed with its last view
            return _Reader(file, schema, content).program()
    except ImportModelError:
        raise
    except _OUTSIDE as error:
        raise ImportModelError(
            f"{file} is damaged: it points out of itself or holds what is no text ({str(error)[:100]})", help=_HELP
        ) from None


def _require_identifier(file: Path, head: bytes) -> None:
    if len(head) < 8 or head[4:] != _IDENTIFIER:
        raise ImportModelError(
            f"{file} is no TFLite file: it does not bear the mark TFL3 after its first four bytes", help=_HELP
        )


class _Reader:
    """Walks the tables of a file once. What is read altogether is bounded by the file's size."""

    def __init__(self, file: Path, schema: Any, content: mmap.mmap) -> None:
        self._file, self._schema, self._content, self._size = file, schema, content, len(content)
        self._left = 2 * self._size + 65_536  # entries of vectors and characters of texts; tables may share them
        self._seen: set[int] = set()

    def program(self) -> Program:
        model = self._schema.Model.GetRootAs(self._content, 0)
        buffers = self._buffers(model)
        codes = [self._code(model.OperatorCodes(place)) for place in self._places(model, "OperatorCodes")]
        subgraphs = [
            self._subgraph(model.Subgraphs(place), place, codes, buffers) for place in self._places(model, "Subgraphs")
        ]
        if not subgraphs:
            self._fail("it holds no graph")
        signatures = [
            self._signature(model.SignatureDefs(place), subgraphs) for place in self._places(model, "SignatureDefs")
        ]
        self._check_calls(subgraphs)
        description = self._text(model.Description())
        return Program(
            file=self._file.name,
            version=model.Version(),
            description=description,
            subgraphs=tuple(subgraphs),
            signatures=tuple(signatures),
        )

    def _places(self, table: Any, field: str) -> range:
        """The places of a vector of tables, which takes at least four bytes each."""
        return range(self._charge(getattr(table, f"{field}Length")(), 4))

    def _charge(self, count: int, size: int) -> int:
        if count * size > self._size:
            self._fail(f"it announces {count:,} entries, more than it has room for")
        self._left -= count
        if self._left < 0:
            self._fail("its tables share more entries than it has room for")
        return count

    def _vector(self, table: Any, field: str) -> tuple[Any, ...]:
        self._charge(getattr(table, f"{field}Length")(), 1)
        found = getattr(table, f"{field}AsNumpy")()
        return () if isinstance(found, int) else tuple(found.tolist())

    def _text(self, found: bytes | None) -> str:
        self._charge(len(found or b""), 1)
        if found is not None and len(found) > _TEXT_LIMIT:
            self._fail(f"it holds a name of {len(found):,} bytes")
        return (found or b"").decode()

    def _once(self, table: Any) -> Any:
        """``table``, which no other entry may be."""
        place = table._tab.Pos  # noqa: SLF001 - the classes of the schema have no other name for it
        if place in self._seen:
            self._fail("it lists one table twice")
        self._seen.add(place)
        return table

    def _buffers(self, model: Any) -> list[Data | None]:
        found: list[Data | None] = []
        for place in self._places(model, "Buffers"):
            buffer = model.Buffers(place)
            start, nbytes = buffer.Offset(), buffer.Size()
            if start <= 1:  # within the flatbuffer; else behind it, as files of more than 2 GiB keep them
                nbytes = buffer.DataLength()
                view = buffer._tab  # noqa: SLF001 - the place of a vector has no other name
                start = view.Vector(view.Offset(4)) if nbytes else 0
            if nbytes and start + nbytes > self._size:
                self._fail(f"buffer {place} takes {nbytes:,} bytes at {start:,}: behind the end (is it cut short?)")
            content = self._content[start : start + nbytes] if 0 < nbytes <= SMALL_BYTES else None
            found.append(Data(key=place, start=start, nbytes=nbytes, content=content) if nbytes else None)
        return found

    def _code(self, code: Any) -> tuple[str, bool]:
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == _CUSTOM:
            return self._text(code.CustomCode())[:200] or "unnamed", True
        name = self._schema.utils.BUILTIN_OPCODE2NAME.get(number) or _NEWER.get(number)
        return name or f"operator {number}", False

    def _subgraph(self, graph: Any, place: int, codes: list[tuple[str, bool]], buffers: list[Data | None]) -> Subgraph:
        name = self._text(graph.Name())[:200]
        tensors = tuple(self._tensor(self._once(graph.Tensors(k)), buffers) for k in self._places(graph, "Tensors"))
        where = f"subgraph {place}"
        inputs = self._tensor_indices(self._vector(graph, "Inputs"), tensors, where)
        outputs = self._tensor_indices(self._vector(graph, "Outputs"), tensors, where)
        operators = tuple(
            self._operator(self._once(graph.Operators(k)), f"{where}, operator {k}", codes, tensors)
            for k in self._places(graph, "Operators")
        )
        return Subgraph(name=name, tensors=tensors, inputs=inputs, outputs=outputs, operators=operators)

    def _tensor_indices(
        self, indices: tuple[int, ...], tensors: tuple[Tensor, ...], where: str, least: int = 0
    ) -> tuple[int, ...]:
        for index in indices:
            if not least <= index < len(tensors):
                self._fail(f"{where} names tensor {index}, and there are {len(tensors):,}")
        return indices

    def _tensor(self, tensor: Any, buffers: list[Data | None]) -> Tensor:
        name = self._text(tensor.Name())
        shape, signature = self._vector(tensor, "Shape"), self._vector(tensor, "ShapeSignature")
        number = tensor.Buffer()
        if number >= len(buffers) and (number or buffers):
            self._fail(f"tensor {name[:100]!r} names buffer {number:,}, and there are {len(buffers):,}")
        data = buffers[number] if buffers else None
        signature = signature if len(signature) == len(shape) else shape
        dtype = dtype_of(tensor.Type())
        least = 0 if data is not None else -1
        if len(shape) > _MOST_SIZES or any(n < least for n in shape) or any(n < -1 for n in signature):
            self._fail(f"tensor {name[:100]!r} has the shape {list(shape)[:10]}")
        if math.prod(max(n, 1) for n in shape) * 16 > _MOST_BYTES:
            self._fail(f"tensor {name[:100]!r} has the shape {list(shape)[:10]}, which overflows")
        scales = tensor.Quantization()
        quantised = scales is not None and scales.ScaleLength() > 0
        index_bytes = None
        sparsity = tensor.Sparsity()
        if sparsity is not None:
            index_bytes = sum(self._index_bytes(sparsity.DimMetadata(k)) for k in self._places(sparsity, "DimMetadata"))
        elif data is not None and dtype not in HANDLES:
            self._check_bytes(name, shape, dtype, data)
        return Tensor(
            name=name,
            shape=shape,
            signature=signature,
            dtype=dtype,
            data=data,
            quantised=quantised,
            variable=tensor.IsVariable(),
            index_bytes=index_bytes,
        )

    def _check_bytes(self, name: str, shape: tuple[int, ...], dtype: str, data: Data) -> None:
        nbytes = -(-math.prod(shape) * bits_of(dtype) // 8)
        if bits_of(dtype) and data.nbytes != nbytes:
            self._fail(f"tensor {name[:100]!r} holds {data.nbytes:,} bytes, and its shape says {nbytes:,}")

    def _index_bytes(self, dimension: Any) -> int:
        """The bytes of the segments and indices of a sparse dimension."""
        total = 0
        for field in ("ArraySegments", "ArrayIndices"):
            kind, union = getattr(dimension, f"{field}Type")(), getattr(dimension, field)()
            if union is None or not 1 <= kind <= 3:
                continue
            width = (4, 2, 1)[kind - 1]
            values = (self._schema.Int32Vector, self._schema.Uint16Vector, self._schema.Uint8Vector)[kind - 1]()
            values.Init(union.Bytes, union.Pos)
            total += width * self._charge(values.ValuesLength(), width)
        return total

    def _operator(
        self, operator: Any, where: str, codes: list[tuple[str, bool]], tensors: tuple[Tensor, ...]
    ) -> Operator:
        number = operator.OpcodeIndex()
        if number >= len(codes):
            self._fail(f"{where} is of kind {number:,}, and there are {len(codes):,}")
        op, custom = codes[number]
        if custom:
            room = operator.CustomOptionsLength()
            if room > self._size:
                self._fail(f"{where} announces options of {room:,} bytes")
            head = operator.CustomOptionsAsNumpy()
            options: Any = {} if isinstance(head, int) else {"custom_options": bytes(head[:_CUSTOM_LIMIT])}
        else:
            options = options_of(self._schema, op, operator, self._vector)
        return Operator(
            op=op,
            custom=custom,
            inputs=self._tensor_indices(self._vector(operator, "Inputs"), tensors, f"{where} ({op})", ABSENT),
            outputs=self._tensor_indices(self._vector(operator, "Outputs"), tensors, f"{where} ({op})", ABSENT),
            options=options,
        )

    def _signature(self, signature: Any, subgraphs: list[Subgraph]) -> Signature:
        key, number = self._text(signature.SignatureKey()), signature.SubgraphIndex()
        if number >= len(subgraphs):
            self._fail(f"signature {key[:100]!r} names subgraph {number:,}, and there are {len(subgraphs):,}")
        inputs = {}
        for place in self._places(signature, "Inputs"):
            entry = signature.Inputs(place)
            inputs[entry.TensorIndex()] = self._text(entry.Name())
        for place in self._places(signature, "Outputs"):
            self._text(signature.Outputs(place).Name())
        return Signature(key=key, subgraph=number, inputs=inputs)

    def _check_calls(self, subgraphs: list[Subgraph]) -> None:
        """Every subgraph that an operator names is there, and none calls itself, through others neither."""
        if sum(len(graph.operators) for graph in subgraphs) > _OPERATOR_LIMIT:
            self._fail(f"it has more than {_OPERATOR_LIMIT:,} operators")
        calls = [list(dict.fromkeys(called_by(graph))) for graph in subgraphs]
        for called in calls:
            for number in called:
                if not 0 <= number < len(subgraphs):
                    self._fail(f"an operator calls subgraph {number:,}, and there are {len(subgraphs):,}")
        done: dict[int, int] = {}  # the operators of each, with those of what it calls
        for start in range(len(subgraphs)):
            if start not in done:
                self._count_calls(start, subgraphs, calls, done)

    def _count_calls(self, start: int, subgraphs: list[Subgraph], calls: list[list[int]], done: dict[int, int]) -> None:
        """Put the operators that ``start`` and what it calls run into ``done``."""
        path, waiting = {start: None}, [iter(calls[start])]
        while waiting:
            following = next(waiting[-1], None)
            if following is None:
                number = path.popitem()[0]
                waiting.pop()
                inner = [done[other] for other in called_by(subgraphs[number])]
                done[number] = len(subgraphs[number].operators) + sum(inner)
                if done[number] > _OPERATOR_LIMIT:
                    self._fail(f"subgraph {number} runs more than {_OPERATOR_LIMIT:,} operators")
            elif following in path:
                self._fail(f"subgraph {following} calls itself")
            elif following not in done:
                path[following] = None
                waiting.append(iter(calls[following]))

    def _fail(self, why: str) -> NoReturn:
        raise ImportModelError(f"{self._file} is no TFLite file that can be read: {why}", help=_HELP)


def called_by(graph: Subgraph) -> Iterator[int]:
    """The subgraphs that operators of ``graph`` name."""
    for operator in graph.operators:
        for name in SUBGRAPHS.get(operator.op, ()):
            if name in operator.options:
                yield operator.options[name]
