"""Recording every operator call, tensor storage and module call while a model runs."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from archscope.measure.running.attention_values import BACKWARD, FORWARD, attention_values
from archscope.measure.running.control_flow import ONE_STEP
from archscope.measure.running.device_paths import on_device_path
from archscope.measure.running.inventory import dtype_name
from archscope.measure.running.meta_cache import MetaCache, repeatable
from archscope.measure.running.meta_kernels import Run, as_on_devices
from archscope.measure.running.stored_scalar import SCALAR, stored_scalar
from archscope.records import OpCall, Path, Shape, StorageRecord, TensorMeta, Undecided
from archscope.report import UNASSIGNED

_NO_STORAGE = -1
_MOST_ARGUMENTS = 64
_GROUPED_MM = torch.ops.aten._grouped_mm.default  # noqa: SLF001 - an operator's name


class ModuleStack:
    """Which module runs, by canonical path, and what each one took and gave in its first call."""

    def __init__(self, paths: dict[int, Path]) -> None:
        self.running: list[Path] = [""]
        self.calls: dict[Path, int] = {}
        self.input_shapes: dict[Path, tuple[Shape, ...]] = {}
        self.output_shapes: dict[Path, tuple[Shape, ...]] = {}
        self.latest_inputs: dict[Path, tuple[Shape, ...]] = {}
        self._paths = paths

    def watch(self, modules: Iterable[nn.Module]) -> None:
        """Hook every module; whoever calls this must bring the hooks back as they were (``ModelState.kept``)."""
        for module in modules:
            module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True)
            module.register_forward_hook(self._leave, always_call=True)

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        path = self._path(module)
        self.running.append(path)
        self.calls[path] = self.calls.get(path, 0) + 1
        shapes = _shapes(args[0] if len(args) == 1 and not kwargs else (args, kwargs))
        self.latest_inputs[path] = shapes
        self.input_shapes.setdefault(path, shapes)

    def _leave(self, module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        path = self._path(module)
        self.output_shapes.setdefault(path, _shapes(output))
        while len(self.running) > 1 and self.running.pop() != path:
            pass

    def _path(self, module: nn.Module) -> Path:
        """The path of ``module``; a copy that forward made of one runs as a part of what is running."""
        return self._paths.get(id(module), self.running[-1])


def _shapes(values: Any) -> tuple[Shape, ...]:
    if isinstance(values, torch.Tensor):
        return (tuple(values.shape),)
    return tuple(tuple(leaf.shape) for leaf in pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor))


_AS_THEY_ARE = frozenset({int, float, bool, str, type(None)})


class _Signature(NamedTuple):
    """An operator's name, its arguments' names, their defaults (None where there is none) in schema order."""

    name: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    composite: bool
    repeatable: bool
    run: Run


class Recorder(TorchDispatchMode):
    """Writes down each operator call that reaches the dispatcher, in order."""

    supports_higher_order_operators = True

    def __init__(self, stack: ModuleStack, *, training: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self.calls: list[OpCall] = []
        self.undecided_flow: list[Undecided] = []
        self.phase = "forward"
        self._forward_of: dict[int, Path] = {}
        self._stack = stack
        self._training = training
        self._signatures: dict[Any, _Signature] = {}
        self._dtypes: dict[torch.dtype, tuple[str, int]] = {}
        self._live: dict[int, int] = {}
        self._watchers: dict[int, weakref.ref[Any]] = {}
        self._allocated: dict[int, tuple[int, int]] = {}
        self._freed: dict[int, int] = {}
        self._next_storage = 0
        self._cache = MetaCache()
        self._remembers = not _get_current_dispatch_mode_stack()  # what is around this one wants to see every call
        self._running = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is SCALAR:
            func, args, kwargs = stored_scalar(func, args, kwargs)
        name, names, defaults, composite, memorable, run = self._signatures.get(func) or self._signature(func)
        if composite:  # only inference mode shows such an operator: its parts are what other modes show
            with self:
                return on_device_path(func)(*args, **kwargs)
        arguments = {**defaults, **dict(zip(names, map(self._plain, args), strict=False))}
        for key, value in kwargs.items():
            arguments[key] = self._plain(value)
        path = self._path()
        self._running = True
        try:
            remembers = memorable and self._remembers
            output = self._cache.run(run, func, args, kwargs) if remembers else run(func, args, kwargs)
        finally:
            self._running = False
        index = len(self.calls)
        outputs = tuple(self._meta(leaf, born=index) for leaf in _tensors(output))
        self.calls.append(OpCall(index, name, path, self.phase, arguments, outputs))
        return output

    def launched(self, kernel: str, arguments: Mapping[str, Any]) -> bool:
        """Write down a kernel that the model launches itself, not an operator; whether it can run."""
        plain = {name: self._plain(value) for name, value in arguments.items()}
        if not self._running:
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
        if len(self._stack.running) > 1:  # a checkpointed module runs again
            return running
        node: Any = torch._C._current_autograd_node()  # noqa: SLF001 - no public name; None outside backward
        return UNASSIGNED if node is None else self._forward_of.get(node._sequence_nr(), UNASSIGNED)  # noqa: SLF001

    def mark(self) -> tuple[Any, ...]:
        """Where the recording stands, for ``undo``."""
        stack = self._stack
        shapes = (dict(stack.calls), dict(stack.input_shapes), dict(stack.output_shapes))
        return len(self.calls), len(self.undecided_flow), *shapes

    def undo(self, mark: tuple[Any, ...]) -> None:
        """Forget what ran since ``mark``, of which nothing may be used any more."""
        stack = self._stack
        calls, undecided, ran, inputs, outputs = mark
        del self.calls[calls:], self.undecided_flow[undecided:]
        stack.calls, stack.input_shapes, stack.output_shapes = dict(ran), dict(inputs), dict(outputs)
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

    def storages_of(self, tensors: Iterable[torch.Tensor]) -> tuple[int, ...]:
        """The storage id of each tensor."""
        return tuple(self._storage(tensor, None) for tensor in tensors)

    def has_met(self, tensors: Iterable[torch.Tensor]) -> bool:
        """Whether any of ``tensors`` took part in a call, by its storage; those without one are not told apart."""
        for tensor in tensors:
            with contextlib.suppress(NotImplementedError, RuntimeError):
                if tensor.untyped_storage()._cdata in self._live:  # noqa: SLF001 - the only identity of a storage
                    return True
        return False

    def _signature(self, func: Any) -> _Signature:
        schema = getattr(func, "_schema", None)
        if schema is None:  # a higher-order operator: its arguments go by position
            places = tuple(map(str, range(_MOST_ARGUMENTS)))
            signature = _Signature(
                f"higher_order::{func}", places, {}, composite=False, repeatable=False, run=run_operator
            )
        else:
            name = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
            names = tuple(argument.name for argument in schema.arguments)
            defaults = {a.name: a.default_value if a.has_default_value() else None for a in schema.arguments}
            has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key  # noqa: SLF001 - no public name
            # an operator with a kernel of its own too (silu_backward) is never taken apart
            composite = has_kernel(func.name(), "CompositeImplicitAutograd") and not has_kernel(func.name(), "CPU")
            run, memorable = as_on_devices(func, run_operator), repeatable(func)
            signature = _Signature(name, names, defaults, composite=composite, repeatable=memorable, run=run)
        self._signatures[func] = signature
        return signature

    def _plain(self, value: Any) -> Any:
        if type(value) in _AS_THEY_ARE:
            return value
        if isinstance(value, torch.Tensor):
            return self._meta(value, born=None)
        if isinstance(value, (list, tuple)):
            return [self._plain(item) for item in value]
        if isinstance(value, torch.ScriptObject):  # quantised parameters: the weight and the bias inside
            return self._plain(value.unpack()) if hasattr(value, "unpack") else type(value).__name__
        if callable(value):  # of a higher-order operator
            return getattr(value, "__name__", type(value).__name__)
        return value

    def _meta(self, tensor: torch.Tensor, born: int | None) -> TensorMeta:
        dtype = tensor.dtype
        if dtype not in self._dtypes:
            self._dtypes[dtype] = (dtype_name(dtype), dtype.itemsize)
        name, itemsize = self._dtypes[dtype]
        return TensorMeta(tuple(tensor.shape), name, itemsize, self._storage(tensor, born))

    def _storage(self, tensor: torch.Tensor, born: int | None) -> int:
        try:
            storage = tensor.untyped_storage()
        except (NotImplementedError, RuntimeError):  # sparse and opaque tensors have none
            return _NO_STORAGE
        key = storage._cdata  # noqa: SLF001 - the only identity that a storage has
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


def run_operator(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an operator; constants that a model made on the CPU follow when they meet a meta tensor."""
    try:
        return func(*args, **kwargs)
    except (RuntimeError, NotImplementedError):
        if func is _GROUPED_MM and args[0].is_meta and args[0].dtype is not torch.bfloat16:
            return _grouped_mm_on_meta(func, args, kwargs)
        if func in FORWARD or func in BACKWARD:
            return attention_values(func, args, kwargs)
        leaves = pytree.tree_leaves((args, kwargs))
        if not any(isinstance(leaf, torch.Tensor) and leaf.is_meta for leaf in leaves):
            raise
        moved = pytree.tree_map(_to_meta, (args, kwargs))
        if all(before is after for before, after in zip(leaves, pytree.tree_leaves(moved), strict=True)):
            raise
        return func(*moved[0], **moved[1])


def _grouped_mm_on_meta(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Torch's meta kernel takes bfloat16 alone, as CUDA does, where the CPU takes any dtype."""
    narrow, options = pytree.tree_map_only(_is_floating, torch.Tensor.bfloat16, (args, kwargs))
    return func(*narrow, **options).to(args[0].dtype)


def _is_floating(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _to_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and not value.is_meta:
        return value.to("meta")
    if isinstance(value, torch.device) and value.type != "meta":
        return torch.device("meta")
    return value
