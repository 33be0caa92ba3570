"""The names of a module of code: which of what they hold may keep something of a run, and where the rest is from."""

from __future__ import annotations

import functools
import types
import weakref
from operator import is_
from typing import Any, NamedTuple

from archscope.measure.running.containers import CONTAINERS
from archscope.measure.running.tensors_of_run import HOLD_NOTHING

_CACHE = functools._lru_cache_wrapper  # noqa: SLF001 - its only name
CALLABLES = (types.FunctionType, types.MethodType, functools.partial, _CACHE)
CODE = (type, types.ModuleType, *CALLABLES)
DATA = frozenset({*CONTAINERS, _CACHE})


class CodeSpace(NamedTuple):
    """What of a module's ``values`` is to be looked at: ``parts``, and the modules ``homes`` that others are from."""

    values: list[Any]
    parts: list[Any]
    homes: tuple[str, ...]


_KNOWN: weakref.WeakKeyDictionary[types.ModuleType, dict[bool, CodeSpace]] = weakref.WeakKeyDictionary()


def code_space(module: types.ModuleType, *, whole: bool, lasts: bool) -> CodeSpace:
    """What ``module`` holds that is to be looked at; without ``whole`` that is containers and caches alone.

    Of a module that ``lasts``, a library's, it is known as long as its names hold what they held: libraries have most
    of all names.
    """
    values = [*vars(module).values()]
    if not lasts:
        return _sorted_out(module.__name__, values, whole=whole)
    known = _KNOWN.setdefault(module, {})
    if whole not in known or len(known[whole].values) != len(values) or not all(map(is_, known[whole].values, values)):
        known[whole] = _sorted_out(module.__name__, values, whole=whole)
    return known[whole]


def _sorted_out(name: str, values: list[Any], *, whole: bool) -> CodeSpace:
    """What is to be looked at of the ``values`` of the module ``name``; without ``whole`` containers and caches."""
    parts: list[Any] = []
    homes: dict[str, None] = {}
    for value in values:
        kind = type(value)
        if kind in HOLD_NOTHING:
            continue
        if not isinstance(value, CODE):
            if whole or kind in DATA:
                parts.append(value)
            continue
        home = getattr(value, "__name__" if kind is types.ModuleType else "__module__", "")
        if home != name:
            homes[str(home)] = None
        elif whole or kind is _CACHE:
            parts.append(value)
    return CodeSpace(values, parts, tuple(homes))
