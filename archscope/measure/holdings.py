"""The promise that a measured model comes back as it was."""

from __future__ import annotations

import contextlib
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import chain
from operator import is_
from typing import Any, TypeAlias

import torch
from torch import nn

from archscope.surroundings import undisturbed

StandIn: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

_CONTAINERS = (OrderedDict, dict, list, set, deque)
_ATOMS = (str, bytes, int, float, complex, type, types.FunctionType, types.ModuleType, types.BuiltinFunctionType)
_LARGE = 100_000
_REACH = 3


class Holdings:
    """Everything that a model's modules hold, as it is now.

    That is the attributes of every module, the containers in them at any depth, and the attributes of plain objects up
    to three steps from a module. ``modules`` are all modules found, also those that hide in lists and objects.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules: list[nn.Module] = []
        self._kept: list[tuple[Any, Any]] = []
        self._seen: set[int] = set()
        waiting: deque[tuple[Any, int]] = deque([(model, 0)])
        while waiting:
            value, distance = waiting.popleft()
            waiting.extend((inner, far) for inner, far in self._enter(value, distance) if not isinstance(inner, _ATOMS))

    def _enter(self, value: Any, distance: int) -> Iterator[tuple[Any, int]]:
        """Remember what ``value`` holds, if it can change; what it holds stands ``distance`` objects from a module."""
        if id(value) in self._seen or isinstance(value, torch.Tensor):
            return
        self._seen.add(id(value))
        if isinstance(value, nn.Module):
            self.modules.append(value)
            yield value.__dict__, 0
        elif isinstance(value, (*_CONTAINERS, tuple)):
            if not isinstance(value, tuple):
                self._kept.append((value, _copy(value)))
            if len(value) < _LARGE:
                yield from ((inner, distance) for inner in (value.values() if isinstance(value, dict) else value))
        elif distance < _REACH and isinstance(getattr(value, "__dict__", None), dict) and _is_plain(value):
            yield value.__dict__, distance + 1

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Bring everything back at the end, whatever happens, and the process around the model as well."""
        with undisturbed():
            try:
                yield
            finally:
                for container, content in self._kept:
                    _refill(container, content)

    def swap(self, stand_in: StandIn) -> None:
        """Put ``stand_in(tensor)`` in the place of every tensor held; tied ones stay tied."""
        made: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def replaced(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                if id(value) not in made:
                    made[id(value)] = (value, stand_in(value))  # the original is kept, so that its id stays its own
                return made[id(value)][1]
            if isinstance(value, tuple) and any(isinstance(item, (torch.Tensor, tuple)) for item in value):
                items = [replaced(item) for item in value]
                return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
            return value

        for container, content in self._kept:
            if isinstance(container, dict):
                places = content.items()
            elif isinstance(container, (list, deque)):
                places = enumerate(content)
            else:
                continue
            for place, value in places:
                new = replaced(value)
                if new is not value:
                    _kind(container).__setitem__(container, place, new)


def _is_plain(value: Any) -> bool:
    """Whether ``value`` is of a user's own class: torch's and Python's own objects look after themselves."""
    home = type(value).__module__.partition(".")[0]
    return home not in {"torch", "builtins", "functools", "weakref", "threading", "logging", "re", "_thread"}


def _copy(container: Any) -> Any:
    return dict(_kind(container).items(container)) if isinstance(container, dict) else list(container)


def _refill(container: Any, content: Any) -> None:
    """Put ``content`` back, if anything changed; by the base class, whatever a subclass forbids."""
    now = _copy(container)
    if len(now) == len(content) and all(map(is_, _flat(now), _flat(content))):
        return
    kind = _kind(container)
    kind.clear(container)
    if isinstance(container, dict):
        for key, value in content.items():
            kind.__setitem__(container, key, value)
    else:
        (kind.update if kind is set else kind.extend)(container, content)


def _flat(content: Any) -> Iterator[Any]:
    return chain(content, content.values()) if isinstance(content, dict) else iter(content)


def _kind(container: Any) -> Any:
    """The built-in class of a container: what its subclass forbids or does besides is not meant here."""
    return next(kind for kind in _CONTAINERS if isinstance(container, kind))
