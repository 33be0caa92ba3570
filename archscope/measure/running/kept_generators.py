"""Random numbers that a model's code keeps by names of its own: imported functions, and generators."""

from __future__ import annotations

import contextlib
import functools
import inspect
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from torch import nn

from archscope.measure.running.chances import Current, drawn, sources, watched_generator
from archscope.measure.running.held_values import state_of
from archscope.measure.running.replaced_functions import replaced

_OF_NUMPY = {np.random.Generator, np.random.RandomState}
_KINDS = _OF_NUMPY | {random.Random}
_TORCH = "torch."
_LATE = {"uuid", "secrets"}  # that nobody may have imported yet


@contextlib.contextmanager
def kept_generators_watched(
    current: Current, modules: Iterable[nn.Module], contents: Callable[[], Iterable[Any]]
) -> Iterator[None]:
    """Note draws by what ``modules``, their classes, and the modules of code among ``contents`` hold.

    Generators of classes and of code come back in the state in which they were.
    """
    with contextlib.ExitStack() as stack:
        ways = []
        for owner, name, value in _held(_imported(), [*modules], contents()):
            put_back = state_of(value) if type(value) in _KINDS and not isinstance(owner, nn.Module) else None
            if put_back is not None:
                stack.callback(put_back)
            if type(value) in _OF_NUMPY:
                ways.append((owner, name, functools.partial(watched_generator, current)))
            elif type(value) not in _KINDS:
                ways.append((owner, name, functools.partial(drawn, _imported()[id(value)], current)))
        if ways:
            stack.enter_context(replaced(f"generators of {id(ways)}", lambda: iter(ways)))
        yield


def _held(
    known: Mapping[int, str], modules: list[nn.Module], contents: Iterable[Any]
) -> Iterator[tuple[Any, str, Any]]:
    """The owner, the name and the value of each generator, and of each function that is ``known``."""
    for owner, held in _owners(modules, contents):
        values = held.values()
        if known.keys().isdisjoint(map(id, values)) and _KINDS.isdisjoint(map(type, values)):
            continue
        for name, value in [*held.items()]:
            if id(value) in known or type(value) in _KINDS:
                yield owner, name, value


def _owners(modules: list[nn.Module], contents: Iterable[Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    own = [module for module in modules if not type(module).__module__.startswith(_TORCH)]
    yield from ((module, vars(module)) for module in own)
    for kind in {kind for module in own for kind in type(module).__mro__[:-1]}:
        if not kind.__module__.startswith(_TORCH):
            yield kind, vars(kind)
    for content in contents:
        if type(content) is dict and "__name__" in content:
            home = sys.modules.get(str(content["__name__"]))
            if home is not None:
                yield home, content


def _imported() -> dict[int, str]:
    """What ``from random import choice`` gives a module of code, by its id; another run may be watching it now."""
    return _originals(frozenset(sys.modules.keys() & _LATE))


@functools.lru_cache(maxsize=16)
def _originals(_loaded: frozenset[str]) -> dict[int, str]:
    functions = ((home, name) for home, name in sources() if not isinstance(home, type))
    return {id(inspect.unwrap(getattr(home, name))): f"{home.__name__}.{name}" for home, name in functions}
