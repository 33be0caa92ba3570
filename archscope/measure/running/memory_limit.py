"""How much memory a model takes on the CPU: told before it is built there, and watched where it can't be told."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from archscope.errors import ArchscopeError, BuildError, ForwardError, raised
from archscope.measure.running.code_caches import caches_kept
from archscope.measure.running.inventory import own_parameters
from archscope.measure.running.storages import identity, storage_of
from archscope.measure.running.tensors_of_run import any_tensor
from archscope.memory import most_bytes
from archscope.process_state import process_state_kept
from archscope.units import format_bytes

_SMALL = 2**16  # bytes: what a constructor reads the values of (rates of dropout, sizes of stages) is smaller
_META = torch.device("meta")
_HELP = "give it more (--max-memory 64G) if the machine has it"


class TooMuchError(Exception):
    """Tensors that would take more than they may."""


class _Live:
    """The bytes of the storages that are alive, and the most there ever were."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._seen: dict[int, Any] = {}

    def add(self, output: Any) -> None:
        for tensor in pytree.tree_leaves(output):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor)

    def _add(self, tensor: torch.Tensor) -> None:
        storage = storage_of(tensor)
        if storage is None or identity(storage) in self._seen:
            return
        key, size = identity(storage), storage.nbytes()
        self.now += size
        self.most = max(self.most, self.now)
        self._seen[key] = weakref.ref(storage, lambda _reference: self._drop(key, size))

    def _drop(self, key: int, size: int) -> None:
        self._seen.pop(key, None)
        self.now -= size


class _Pretending(TorchDispatchMode):
    """Makes large tensors on meta and small ones for real, so that the values of small ones can be read."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self.live = _Live()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = _pretended(func, args, kwargs or {})
        self.live.add(output)
        return output


class MemoryLimit(TorchDispatchMode):
    """Stops code whose tensors on the CPU take more than ``most`` bytes, before it makes one that is too large.

    Without ``filled`` large tensors keep whatever is there when they are made: the system then gives no memory for
    them, and nobody waits for random numbers.
    """

    supports_higher_order_operators = True

    def __init__(self, most: int, *, filled: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self._most = most
        self._filled = filled
        self.asked = 0
        self._live = _Live()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = None
        if _makes(func, args, kwargs):
            planned = _planned(func, args, kwargs)
            self._require(_nbytes(planned))
            if not self._filled and isinstance(planned, torch.Tensor) and planned.nbytes > _SMALL:
                output = torch.empty_strided(planned.shape, planned.stride(), dtype=planned.dtype, device="cpu")
        elif not self._filled and _fills(func) and args[0].nbytes > _SMALL:
            output = args[0]
        if output is None:
            output = func(*args, **kwargs)
        self._live.add(output)
        self._require(0)
        return output

    def _require(self, further: int) -> None:
        self.asked = max(self.asked, self._live.now + further)
        if self._live.now + further > self._most:
            raise TooMuchError(
                f"tensors take {format_bytes(self._live.now + further)}; --max-memory is {format_bytes(self._most)}"
            )


def _planned(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``func`` would make, on meta; nothing where it makes what has no form there, such as quantised tensors."""
    try:
        return func(*args, **{**kwargs, "device": _META})
    except (NotImplementedError, RuntimeError):
        return ()


def build_on_cpu(build: Callable[[], nn.Module], name: str, on_meta: ArchscopeError | None = None) -> nn.Module:
    """What ``build`` makes; raises BuildError, with the figure, when that takes more memory than there is to be used.

    Its size is counted first, with large tensors on meta; where that cannot be (the constructor reads a large one),
    with tensors that nobody fills. ``on_meta`` is how building there ended: what the constructor's own code raises
    both times, nothing cures.
    """
    most = most_bytes()
    needed = _bytes_to_build(build, on_meta)
    if needed > most:
        raise _refusal(name, f"it takes {format_bytes(needed)}; --max-memory is {format_bytes(most)}")
    return build()


def _refusal(name: str, why: str) -> BuildError:
    return BuildError(f"{name!r} cannot be built on meta, and is too large to be built on the CPU: {why}", help=_HELP)


def _bytes_to_build(build: Callable[[], nn.Module], on_meta: ArchscopeError | None) -> int:
    """The most bytes that building takes at a time; where it fails for other reasons, those that it took until then."""
    most = most_bytes()
    with process_state_kept():
        pretending = _Pretending()
        try:
            with caches_kept((build,), any_tensor), pretending:
                build()
                return pretending.live.most
        except Exception as error:
            if on_meta is not None and _is_of_code(error) and raised(error) == raised(on_meta):
                raise
        unfilled = MemoryLimit(most, filled=False)
        with contextlib.suppress(Exception), caches_kept((build,), any_tensor), unfilled:  # the real one tells why
            build()
    return max(pretending.live.most, unfilled.asked)


def _is_of_code(error: Exception) -> bool:
    """Whether the constructor's own Python raised ``error``, not a tensor without values."""
    return isinstance(error.__cause__, (TypeError, AttributeError, LookupError)) and "meta" not in str(error.__cause__)


_SIZELESS: tuple[type, ...] = (UninitializedParameter,)


def too_large(model: nn.Module) -> int:
    """The bytes of the model's weights if a copy of them on the CPU is more than it may take; else 0."""
    needed = sum(tensor.nbytes for tensor in own_parameters(model) if not isinstance(tensor, _SIZELESS))
    return needed if needed > most_bytes() else 0


def not_run_on_the_cpu(error: ForwardError, needed: int) -> ForwardError:
    """``error`` of the run on meta, with the reason why there is no other run."""
    why = f"its weights take {format_bytes(needed)} there; --max-memory is {format_bytes(most_bytes())}"
    return ForwardError(error.what, where=error.where, help=f"it ran on meta alone, and not on the CPU: {why}; {_HELP}")


@contextlib.contextmanager
def copies_of_weights(device: str) -> Iterator[None]:
    """Raise ForwardError where the weights cannot be copied to ``device``: there is no memory for them."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        raise ForwardError(
            f"the weights cannot be copied to {device}: {str(error).partition(chr(10))[0]}",
            help="the model's own are never written to; free some memory, or measure on a larger machine",
        ) from error


def memory_watched(device: str) -> AbstractContextManager[object]:
    """A run on the CPU may take as much memory as building may; on meta there is nothing to watch."""
    return MemoryLimit(most_bytes()) if device == "cpu" else contextlib.nullcontext()


def _makes(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether ``func`` makes a tensor out of none."""
    schema = getattr(func, "_schema", None)
    if schema is None or not any(argument.name == "device" for argument in schema.arguments):
        return False
    return not any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves((args, kwargs)))


def _fills(func: Any) -> bool:
    """Whether ``func`` does nothing but write new values to its first argument."""
    name = getattr(getattr(func, "_schema", None), "name", "").removeprefix("aten::")
    return name in _FILLING


_FILLING = {"normal_", "uniform_", "zero_", "fill_", "copy_", "random_", "exponential_", "bernoulli_", "trunc_normal_"}


def _nbytes(output: Any) -> int:
    return sum(leaf.nbytes for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor))


def _pretended(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if _makes(func, args, kwargs):
        on_meta = func(*args, **{**kwargs, "device": _META})
        return on_meta if _nbytes(on_meta) > _SMALL else func(*args, **kwargs)
    leaves = pytree.tree_leaves((args, kwargs))
    if not any(isinstance(leaf, torch.Tensor) and leaf.is_meta for leaf in leaves):
        return func(*args, **kwargs)
    if func is torch.ops.aten._local_scalar_dense.default:  # noqa: SLF001 - an operator's name
        return torch.ones((), dtype=args[0].dtype).item()
    try:
        return func(*args, **kwargs)
    except (RuntimeError, NotImplementedError):
        schema = func._schema  # noqa: SLF001 - torch has no public name for it
        if schema.is_mutable:  # a small real one that is written to from a large one
            return args[0]
        moved = pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.to(_META), (args, kwargs))
        return func(*moved[0], **moved[1])
