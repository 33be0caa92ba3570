"""RunNotes: what the recorder notes of a run besides operator calls, such as values read and work in other threads."""

from __future__ import annotations

import contextlib
import ctypes
import math
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch._C import _len_torch_dispatch_stack
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from archscope.measure.running.code_lines import constants_given, running_line
from archscope.measure.running.held_numbers import Made, made_of_numbers
from archscope.measure.running.steering_lines import answer_chooses
from archscope.measure.running.storages import storage_of
from archscope.records import EntryRecord, ReadRecord, UnseenRecord

_MAKERS = frozenset({"tensor", "as_tensor", "asarray", "new_tensor", "from_numpy", "frombuffer", "from_dlpack"})
_MAKERS |= {"Tensor", "FloatTensor", "DoubleTensor", "LongTensor", "IntTensor", "BoolTensor"}


class Ask(NamedTuple):
    """What failed on meta for want of values or of a kernel; ``values`` when it was for values.

    ``place`` when nothing failed, but the model asked whether its tensors are on meta, or (``gpu``) on the CPU: there
    it goes the way that it would go on a GPU.
    """

    op: str
    where: str
    values: bool
    place: bool = False
    gpu: bool = False

    def __str__(self) -> str:
        return f"{self.op}{f' at {self.where}' if self.where else ''}"


class RunNotes:
    """The notes of one run.

    ``place`` tells the running module and the number of calls, ``number`` a storage's id, ``in_operator`` whether one
    runs right now.
    """

    def __init__(
        self,
        place: Callable[[], tuple[str, int]] = lambda: ("", 0),
        number: Callable[[Any], int] = lambda _storage: -1,
        in_operator: Callable[[], bool] = lambda: False,
    ) -> None:
        self.unseen: dict[UnseenRecord, None] = {}
        self.reads: list[ReadRecord] = []
        self.entries: list[EntryRecord] = []
        self.made: list[Made] = []
        self.asks: list[Ask] = []
        self.shared: dict[int, tuple[int, str, str]] = {}  # by storage: what it holds, and where it was given away
        self.lost: set[int] = set()  # storages with values that are not what the model wrote there
        self.opened = False  # whether the model has opened a file to read it
        self.sized = False  # whether values have decided the size of a tensor
        self.numbers: set[Any] = set()  # that were read, and what was made of a number since
        self.open = True
        self._thread = threading.get_ident()
        self._elsewhere: set[int] = set()
        self._around = _len_torch_dispatch_stack()
        self._place = place
        self._in_operator = in_operator
        self._number = number

    def missed(self, kind: str, *, where: str | None = None, path: str | None = None, storage: int = -1) -> None:
        """Take note of work that no operator call will show."""
        if self.open:
            line = running_line().where if where is None else where
            self.unseen.setdefault(UnseenRecord(kind, self._place()[0] if path is None else path, line, storage))

    def failed(self, op: str, *, values: bool) -> None:
        """Take note that ``op`` raised; only on meta does that say anything."""
        self.asks.append(Ask(op, running_line().where, values))

    def asked_where(self, name: str, *, by_a_gpu: bool) -> None:
        """Take note that the model goes another way on meta than on the CPU (``by_a_gpu``: but as on a GPU)."""
        if self.open:
            self.asks.append(Ask(name, running_line().where, values=False, place=True, gpu=by_a_gpu))

    def asked_size(self, name: str, tensor: torch.Tensor) -> None:
        """Take note that the model decides by the size of ``tensor`` what runs; values may have decided that size."""
        path, index = self._place()
        if self.open:
            line, storages = running_line(), (self.storage(tensor),)  # -1 of sparse ones
            read = ReadRecord(
                *(index, name, "shape", path, line.where, line.only_checks, storages),
                floating=False,
                count=0,
                chooses=answer_chooses(),
            )
            if not self.reads or self.reads[-1] != read:
                self.reads.append(read)

    def drew(self, name: str) -> None:
        """Take note that the model decides by chance."""
        path, index = self._place()
        if self.open:
            where = running_line().where
            self.reads.append(ReadRecord(index, name, "chance", path, where, *(False, (), False, 1, True)))

    def taken(self, name: str, kind: str, tensor: Any) -> None:
        """Take note that the model reads ``tensor`` (or a storage) by other means than an operator.

        A ``text`` that is printed or logged, or is part of an error, tells nobody but people.

        Raises RuntimeError for the address of a meta tensor, which is 0: whoever reads there ends the process.
        """
        if not self.open:
            return
        storage = tensor if isinstance(tensor, torch.UntypedStorage) else storage_of(tensor)
        if storage is None:
            return
        line = running_line()
        if kind == "text" and line.only_checks:
            return
        if storage.device.type == "meta":
            self.failed(name, values=True)
            if name.endswith("data_ptr"):
                raise RuntimeError("meta tensors have no memory, and no address")
            return
        path, index = self._place()
        number = self._number(storage)
        if number in self.lost:
            self.failed(name, values=True)
            return
        floating = not isinstance(tensor, torch.Tensor) or tensor.is_floating_point() or tensor.is_complex()
        count = tensor.numel() if isinstance(tensor, torch.Tensor) else storage.nbytes()
        checks = line.only_checks and kind != "memory"
        chooses = not name.endswith("data_ptr") and answer_chooses()
        self.reads.append(ReadRecord(index, name, kind, path, line.where, checks, (number,), floating, count, chooses))
        if kind == "memory" and storage.device.type == "cpu":
            self.shared[number] = (_content(storage), path, line.where)

    def storage(self, tensor: torch.Tensor) -> int:
        """The id of the storage of ``tensor``, -1 where it has none."""
        storage = storage_of(tensor)
        return -1 if storage is None else self._number(storage)

    def knows(self, tensor: torch.Tensor, data: Any) -> None:
        """Know where ``tensor`` comes from: a constant, or weights that are held as ``data``."""
        self.becomes(self._number(tensor.untyped_storage()), tensor, data)

    def becomes(self, storage: int, tensor: torch.Tensor, data: Any = None) -> None:
        """Take note that numbers from outside torch become ``tensor``."""
        made = made_of_numbers(storage, tensor, data) if self.open else None
        if made is None:
            return
        of_file = (
            self.opened
            and not any(read.floating for read in self.reads)
            and not constants_given(_MAKERS, worked_out=False)
        )
        self.made.append(made._replace(values=None) if of_file else made)

    def brought(self, tensor: torch.Tensor) -> None:
        """Take note that ``tensor`` stands on memory from outside torch."""
        floating, storage = tensor.is_floating_point() or tensor.is_complex(), self._number(tensor.untyped_storage())
        self.entered(storage, tuple(tensor.shape), floating=floating)
        self.becomes(storage, tensor)

    def listed(self, values: Any) -> None:
        """Know the numbers that the model has read as a list."""
        self.numbers.update(pytree.tree_leaves(values))

    def entered(self, storage: int, shape: tuple[int, ...], *, floating: bool) -> None:
        """Take note of a tensor made of Python's or another library's values, where the model has read some before."""
        if not self.open or not any(read.kind != "size" for read in self.reads):
            return
        constant = constants_given(_MAKERS)
        if constant or (constant is None and not shape):  # a number that torch itself lifts, as in x[i] = 1
            return
        path, index = self._place()
        self.entries.append(EntryRecord(index, path, running_line().where, storage, math.prod(shape), floating))

    def filled(self, value: float | None) -> None:
        """Take note that a tensor takes ``value``, where that is none of the numbers that were read."""
        if value is None or value in self.numbers or not self.open or not any(read.floating for read in self.reads):
            return
        self.numbers.add(value)
        path, index = self._place()
        self.entries.append(EntryRecord(index, path, running_line().where, -1, 1, floating=True))

    @property
    def in_operator(self) -> bool:
        """Whether this thread is inside of an operator: what its kernel does is the operator's."""
        return threading.get_ident() == self._thread and self._in_operator()

    def look_at(self, values: Any) -> None:
        """Note where memory that was given away has changed although no operator wrote to it."""
        for number, storage in self._given_away(values):
            content, path, where = self.shared[number]
            now = _content(storage)
            if now != content:
                self.missed("write", path=path, where=where, storage=number)
                self.shared[number] = (now, path, where)

    def written_at(self, values: Any) -> None:
        """An operator has run on ``values``: what it wrote is their content now."""
        for number, storage in self._given_away(values):
            self.shared[number] = (_content(storage), *self.shared[number][1:])

    def _given_away(self, values: Any) -> Iterator[tuple[int, Any]]:
        for leaf in pytree.tree_leaves(values) if self.shared else ():
            storage = storage_of(leaf) if isinstance(leaf, torch.Tensor) else None
            number = -1 if storage is None else self._number(storage)
            if number in self.shared:
                yield number, storage

    def sees(self, path: str) -> bool:
        """Whether operators of this thread come to the recorder; notes where they do not, as of module ``path``."""
        thread = threading.get_ident()
        on = _len_torch_dispatch_stack() > self._around and not _is_excluded(_PYTHON)
        if on and thread not in self._elsewhere:
            return True
        self.missed("dispatch" if thread == self._thread else "thread", path=path)
        return False

    @contextlib.contextmanager
    def elsewhere(self, where: str) -> Iterator[None]:
        """In another thread: note when an operator runs there."""
        self._elsewhere.add(threading.get_ident())
        with _Bystander(lambda: self.missed("thread", where=where)):
            yield


class _Bystander(TorchDispatchMode):
    """Says once that an operator ran where the recorder is not."""

    supports_higher_order_operators = True

    def __init__(self, noticed: Callable[[], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self._noticed = noticed

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._noticed()
        return func(*args, **(kwargs or {}))


_is_excluded = torch._C._dispatch_tls_is_dispatch_key_excluded  # noqa: SLF001 - what switches dispatch off has no public name
_PYTHON = torch._C.DispatchKey.Python  # noqa: SLF001


_DATA_PTR = torch._C.StorageBase.data_ptr  # type: ignore[attr-defined]  # noqa: SLF001 - the one that is not watched


def _content(storage: Any) -> int:
    """A checksum of a storage on the CPU."""
    size, address = storage.nbytes(), _DATA_PTR(storage)
    return zlib.crc32((ctypes.c_char * size).from_address(address)) if size and address else 0
