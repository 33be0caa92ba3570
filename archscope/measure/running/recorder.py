"""Recording every operator call and tensor storage while a model runs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from archscope.measure.running import told_calls
from archscope.measure.running.control_flow import ONE_STEP
from archscope.measure.running.device_paths import on_device_path
from archscope.measure.running.inventory import dtype_name
from archscope.measure.running.meta_cache import MetaCache
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.nested_tensors import Constituents, constituents, spread, takes_apart
from archscope.measure.running.outsiders import Outsider
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.script_marks import NAMESPACE
from archscope.measure.running.signatures import Signature, signature_of
from archscope.measure.running.sparse_tensors import is_sparse, stored
from archscope.measure.running.storages import identity, layout_of, storage_of
from archscope.measure.running.stored_scalar import SCALAR, stored_scalar
from archscope.records import OpCall, Path, StorageRecord, TensorMeta, Undecided
from archscope.report import UNASSIGNED

_NO_STORAGE = -1

_AS_THEY_ARE = frozenset({int, float, bool, str, type(None)})


class Recorder(TorchDispatchMode):
    """Writes down each operator call that reaches the dispatcher, in order."""

    supports_higher_order_operators = True

    def __init__(self, stack: ModuleStack, *, training: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self.calls: list[OpCall] = []
        self.undecided_flow: list[Undecided] = []
        self.phase = "forward"
        self._forward_of: dict[int, Path] = {}
        stack.operators = self.calls
        self._stack = stack
        self._training = training
        self._signatures: dict[Any, Signature] = {}
        self._dtypes: dict[torch.dtype, tuple[str, int]] = {}
        self._live: dict[int, int] = {}
        self._watchers: dict[int, weakref.ref[Any]] = {}
        self._allocated: dict[int, tuple[int, int]] = {}
        self._freed: dict[int, int] = {}
        self._held: list[torch.UntypedStorage] = []
        self._next_storage = 0
        self._constituents: dict[int, list[int]] = {}  # of strided nested tensors, by the storage that holds them
        self._cache = MetaCache()
        self._remembers = not _get_current_dispatch_mode_stack()  # what is around this one wants to see every call
        self._running = False
        self.notes = RunNotes(lambda: (stack.running[-1], len(self.calls)), self.number, lambda: self._running)
        stack.describe = self.given
        stack.sees = lambda path: self._running or self.notes.sees(path)
        self.outsiders: list[Outsider] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if types and takes_apart(types):
            return NotImplemented
        kwargs = kwargs or {}
        if func is SCALAR:
            func, args, kwargs = stored_scalar(func, args, kwargs)
        name, names, defaults, composite, memorable, run, told, writes = self._signatures.get(func) or self._signature(
            func
        )
        if composite and not any(isinstance(value, torch.Tensor) and value.is_nested for value in args):
            return self._taken_apart(func, args, kwargs, known=bool(name))
        arguments = {**defaults, **dict(zip(names, map(self._plain, args), strict=False))}
        for key, value in kwargs.items():
            arguments[key] = self._plain(value)
        path = self._path()
        if self.notes.shared:
            self.notes.look_at((args, kwargs))
        spoils = bool(writes or self.notes.lost) and told_calls.follow_lost_values(
            self.notes, told, name, writes, (args, kwargs)
        )
        self._running = True
        try:
            remembers = memorable and self._remembers
            output = self._cache.run(run, func, args, kwargs) if remembers else run(func, args, kwargs)
        except Exception:
            told_calls.tell_failure(self.notes, told, name, (args, kwargs))
            raise
        finally:
            self._running = False
        index = len(self.calls)
        outputs = tuple(self._meta(leaf, born=index) for leaf in _tensors(output))
        if spoils:
            told_calls.lose(self.notes, output)
        call = OpCall(index, name, path, self.phase, arguments, outputs)
        self._write_down(call)
        if told and self.phase == "forward":
            told_calls.tell(self.notes, told, call, self.outsiders, output)
        if self.notes.shared:
            self.notes.written_at((args, kwargs))
        return output

    def _taken_apart(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, known: bool) -> Any:
        """An operator that only inference mode shows, or one on lists of tensors, as its parts."""
        if func.namespace == NAMESPACE:
            return self._stack.marked(func is torch.ops.archscope_marks.enter.default, *args)
        if not known:  # a question to a tensor subclass, such as where it is
            return func(*args, **kwargs)
        with self:
            return on_device_path(func)(*args, **kwargs)

    def _write_down(self, call: OpCall) -> None:
        """The call, or one for each constituent of the nested tensors among its arguments."""
        if not self._constituents:
            self.calls.append(call)
            return
        for arguments, made in spread(call.arguments, call.outputs):
            self.calls.append(OpCall(len(self.calls), call.op, call.path, call.phase, arguments, made))

    def launched(self, kernel: str, arguments: Mapping[str, Any]) -> bool:
        """Write down a kernel that the model launches itself, not an operator; whether it can run."""
        if not self._running:
            plain = {name: self._plain(value) for name, value in arguments.items()}
            self.calls.append(OpCall(len(self.calls), f"triton::{kernel}", self._path(), self.phase, plain, ()))
        return not any(isinstance(value, torch.Tensor) and value.is_meta for value in arguments.values())

    def _path(self) -> Path:
        """The innermost running module; in the backward pass the module whose forward made the autograd node."""
        running = self._stack.running[-1]
        if self.phase == "forward":
            if self._training:
                # autograd makes an operator's node, with the next sequence number, just before the operator gets here
                self._forward_of.setdefault(torch._C._autograd._get_sequence_nr() - 1, running)  # noqa: SLF001
            return running
        if len(self._stack.running) == 1:
            node: Any = torch._C._current_autograd_node()  # noqa: SLF001 - no public name; None outside backward
            running = UNASSIGNED if node is None else self._forward_of.get(node._sequence_nr(), UNASSIGNED)  # noqa: SLF001
        if running is not UNASSIGNED and torch.is_grad_enabled():  # a checkpoint runs again, with new nodes
            self._forward_of.setdefault(torch._C._autograd._get_sequence_nr() - 1, running)  # noqa: SLF001
        return running

    def mark(self) -> tuple[Any, ...]:
        """Where the recording stands, for ``undo``."""
        return len(self.calls), len(self.undecided_flow), self._stack.mark()

    def undo(self, mark: tuple[Any, ...]) -> None:
        """Forget what ran since ``mark``, of which nothing may be used any more."""
        calls, undecided, ran = mark
        del self.calls[calls:], self.undecided_flow[undecided:]
        self._stack.undo(ran)
        self._allocated = {key: (size, born) for key, (size, born) in self._allocated.items() if born < calls}

    def undecided(self, op: str, taken: str) -> None:
        """Write down a control flow operator whose predicate has no value; a loop's own call stays, for its steps."""
        self.undecided_flow.append(Undecided(op=op, path=self._path(), taken=taken))
        if taken == ONE_STEP:
            self.calls.append(OpCall(len(self.calls), f"higher_order::{op}", self._path(), self.phase, {}, ()))

    def storages(self) -> tuple[StorageRecord, ...]:
        """The storages that operators allocated so far."""
        return tuple(
            StorageRecord(id=storage, nbytes=nbytes, born=born, freed=self._freed.get(storage))
            for storage, (nbytes, born) in self._allocated.items()
        )

    def given(self, tensors: Iterable[torch.Tensor]) -> tuple[TensorMeta, ...]:
        """Those of ``tensors`` that took part in a call, as calls have them."""
        return tuple([self._meta(leaf, born=None) for leaf in tensors if not leaf.is_nested and self._met(leaf)])

    def keep(self, tensors: Iterable[torch.Tensor]) -> None:
        """Number the storages of ``tensors``, which live as long as the recorder, whatever the model does with them."""
        for storage in map(storage_of, tensors):
            if (
                storage is not None
                and self._live.setdefault(identity(storage), self._next_storage) == self._next_storage
            ):
                self._next_storage += 1
                self._held.append(storage)

    def storages_of(self, tensors: Iterable[torch.Tensor]) -> tuple[int, ...]:
        """The storage id of each tensor."""
        return tuple([self._storage(tensor, None) for tensor in tensors])

    def has_met(self, tensors: Iterable[torch.Tensor]) -> bool:
        """Whether any of ``tensors`` took part in a call, by its storage; those without one are not told apart."""
        return any(map(self._met, tensors))

    def _met(self, tensor: torch.Tensor) -> bool:
        storage = storage_of(tensor)
        return storage is not None and identity(storage) in self._live

    def _signature(self, func: Any) -> Signature:
        self._signatures[func] = signature = signature_of(func)
        return signature

    def _plain(self, value: Any) -> Any:
        if type(value) in _AS_THEY_ARE:
            return value
        if isinstance(value, torch.Tensor):
            return self._meta(value, born=None)
        if isinstance(value, (list, tuple)):
            return [self._plain(item) for item in value]
        if isinstance(value, torch.ScriptObject):  # quantised parameters: the weight and the bias inside
            known = len(self.outsiders)
            plain = self._plain(value.unpack()) if hasattr(value, "unpack") else type(value).__name__
            del self.outsiders[known:]  # made for this look alone
            return plain
        if callable(value):  # of a higher-order operator
            return getattr(value, "__name__", type(value).__name__)
        return value

    def _meta(self, tensor: torch.Tensor, born: int | None) -> TensorMeta:
        dtype = tensor.dtype
        known = self._dtypes.get(dtype)
        if known is None:
            known = self._dtypes[dtype] = (dtype_name(dtype), dtype.itemsize)
        name, itemsize = known
        try:
            storage = self._storage(tensor, born)
            if storage != _NO_STORAGE:
                return TensorMeta(tuple(tensor.shape), name, itemsize, storage, None, layout_of(tensor))
            held = stored(tensor) if is_sparse(tensor) else None
            return TensorMeta(tuple(tensor.shape), name, itemsize, storage, held)
        except RuntimeError:
            if not tensor.is_nested:
                raise
        return self._nested(tensor, name, itemsize, born)  # type: ignore[return-value]  # spread() takes it apart

    def _nested(self, tensor: torch.Tensor, dtype: str, itemsize: int, born: int | None) -> Constituents:
        """A strided nested tensor: its storage holds the bytes, and each constituent is told to be new for itself."""
        whole = self._storage(tensor, born)
        shapes = constituents(tensor)
        known = self._constituents.setdefault(whole, [whole])
        while len(known) < len(shapes):
            if born is not None and self._allocated.get(whole, (0, -1))[1] == born:
                self._allocated[self._next_storage] = (0, born + len(known))
            known.append(self._next_storage)
            self._next_storage += 1
        return Constituents(TensorMeta((1, *s), dtype, itemsize, known[i]) for i, s in enumerate(shapes))

    def _storage(self, tensor: torch.Tensor, born: int | None) -> int:
        try:
            storage = tensor.untyped_storage()
            known = self._live.get(storage._cdata)  # noqa: SLF001 - identity(), without a call of it for each tensor
        except (NotImplementedError, RuntimeError):
            return _NO_STORAGE
        if known is not None:
            return known
        if born is None and self.phase == "forward":
            self.outsiders.append(Outsider(tensor, self._next_storage, len(self.calls), self._stack.running[-1]))
        return self.number(storage, born)

    def number(self, storage: Any, born: int | None = None) -> int:
        """The id of a storage, made by the call ``born`` where it is new and one made it."""
        key = identity(storage)
        known = self._live.get(key)
        if known is not None:
            return known
        number = self._next_storage
        self._next_storage += 1
        self._live[key] = number
        self._watchers[number] = weakref.ref(storage, self._on_release(key, number))
        if born is not None:
            self._allocated[number] = (storage.nbytes(), born)
        return number

    def _on_release(self, key: int, number: int) -> Callable[[Any], None]:
        def release(_reference: Any) -> None:
            self._freed[number] = len(self.calls)
            self._live.pop(key, None)
            self._watchers.pop(number, None)

        return release


def _tensors(output: Any) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, (list, tuple)):
        return [tensor for item in output for tensor in _tensors(item)]
    return []
