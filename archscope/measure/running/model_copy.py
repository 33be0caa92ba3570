"""Copies of a model's modules, so that the model itself can go on training and serving while it is measured."""

from __future__ import annotations

import contextlib
import enum
import sys
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace as replaced_fields
from operator import is_
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from archscope.measure.running.callable_copy import BOUND, CallableCopy
from archscope.measure.running.code_caches import caches_kept
from archscope.measure.running.containers import CONTAINERS, container_kind, refill
from archscope.measure.running.held_values import HELD, own_copy, state_of
from archscope.measure.running.inventory import Inventory
from archscope.measure.running.model_state import ATOMS, LARGE, REACH, Replacement, is_plain, swap_tensors
from archscope.measure.running.slots import slot_names, slots_kept, slots_of
from archscope.measure.running.tensors_of_run import Met
from archscope.measure.running.weak_containers import WEAK, WeakContent, empty_twin, weak_content
from archscope.process_state import process_state_kept, surroundings_kept

_ATOMS = ATOMS - BOUND
_EXACT, _TEXT = frozenset(CONTAINERS), frozenset({str})
_CHEAP = _EXACT - {deque}


class ModelCopy:
    """The modules of a model anew, with everything that ``ModelState`` would remember of them.

    Modules, the containers they hold and the plain objects up to three steps from them are new objects of the same
    classes; bound methods, partial objects, closures and weak references that led to the model's own lead to them.
    Tensors are the model's own until ``swap``. Objects that are one of a kind (members of an enumeration, what a module
    or a class keeps under a name) and those that Python cannot make anew are shared; their attributes are put back.
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules: list[nn.Module] = []
        self.reached = False
        self._twins: dict[int, Any] = {}
        self._kept: list[tuple[Any, Any]] = []  # the originals live as long as their ids are used
        self._originals: list[Any] = []  # the same
        self._shared: list[tuple[Any, Any]] = []
        self._put_back: list[Callable[[], object] | None] = []
        self._with_tensors: list[Any] = []
        self._late: list[tuple[Any, Any, Any]] = []
        self._waiting: deque[tuple[Any, Any, int]] = deque()
        self._weak_twins: list[tuple[Any, WeakContent]] = []
        self._names: dict[type, set[int]] = {}
        self._rekeyed: list[Any] = []
        self._own: list[torch.Tensor] = []
        self._twin(model, 0)
        while self._waiting:
            self._fill(*self._waiting.popleft())
        callables = CallableCopy(self._twins)
        for container, place, value in self._late:
            twin = self._id_of_twin(value) if type(value) is int else callables.twin(value)
            if twin is not value:
                container_kind(container).__setitem__(container, place, twin)
        for container in self._rekeyed:
            self._rekey(container, callables)
        self._weak = [
            WeakContent(twin, tuple((callables.twin(key), callables.twin(value)) for key, value in content.items))
            for twin, content in self._weak_twins
        ]

    def of(self, inventory: Inventory) -> Inventory:
        """``inventory`` with the copies in the place of the modules."""
        modules = {path: self._twins.get(id(module), module) for path, module in inventory.modules.items()}
        return replaced_fields(inventory, modules=modules, paths={id(twin): path for path, twin in modules.items()})

    @contextlib.contextmanager
    def kept(self, met: Met) -> Iterator[Callable[[], list[Any]]]:
        """Put the process around the model back at the end, whatever happens.

        ``met`` says whether a run came upon any of some tensors. When those are the model's own, its code went another
        way than by its attributes (a global variable): ``reached`` says so, and what that changed is put back.
        """
        with surroundings_kept(), process_state_kept(), caches_kept(self.modules, met) as of_code:
            try:
                yield lambda: [*(content for _, content in self._kept), self._originals, *of_code()]
            finally:
                for module in self.modules:
                    if hasattr(type(module), "__del__"):  # it would close what belongs to the original
                        module.__class__ = nn.Module
                self.reached = met(self._own)
                for container, content in (*self._shared, *(self._kept if self.reached else ())):
                    refill(container, content)
                for put_back in self._put_back:
                    with contextlib.suppress(Exception):
                        if put_back is not None:
                            put_back()

    def swap(self, replace: Replacement) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Put ``replace(tensor)`` in the place of every tensor held; tied ones stay tied. All pairs of old and new."""
        made = swap_tensors(self._with_tensors, replace, self._weak)
        self._own = [tensor for tensor, stand_in in made if tensor is not stand_in]
        return made

    def _twin(self, value: Any, distance: int) -> Any:  # noqa: C901, PLR0912 - one for each kind
        """What stands for ``value``; it is filled later."""
        known = self._twins.get(id(value))
        if known is not None:
            return known
        kind = type(value)
        if kind in _EXACT:
            twin = kind(maxlen=value.maxlen) if kind is deque else kind()
        elif issubclass(kind, nn.Module):
            if issubclass(kind, torch.jit.ScriptModule):  # what it holds is not Python's
                return value
            twin = object.__new__(kind)
            self.modules.append(twin)
            distance = 0
        elif issubclass(kind, CONTAINERS):
            twin = _empty(value)
        elif kind in WEAK:
            twin = empty_twin(value)
        elif isinstance(value, HELD):
            made = own_copy(value)
            if made is None:
                self._put_back.append(state_of(value))
            self._twins[id(value)] = value if made is None else made
            self._originals.append(value)
            return self._twins[id(value)]
        elif distance < REACH and _has_attributes(value):
            twin = _made(kind) if self._can_be_copied(value) else None
            distance += 1
            if twin is None and slots_of(kind):
                self._put_back.append(slots_kept(value))
            if twin is None and hasattr(value, "__dict__"):
                self._shared.append((value.__dict__, dict(value.__dict__)))
        else:
            return value
        if twin is None:
            self._twins[id(value)] = value
            return value
        self._twins[id(value)] = twin
        if not (kind in _EXACT and not value):
            self._waiting.append((value, twin, distance))
        else:
            self._kept.append((value, ()))
        return twin

    def _fill(self, value: Any, twin: Any, distance: int) -> None:  # noqa: C901 - one for each kind
        if isinstance(value, (tuple, frozenset)):
            for item in value:
                if isinstance(item, (tuple, frozenset)):
                    self._waiting.append((item, None, distance))
                elif type(item) not in _ATOMS and not isinstance(item, torch.Tensor):
                    self._twin(item, distance)
            return
        if type(value) in WEAK:
            content = weak_content(value)
            self._weak_twins.append((twin, content))
            self._fill(tuple(held for item in content.items for held in item), None, distance)
            return
        if isinstance(value, CONTAINERS):
            self._fill_container(value, twin, distance)
            if type(value) in _EXACT:
                return
        attributes = getattr(value, "__dict__", None)
        if attributes:
            self._fill_container(attributes, twin.__dict__, distance)
        for name in slot_names(type(value)):
            if hasattr(value, name):
                held = getattr(value, name)
                object.__setattr__(twin, name, held if _shared(held) else self._twin(held, distance))

    def _fill_container(self, value: Any, twin: Any, distance: int) -> None:  # noqa: C901, PLR0912 - the hot path
        kind = container_kind(value)
        is_dict, plain = isinstance(value, dict), type(value) is dict
        content: Any = dict(value if plain else kind.items(value)) if is_dict else [*kind.__iter__(value)]
        self._kept.append((value, content))
        items = content.values() if is_dict else content
        if len(content) >= LARGE and not any(isinstance(held, nn.Module) for held in items):
            _extend(kind, twin, content)
            return
        filled: Any = twin if type(twin) is dict else {}
        filled.update(content if is_dict else enumerate(content))
        with_tensors, twins, keep = False, self._twins, self._kept.append
        for place, held in content.items() if is_dict else enumerate(content):
            of = type(held)
            if of in _ATOMS:
                if of is int and held > 2**32:  # perhaps id(module)
                    self._rekeyed.append(twin) if kind is set else self._late.append((twin, place, held))
                continue
            if of in _CHEAP and not held and id(held) not in twins:  # most of what a module holds: hooks nobody set
                filled[place] = twins[id(held)] = of()
                keep((held, ()))
            elif isinstance(held, torch.Tensor):
                with_tensors = True
            elif of is tuple and _ATOMS.issuperset(map(type, held)):  # sizes and strides
                continue
            elif of in BOUND or isinstance(held, (tuple, frozenset)):
                if kind is set:
                    self._rekeyed.append(twin)
                else:
                    self._late.append((twin, place, held))
                with_tensors = with_tensors or of not in BOUND or of is weakref.ReferenceType
                if of not in BOUND:
                    self._waiting.append((held, None, distance))
            else:
                filled[place] = self._twin(held, distance)
        if filled is not twin:
            _extend(kind, twin, filled if is_dict else filled.values())
        keyed = is_dict and not _TEXT.issuperset(map(type, content))
        if keyed:
            self._rekeyed.append(twin)
            self._fill(tuple(content), None, distance)
        if with_tensors or keyed:
            self._with_tensors.append(twin)

    def _rekey(self, container: Any, callables: CallableCopy) -> None:
        """Let keys that are objects, or their ids, be the copies'."""
        kind = container_kind(container)
        held = [*kind.__iter__(container)]
        keys = [self._id_of_twin(key) if type(key) is int else callables.twin(key) for key in held]
        if all(map(is_, keys, held)):
            return
        if kind is set:
            refill(container, keys)
        else:
            refill(container, dict(zip(keys, [*kind.values(container)], strict=True)))

    def _id_of_twin(self, number: int) -> int:
        """The id of the copy where ``number`` is the id of what was copied."""
        return id(self._twins[number]) if number in self._twins else number

    def _can_be_copied(self, value: Any) -> bool:
        """Whether it is no one of a kind, and would not close, at its end, what belongs to the original."""
        kind = type(value)
        return not isinstance(value, enum.Enum) and not hasattr(kind, "__del__") and id(value) not in self._named(kind)

    def _named(self, kind: type) -> set[int]:
        """What the module of ``kind`` and the class itself keep under a name: it is compared by identity."""
        if kind not in self._names:
            homes: list[Mapping[str, Any]] = (
                [vars(sys.modules[kind.__module__])] if kind.__module__ in sys.modules else []
            )
            homes += [vars(base) for base in kind.__mro__]
            self._names[kind] = {id(value) for home in homes for value in home.values()}
        return self._names[kind]


def _extend(kind: Any, container: Any, content: Any) -> None:
    """Add ``content`` to a container by its built-in class, whatever a subclass does besides."""
    if kind is list or kind is deque:
        kind.extend(container, content)
    elif kind is set:
        kind.update(container, content)
    else:
        for place, value in content.items():
            kind.__setitem__(container, place, value)


def only_meta(inventory: Inventory) -> bool:
    """Whether all weights of a model are meta tensors: no other thread can be training or serving it."""
    weights = (own for module in inventory.modules.values() for own in module.__dict__["_parameters"].values())
    first = next((weight for weight in weights if weight is not None), None)
    return first is not None and first.is_meta and all(weight is None or weight.is_meta for weight in weights)


def _empty(container: Any) -> Any:
    """A container of the same class with nothing in it; None where its class forbids that."""
    kind = container_kind(container)
    try:
        twin = kind.__new__(type(container))
        if isinstance(container, defaultdict):
            twin.default_factory = container.default_factory
    except (AttributeError, TypeError):
        return None
    return twin if type(twin) is type(container) else None


def _has_attributes(value: Any) -> bool:
    """Whether ``ModelState`` would look into ``value``; what removes a hook counts, too."""
    if isinstance(value, type) or not isinstance(getattr(value, "__dict__", None), dict):
        return bool(slots_of(type(value))) and is_plain(value)
    return bool(value.__dict__) and (is_plain(value) or type(value) is RemovableHandle)


def _shared(held: Any) -> bool:
    """Whether a slot of a copy holds what the original's does."""
    return type(held) in _ATOMS or isinstance(held, torch.Tensor)


def _made(kind: type) -> Any:
    """An object of class ``kind`` without a call of its constructor; None where C code makes it and wants arguments."""
    makers: tuple[Any, ...] = (object.__new__, kind.__new__)
    for new in makers:
        with contextlib.suppress(Exception):
            return new(kind)
    return None
