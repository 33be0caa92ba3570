"""What a model's code keeps outside of the model: in globals, class attributes, closures, functions and caches."""

from __future__ import annotations

import contextlib
import functools
import gc
import queue
import sys
import threading
import types
import weakref
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from typing import Any, TypeAlias

import torch
from torch import nn

from archscope.measure.running.code_spaces import CALLABLES, CODE, DATA, code_space
from archscope.measure.running.containers import CONTAINERS, container_kind, refill, unchanged
from archscope.measure.running.tensors_of_run import HOLD_NOTHING, Met, holds_of_run

_Holds: TypeAlias = Callable[[Any], bool]

_MISSING: Any = object()
#: Objects of Python's own that caches are kept in.
_KEPT_OF_PYTHON = (
    weakref.WeakKeyDictionary,
    weakref.WeakValueDictionary,
    weakref.WeakSet,
    threading.local,
    queue.Queue,
    types.SimpleNamespace,
    UserDict,
    UserList,
    ChainMap,
)
_NEVER = {"torch", "archscope", "numpy", *sys.builtin_module_names, *sys.stdlib_module_names} - {"__main__"}
_FUNCTIONS = frozenset(CALLABLES)
_HOOKS = frozenset({dict, OrderedDict})
_BUILDERS = ("archscope.sources.", "archscope.measure.measuring")  # functions that call what a user named
_FURTHEST = 4  # modules that import each other
_DEEPEST = 6  # containers and objects inside of each other
_LARGE = 10_000
_MOST = 20_000  # of things looked at


@contextlib.contextmanager
def caches_kept(run: Iterable[Any], met: Met) -> Iterator[Callable[[], Iterator[Any]]]:
    """Take what a run of some modules, or a call of some functions, leaves in their code out of it, also if it raises.

    That is every entry of a global or class namespace, of a function's attributes or closure, of a container or plain
    object reached from those, that changed and now holds a tensor of the run (one that ``met`` knows, or one without
    values): what was there before comes back. A ``functools.lru_cache`` that holds one is cleared. Variables of
    closures come back whatever they hold. Looked at are the modules that define the classes and those that they import.
    Yields what gives all that these held before.
    """
    state = _CodeState(run)
    try:
        yield state.contents
    finally:
        state.put_back(met)


class _CodeState:
    """What the code of modules and functions holds now."""

    def __init__(self, run: Iterable[Any]) -> None:
        self._names: list[tuple[Any, dict[str, Any]]] = []
        self._bare: list[types.FunctionType] = []
        self._contents: list[tuple[Any, Any]] = []
        self._cells: list[tuple[types.CellType, Any, bool]] = []
        self._caches: list[tuple[Any, Any]] = []
        self._seen: set[int] = set()
        self._waiting: deque[tuple[Any, int, int]] = deque()
        for value in run:
            self._look_at(type(value) if isinstance(value, nn.Module) else value, 0, 0)
            if isinstance(value, nn.Module):
                for function in _functions(value):
                    self._look_at(function, 0, 0)
        while self._waiting and len(self._seen) < _MOST:
            self._look(*self._waiting.popleft())

    def contents(self) -> Iterator[Any]:
        """What every namespace, container and variable of a closure held."""
        for _, content in (*self._names, *self._contents):
            yield content
        for _, content, _ in self._cells:
            yield content

    def put_back(self, met: Met) -> None:
        """Bring it back where a tensor of the run took its place; one that fails keeps no other from it."""
        holds = functools.partial(holds_of_run, met)
        named = (*self._names, *((it.__dict__, {}) for it in self._bare if it.__dict__))
        steps: tuple[tuple[Callable[..., None], Iterable[Any]], ...] = (
            (_put_cell_back, self._cells),
            (_put_names_back, named),
            (_put_content_back, self._contents),
            (_put_cache_back, self._caches),
        )
        for put_back, items in steps:
            waiting = iter(items)
            left = True
            while left:
                with contextlib.suppress(Exception):
                    for item in waiting:
                        put_back(holds, *item)
                    left = False

    def _look_at(self, value: Any, far: int, deep: int) -> None:
        if type(value) not in HOLD_NOTHING and id(value) not in self._seen and deep <= _DEEPEST:
            self._seen.add(id(value))
            self._waiting.append((value, far, deep))

    def _look(self, value: Any, far: int, deep: int) -> None:  # noqa: C901, PLR0912 - one for each kind
        match value:
            case type():
                self._look_into_class(value, far)
            case types.FunctionType():
                self._look_into_function(value, far)
            case types.ModuleType():
                self._look_into_module(value, far)
            case staticmethod() | classmethod() | types.MethodType():
                self._look_at(value.__func__, far, deep)
            case property():
                self._look_at(value.fget, far, deep)
            case functools.partial():
                for part in (value.func, *value.args, *value.keywords.values()):
                    self._look_at(part, far, deep + 1)
            case functools._lru_cache_wrapper():  # noqa: SLF001 - its only name
                self._caches.append((value, value.cache_info()))
                if far == 0:
                    self._look_at(value.__wrapped__, far, deep)
            case tuple():
                for part in value:
                    self._look_at(part, far, deep + 1)
            case torch.Tensor() | nn.Module():
                return
            case _ if isinstance(value, CONTAINERS):
                self._look_into_container(value, far, deep)
            case _:
                held = getattr(value, "__dict__", None)
                if isinstance(held, dict) and (_is_own(type(value).__module__) or isinstance(value, _KEPT_OF_PYTHON)):
                    self._look_into_names(held, held, far, deep + 1)

    def _look_into_class(self, kind: type, far: int) -> None:
        if not _is_own(kind.__module__):
            return
        for base in kind.__bases__:
            self._look_at(base, max(far, int(_is_library(base.__module__))), 0)
        self._look_into_names(kind, vars(kind), far, 0, whole=far == 0 or not _is_library(kind.__module__))
        self._look_at(sys.modules.get(kind.__module__), far, 0)

    def _look_into_function(self, function: types.FunctionType, far: int) -> None:
        if not _is_own(function.__module__ or ""):
            if (function.__module__ or "").startswith(_BUILDERS):
                for cell in function.__closure__ or ():
                    self._look_at(_content(cell), far, 1)
            return
        for cell in function.__closure__ or ():
            content = _content(cell)
            self._cells.append((cell, content, far == 0))
            self._look_at(content, far, 1)
        for part in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._look_at(part, far, 1)
        if function.__dict__:
            self._look_into_names(function.__dict__, function.__dict__, far, 1)
        else:
            self._bare.append(function)
        self._look_at(sys.modules.get(function.__module__), far, 0)

    def _look_into_module(self, module: types.ModuleType, far: int) -> None:
        """What ``module`` holds; of a library's that another one imports only containers and caches."""
        name = module.__name__
        if not _is_own(name):
            return
        space = vars(module)
        self._names.append((space, dict(space)))
        library = _is_library(name)
        furthest = 1 if library else _FURTHEST
        whole = far == 0 or not library
        content = code_space(module, whole=whole, lasts=library)
        for value in content.parts:
            self._look_at(value, far, 0 if whole or isinstance(value, CODE) else _DEEPEST)
        if far < furthest:
            for home in content.homes:
                self._look_at(sys.modules.get(home), far + 1, 0)

    def _look_into_names(self, owner: Any, names: Any, far: int, deep: int, *, whole: bool = True) -> None:
        content = dict(names)
        self._names.append((owner, content))
        for value in content.values():
            if whole or type(value) in DATA:
                self._look_at(value, far, deep if whole else _DEEPEST)

    def _look_into_container(self, container: Any, far: int, deep: int) -> None:
        kind = container_kind(container)
        if len(container) > _LARGE:
            return
        content: Any = dict(kind.items(container)) if isinstance(container, dict) else [*kind.__iter__(container)]
        self._contents.append((container, content))
        if deep < _DEEPEST:
            for value in content.values() if isinstance(container, dict) else content:
                if type(value) not in HOLD_NOTHING:
                    self._look_at(value, far, deep + 1)


def _functions(module: nn.Module) -> Iterator[Any]:
    """The functions that ``module`` itself holds: hooks, and methods that were replaced."""
    for value in vars(module).values():
        kind = type(value)
        if kind in _FUNCTIONS:
            yield value
        elif kind in _HOOKS and value:
            yield from (hook for hook in value.values() if type(hook) in _FUNCTIONS)


@functools.lru_cache(maxsize=4096)
def _is_own(name: str) -> bool:
    """Whether the module ``name`` may hold what a model keeps: Python's and torch's own look after themselves."""
    return bool(name) and name.partition(".")[0] not in _NEVER


@functools.lru_cache(maxsize=4096)
def _is_library(name: str) -> bool:
    """Whether the module ``name`` is an installed package's: those are many, and import each other."""
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _put_cell_back(holds: _Holds, cell: types.CellType, content: Any, always: bool) -> None:  # noqa: FBT001
    now = _content(cell)
    if now is content or not ((always and content is not _MISSING) or holds(now)):
        return
    if content is _MISSING:
        del cell.cell_contents
    else:
        cell.cell_contents = content


def _put_cache_back(holds: _Holds, cache: Any, before: Any) -> None:
    if cache.cache_info() != before and holds(gc.get_referents(cache)):
        cache.cache_clear()


def _put_names_back(holds: _Holds, owner: Any, names: dict[str, Any]) -> None:
    """``owner`` is a class, or the dictionary of a module, a function or an object."""
    is_class = isinstance(owner, type)
    held = vars(owner) if is_class else owner
    if len(held) == len(names) and all(map(is_, held.values(), names.values())):
        return
    now = dict(held)
    for name, value in now.items():
        before = names.get(name, _MISSING)
        if value is before or not holds(value):
            continue
        if is_class:
            delattr(owner, name) if before is _MISSING else setattr(owner, name, before)
        elif before is _MISSING:
            del owner[name]
        else:
            owner[name] = before


def _put_content_back(holds: _Holds, container: Any, content: Any) -> None:
    kind = container_kind(container)
    if unchanged(container, content, kind):
        return
    if isinstance(container, dict):
        for key, value in [*kind.items(container)]:
            before = content.get(key, _MISSING)
            if value is before or not (holds(value) or holds(key)):
                continue
            if before is _MISSING:
                kind.__delitem__(container, key)
            else:
                kind.__setitem__(container, key, before)
        return
    known = {id(value) for value in content}
    new = [value for value in kind.__iter__(container) if id(value) not in known and holds(value)]
    if kind is set:
        kind.difference_update(container, new)
    elif new:
        refill(container, content)
