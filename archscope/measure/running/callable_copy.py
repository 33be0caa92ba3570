"""Copying methods, closures, partial objects and weak references so that they refer to the copies of modules."""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Iterator
from typing import Any

from archscope.measure.running.wrappers import PROXIES, behind

#: What leads to a module without holding it in a container, by exact type.
BOUND = frozenset(
    {types.FunctionType, types.MethodType, functools.partial, weakref.ReferenceType, weakref.WeakMethod, *PROXIES}
)
_DEEPEST = 6  # closures inside of closures


class CallableCopy:
    """Makes them anew, where anything in them has a twin: ``twins`` says which, by id."""

    def __init__(self, twins: dict[int, Any]) -> None:
        self._twins = twins
        self._made: dict[int, Any] = {}
        self._held: list[Any] = []
        self._cells: dict[int, types.CellType] = {}

    def twin(self, value: Any) -> Any:
        """``value`` with the copies in it; itself where there are none in it."""
        return self._made_anew(value) if self._leads(value, 0) else value

    def _leads(self, value: Any, depth: int) -> bool:
        """Whether ``value`` has a twin or holds what has one."""
        twin = self._twins.get(id(value))
        if twin is not None:
            return twin is not value
        return depth < _DEEPEST and any(self._leads(part, depth + 1) for part in _parts(value))

    def _made_anew(self, value: Any) -> Any:
        known = self._twins.get(id(value), self._made.get(id(value)))
        if known is not None:
            return known
        if not self._leads(value, 0):
            return value
        made = self._anew(value)
        self._made[id(value)] = made
        self._held.append(value)
        return made

    def _anew(self, value: Any) -> Any:  # noqa: PLR0911 - one for each kind
        new = self._made_anew
        match value:
            case types.MethodType():
                return types.MethodType(new(value.__func__), new(value.__self__))
            case types.FunctionType():
                return self._function(value)
            case functools.partial():
                made = type(value)(new(value.func), *map(new, value.args), **_mapped(new, value.keywords))
                made.__dict__.update(value.__dict__)
                return made
            case weakref.ReferenceType():
                return type(value)(new(value()))
            case tuple():
                items = [new(item) for item in value]
                return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
            case frozenset():
                return frozenset(map(new, value))
            case list():
                return [new(item) for item in value]
            case dict():
                return _mapped(new, value)
        return weakref.proxy(new(behind(value)))

    def _function(self, function: types.FunctionType) -> types.FunctionType:
        named = {name: value for name, value in _globals(function) if id(value) in self._twins}
        space = {**function.__globals__, **{name: self._twins[id(value)] for name, value in named.items()}}
        cells = tuple(self._cell(cell) for cell in function.__closure__ or ())
        made = types.FunctionType(
            function.__code__, space if named else function.__globals__, function.__name__, (), cells
        )
        self._made[id(function)] = made  # a closure may hold itself
        self._held.append(function)
        for cell, old in zip(cells, function.__closure__ or (), strict=True):
            if cell is not old and not _filled(cell):
                cell.cell_contents = self._made_anew(old.cell_contents)
        made.__defaults__ = tuple(map(self._made_anew, function.__defaults__)) if function.__defaults__ else None
        made.__kwdefaults__ = _mapped(self._made_anew, function.__kwdefaults__) if function.__kwdefaults__ else None
        made.__dict__.update(function.__dict__)
        made.__qualname__, made.__module__, made.__doc__ = function.__qualname__, function.__module__, function.__doc__
        return made

    def _cell(self, cell: types.CellType) -> types.CellType:
        """The cell that stands for ``cell`` in all functions that share it; one that leads nowhere stays shared."""
        if not _filled(cell) or not self._leads(cell.cell_contents, 0):
            return cell
        if id(cell) not in self._cells:
            self._cells[id(cell)] = types.CellType()
            self._held.append(cell)
        return self._cells[id(cell)]


def _mapped(new: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {key: new(value) for key, value in values.items()}


def _parts(value: Any) -> Iterator[Any]:
    match value:
        case types.MethodType():
            yield value.__self__
            yield value.__func__
        case types.FunctionType():
            yield from (cell.cell_contents for cell in value.__closure__ or () if _filled(cell))
            yield from value.__defaults__ or ()
            yield from (value.__kwdefaults__ or {}).values()
            yield from (found for _, found in _globals(value))
        case functools.partial():
            yield value.func
            yield from value.args
            yield from value.keywords.values()
        case weakref.ReferenceType():
            yield value()
        case tuple() | list() | frozenset():
            yield from value
        case dict():
            yield from value.values()
        case _ if type(value) in PROXIES:
            yield behind(value)


def _globals(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The global variables that ``function`` names and that hold objects with attributes of their own."""
    space = function.__globals__
    for name in _names(function.__code__):
        value = space.get(name)
        if value is not None and not isinstance(value, (type, types.ModuleType, *BOUND, tuple, list, dict)):
            yield name, value


@functools.lru_cache(maxsize=4096)
def _names(code: types.CodeType) -> tuple[str, ...]:
    inner = [name for part in code.co_consts if isinstance(part, types.CodeType) for name in _names(part)]
    return (*code.co_names, *inner)


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading is the question
    except ValueError:
        return False
    return True
