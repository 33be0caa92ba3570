"""Keeping the state of the caller's model: modes, hooks, devices and values are put back after a run."""

from __future__ import annotations

import contextlib
import types
import weakref
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeAlias

import torch
from torch import nn

from archscope.measure.running.code_caches import caches_kept
from archscope.measure.running.containers import CONTAINERS, container_kind, refill
from archscope.measure.running.held_values import HELD, state_of
from archscope.measure.running.parameter_classes import attributes_of
from archscope.measure.running.slots import slots_kept, slots_of, values_in
from archscope.measure.running.tensors_of_run import Met
from archscope.measure.running.weak_containers import WEAK, WeakContent, weak_content
from archscope.process_state import process_state_kept, surroundings_kept

Replacement: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

_BUILT_IN = frozenset(CONTAINERS)
# What holds nothing of its own, by exact type: most of what a module's attributes are.
ATOMS = {str, bytes, int, float, complex, bool, type(None), type, torch.dtype, torch.device, torch.Size}
ATOMS |= {types.FunctionType, types.BuiltinFunctionType, types.ModuleType, types.MethodType}
_PLACES = frozenset({str, int})
_TEXT = frozenset({str})
LARGE = 100_000
REACH = 3


class ModelState:
    """Everything that a model's modules hold, as it is now.

    That is the attributes of every module, the containers in them at any depth, and the attributes of plain objects up
    to three steps from a module. ``modules`` are all modules found, also those that hide in lists and objects.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules: list[nn.Module] = []
        self._kept: list[tuple[Any, Any]] = []
        self._with_tensors: list[tuple[Any, Any]] = []
        self._weak: list[WeakContent] = []
        self._values: list[Callable[[], object] | None] = []
        self._seen: set[int] = set()
        waiting: deque[tuple[Any, int]] = deque([(model, 0)])
        while waiting:
            value, distance = waiting.popleft()
            if id(value) in self._seen:
                continue
            self._seen.add(id(value))
            if isinstance(value, nn.Module):
                self.modules.append(value)
                waiting.append((value.__dict__, 0))
            elif isinstance(value, CONTAINERS):
                waiting.extend((inner, distance) for inner in self._keep(value))
            elif type(value) in WEAK:
                self._weak.append(weak_content(value))
                waiting.extend((inner, distance) for item in self._weak[-1].items for inner in item)
            elif isinstance(value, HELD):
                self._values.append(state_of(value))
            elif isinstance(value, (tuple, frozenset)):
                waiting.extend((inner, distance) for inner in value if type(inner) not in ATOMS)
            elif distance < REACH and is_plain(value):
                waiting.extend((inner, distance + 1) for inner in self._attributes(value))

    def _keep(self, container: Any) -> Collection[Any]:
        """Remember what ``container`` holds now; what of that may hold more in turn."""
        if not container:
            self._kept.append((container, ()))
            return ()
        is_dict = isinstance(container, dict)
        content: Any = dict(container_kind(container).items(container)) if is_dict else list(container)
        self._kept.append((container, content))
        further, with_tensors = [], False
        values = content.values() if is_dict else content
        for value in () if ATOMS.issuperset(map(type, values)) else values:
            kind = type(value)
            if kind in ATOMS:
                continue
            if kind in _BUILT_IN and not value:  # most of what a module holds: hooks that nobody set
                self._kept.append((value, ()))
            elif isinstance(value, torch.Tensor):
                with_tensors = True
            else:
                with_tensors |= isinstance(value, (tuple, frozenset, weakref.ReferenceType))
                further.append(value)
        if with_tensors or (is_dict and not _TEXT.issuperset(map(type, content)) and any(map(_may_be_tensor, content))):
            self._with_tensors.append((container, content))
        return further if len(further) < LARGE else ()

    def _attributes(self, value: Any) -> Iterator[Any]:
        """What holds the attributes of a plain object, or what its slots hold, which are remembered here."""
        if isinstance(getattr(value, "__dict__", None), dict):
            yield value.__dict__
        if slots_of(type(value)):
            self._values.append(slots_kept(value))
            yield from (inner for inner in values_in(value) if type(inner) not in ATOMS)

    @contextlib.contextmanager
    def kept(self, met: Met) -> Iterator[Callable[[], list[Any]]]:
        """Bring everything back at the end, whatever happens, and the process around the model as well."""
        with surroundings_kept(), process_state_kept(), caches_kept(self.modules, met) as of_code:
            try:
                yield lambda: [*(content for _, content in self._kept), *of_code()]
            finally:
                for container, content in self._kept:
                    if container or content:
                        refill(container, content)
                for weak in self._weak:
                    weak.put_back()
                for put_back in self._values:
                    with contextlib.suppress(Exception):
                        if put_back is not None:
                            put_back()

    def swap(self, replace: Replacement) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Put ``replace(tensor)`` in the place of every tensor held; tied ones stay tied. All pairs of old and new."""
        return swap_tensors([container for container, _ in self._with_tensors], replace, self._weak)


def swap_tensors(
    containers: Iterable[Any], replace: Replacement, weak: Iterable[WeakContent] = ()
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Put ``replace(tensor)`` in the place of every tensor in ``containers``; each tensor with what stands for it."""
    made: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    for container in containers:
        kind = container_kind(container)
        if isinstance(container, set):
            refill(container, [_replaced(value, replace, made) for value in kind.__iter__(container)])
            continue
        keyed = False
        for place, value in [*kind.items(container)] if isinstance(container, dict) else [*enumerate(container)]:
            keyed = keyed or (type(place) not in _PLACES and _may_be_tensor(place))
            new = _replaced(value, replace, made)
            if new is not value:
                kind.__setitem__(container, place, new)
        if keyed:
            refill(container, {_replaced(key, replace, made): value for key, value in kind.items(container)})
    for content in weak:
        content.put(lambda held: _replaced(held, replace, made))
    return [*made.values()]


def _may_be_tensor(key: Any) -> bool:
    return isinstance(key, (torch.Tensor, tuple))


def _replaced(value: Any, replace: Replacement, made: dict[int, tuple[torch.Tensor, torch.Tensor]]) -> Any:
    """``value``, a tensor or a tuple of some, with the stand-ins that are ``made`` as they are needed."""
    if isinstance(value, torch.Tensor):
        if id(value) not in made:
            new = replace(value)
            if value.__dict__ and type(new) is type(value):  # what a user hung on a tensor, or its class needs
                new.__dict__.update({**attributes_of(value, replace), **new.__dict__})
            made[id(value)] = (value, new)  # the original is kept, so that its id stays its own
        return made[id(value)][1]
    if type(value) is weakref.ReferenceType and isinstance(value(), torch.Tensor):
        return weakref.ref(_replaced(value(), replace, made))
    if isinstance(value, frozenset) and any(map(_may_be_tensor, value)):
        return frozenset(_replaced(item, replace, made) for item in value)
    if isinstance(value, tuple) and any(map(_may_be_tensor, value)):
        items = [_replaced(item, replace, made) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


def is_plain(value: Any) -> bool:
    """Whether ``value`` is of a user's own class: torch's and Python's own objects look after themselves."""
    home = type(value).__module__.partition(".")[0]
    return home not in {"torch", "builtins", "functools", "weakref", "threading", "logging", "re", "_thread"}
