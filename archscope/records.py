"""What was seen while a model ran: plain records, without tensors and without torch.

``TensorMeta`` and ``OpCall`` are named tuples because the tracer makes one for every tensor of every operator.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Path: TypeAlias = str
Shape: TypeAlias = tuple[int, ...]


class Stored(NamedTuple):
    """What a sparse tensor holds: ``values`` elements, and ``nbytes`` for these and their indices."""

    values: int
    nbytes: int


#: Bits of the types that share bytes.
PACKED_BITS = {"uint4": 4, "int4": 4, "float4_e2m1": 4, "uint2": 2, "int2": 2}


class TensorMeta(NamedTuple):
    """A tensor without its values. ``dtype`` as in ``torch.<dtype>``; ``storage`` is an id within its trace.

    ``stored`` is what a sparse tensor holds; None of others. ``layout`` tells views of one storage apart: the offset
    and the strides, in elements; None of a tensor that lies in order from the start. ``itemsize`` is 0 for types that
    share bytes.
    """

    shape: Shape
    dtype: str
    itemsize: int
    storage: int
    stored: Stored | None = None
    layout: tuple[int, ...] | None = None

    @property
    def numel(self) -> int:
        """Elements."""
        product = 1
        for size in self.shape:
            product *= size
        return product

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, whatever the storage holds besides; of a sparse tensor those of what it holds."""
        if self.stored is not None:
            return self.stored.nbytes
        return self.numel * self.itemsize if self.itemsize else -(-self.numel * PACKED_BITS.get(self.dtype, 0) // 8)


class OpCall(NamedTuple):
    """One operator call.

    ``op`` is the full ATen name (``aten::add.Tensor``), ``path`` the canonical path of the innermost running module,
    ``phase`` forward or backward. ``arguments`` holds the arguments by schema name, defaults filled in, with
    TensorMeta in place of tensors; ``outputs`` the TensorMeta of every tensor returned, in order.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which calls have no use for
    op: str
    path: Path
    phase: str
    arguments: Mapping[str, Any]
    outputs: tuple[TensorMeta, ...]

    @property
    def inputs(self) -> tuple[TensorMeta, ...]:
        """Every tensor among the arguments, those inside lists too, in schema order."""
        found: list[TensorMeta] = []
        for value in self.arguments.values():
            kind = type(value)
            if kind is TensorMeta:
                found.append(value)
            elif kind is list or kind is tuple:
                _collect(value, found)
        return tuple(found)


def _collect(values: Iterable[Any], found: list[TensorMeta]) -> None:
    for value in values:
        kind = type(value)
        if kind is TensorMeta:
            found.append(value)
        elif kind is list or kind is tuple:
            _collect(value, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRecord:
    """A parameter, once by identity: its first path in ``named_parameters()``; further paths are ``aliases``.

    ``stored`` is how many elements a sparse one holds; None of others.
    """

    path: Path
    aliases: tuple[Path, ...]
    shape: Shape
    dtype: str
    trainable: bool
    nbytes: int
    stored: int | None = None

    @property
    def numel(self) -> int:
        """Elements; of a sparse tensor those that it holds."""
        return math.prod(self.shape) if self.stored is None else self.stored


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferRecord:
    """A buffer, once by identity; ``persistent`` when the state_dict holds it; ``stored`` as of a parameter."""

    path: Path
    aliases: tuple[Path, ...]
    shape: Shape
    dtype: str
    persistent: bool
    nbytes: int
    stored: int | None = None

    @property
    def numel(self) -> int:
        """Elements; of a sparse tensor those that it holds."""
        return math.prod(self.shape) if self.stored is None else self.stored


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRecord:
    """A storage that an operator allocated: born and freed are call indices; ``freed`` None if it outlived the run."""

    id: int
    nbytes: int
    born: int
    freed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleRecord:
    """A module, once by identity: its first path in ``named_modules()`` and what its first call took and gave.

    ``outputs`` are the tensors that it gave, before the operator call ``end``.
    """

    path: Path
    type_name: str
    aliases: tuple[Path, ...]
    calls: int
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    outputs: tuple[TensorMeta, ...] = ()
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCall:
    """A call of a module that has several paths: ``caller`` was running; the operator calls ``first`` up to ``end``."""

    caller: Path
    owner: Path
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRecord:
    """One tensor that was passed to the model."""

    name: str
    shape: Shape
    dtype: str


class UnseenRecord(NamedTuple):
    """Work that no operator call shows: its ``kind`` (a key of ``report.UNSEEN_KINDS``), its module, its line of code.

    ``storage`` is the one that changed where the kind is a write, else -1.
    """

    kind: str
    path: Path
    where: str
    storage: int = -1


class ReadRecord(NamedTuple):
    """The model asked for values, before call ``index`` or by it.

    ``kind`` is ``size`` (how large a result is), ``number`` (one Python number, ``count`` 1), ``list``, ``text``,
    ``memory`` (an array, an address), ``shape`` (no values, but a size that other values may have decided), or
    ``chance`` (none of a tensor, but of Python's or numpy's random numbers).
    ``storages`` are those read, ``floating`` tells their dtype, ``where`` the line of code and ``only_checks`` whether
    that line asserts, raises or warns and does nothing else with it. ``chooses`` when it may leave work out because of
    it.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, as in OpCall
    op: str
    kind: str
    path: Path
    where: str
    only_checks: bool
    storages: tuple[int, ...]
    floating: bool
    count: int  # type: ignore[assignment]  # hides tuple.count
    chooses: bool = False


class EntryRecord(NamedTuple):
    """A tensor made of Python's or another library's values during the run, before call ``index``; not of constants."""

    index: int  # type: ignore[assignment]
    path: Path
    where: str
    storage: int
    numel: int
    floating: bool


class HeldRecord(NamedTuple):
    """A tensor that stood ready before the run and that no module registered; ``parameter`` when it takes gradients."""

    storage: int
    shape: Shape
    dtype: str
    numel: int
    parameter: bool
    floating: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A control flow operator in the module at ``path`` whose predicate had no value, and what was taken for it.

    ``taken`` is "larger branch" (of a cond) or "one step" (of a while_loop).
    """

    op: str
    path: Path
    taken: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything seen in one run (or, when ``calls`` is None, in a model that was not run).

    ``device`` is where it ran (``meta``, ``cpu``, ``cuda:0``) and ``fallback`` why not on meta or not at all. Modules
    stand in ``named_modules()`` order. Storages, by their ids in the calls: ``weights`` of each parameter, ``storages``
    of what operators allocated, ``results`` of what the model returned. ``packed`` holds weights that quantised modules
    keep outside of parameters and buffers. ``undecided`` is control flow that nobody could follow without values;
    ``shared`` are the calls of modules with several paths, in order. ``unseen``, ``reads``, ``entries`` and ``held``
    are what happened beside the calls, and ``given`` the storages whose values come from the input or were made up:
    nobody knows them beforehand. ``arena`` is the memory that a TFLite file's own planner lays out for its tensors,
    None of everything else.
    """

    model: str
    mode: str
    device: str
    fallback: str
    inputs: tuple[InputRecord, ...]
    modules: tuple[ModuleRecord, ...]
    parameters: tuple[ParameterRecord, ...]
    buffers: tuple[BufferRecord, ...]
    weights: Mapping[Path, int]
    calls: tuple[OpCall, ...] | None
    storages: tuple[StorageRecord, ...]
    results: tuple[int, ...] = ()
    packed: tuple[BufferRecord, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    shared: tuple[SharedCall, ...] = ()
    unseen: tuple[UnseenRecord, ...] = ()
    reads: tuple[ReadRecord, ...] = ()
    entries: tuple[EntryRecord, ...] = ()
    held: tuple[HeldRecord, ...] = ()
    given: tuple[int, ...] = ()
    arena: int | None = None
