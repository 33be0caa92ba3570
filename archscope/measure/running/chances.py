"""Noting where a model decides by chance or by a clock: random numbers of Python, numpy and the system, and time."""

from __future__ import annotations

import functools
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from archscope.measure.running.code_lines import asked_by_model
from archscope.measure.running.picked_sizes import PICKS, answer_sizes
from archscope.measure.running.replaced_functions import Way
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.steering_lines import answer_chooses

Current: TypeAlias = Callable[[], RunNotes | None]

_NO_DRAWS = {"seed", "getstate", "setstate", "get_state", "set_state", "default_rng", "spawn"}
_BY_ITSELF = ("random", "getrandbits", "randbytes")  # of SystemRandom
_CLOCKS = ("time", "perf_counter", "monotonic", "process_time", "thread_time")
_OF_SYSTEM = {
    "os": ("urandom", "getrandom"),
    "uuid": ("uuid1", "uuid4", "uuid6", "uuid7", "uuid8"),
    "secrets": ("choice", "randbelow", "randbits", "token_bytes", "token_hex", "token_urlsafe"),
    "time": (*_CLOCKS, *(f"{name}_ns" for name in _CLOCKS)),
}
_EACH_OTHER = {"random", "secrets", "uuid", "tempfile"}  # what calls one of these for another


def chances_taken(current: Current) -> Iterator[Way]:
    """Each function that draws numbers or tells the time, its owner, and what notes who decides by them."""
    for home, name in sources():
        yield home, name, functools.partial(drawn, f"{home.__name__}.{name}", current)
    yield np.random, "default_rng", functools.partial(_generator_made, current)


def sources() -> Iterator[tuple[Any, str]]:
    """The owner and the name of each of them."""
    of_python = _draws(random)
    yield from ((home, name) for home in (random, random.Random) for name in of_python)
    yield from ((random.SystemRandom, name) for name in _BY_ITSELF)
    yield from ((np.random, name) for name in _draws(np.random))
    for module, names in _OF_SYSTEM.items():
        home = {"os": os, "time": time}.get(module) or sys.modules.get(module)
        yield from ((home, name) for name in names if hasattr(home, name))


def _draws(module: ModuleType) -> list[str]:
    return [
        name
        for name in module.__all__
        if name not in _NO_DRAWS and not isinstance(getattr(module, name), (type, ModuleType))
    ]


def drawn(name: str, current: Current, original: Any) -> Any:
    """``original``, noted as ``name`` where the model decides by what it gives."""
    picks = name.rpartition(".")[2] in PICKS

    def draw(*args: Any, **kwargs: Any) -> Any:
        notes = current()
        if notes is not None:
            within = sys._getframe(1).f_globals.get("__name__") in _EACH_OTHER  # noqa: SLF001 - one calls another
            if not within and asked_by_model() and (answer_chooses() or (picks and answer_sizes())):
                notes.drew(name)
        return original(*args, **kwargs)

    return draw


def _generator_made(current: Current, original: Any) -> Any:
    """One that is made of a seed gives the same numbers each time: no chance."""

    def made(seed: Any = None) -> Any:
        generator = original(seed)
        return watched_generator(current, generator) if seed is None and current() is not None else generator

    return made


def watched_generator(current: Current, generator: Any) -> Any:
    """One of numpy's generators that goes on where ``generator`` is, both of them; its draws are noted."""
    kind = np.random.Generator if isinstance(generator, np.random.Generator) else np.random.RandomState
    bits = generator.bit_generator if kind is np.random.Generator else generator._bit_generator  # noqa: SLF001 - its only name
    return _watching(kind, current)(bits)


@functools.cache
def _watching(kind: Any, current: Current) -> Any:
    class Watching(kind):  # type: ignore[misc]  # numpy's types take no other methods
        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            if name.startswith("_") or name in _NO_DRAWS or not callable(found):
                return found
            return drawn(f"{kind.__name__}.{name}", current, found)

    return Watching
