"""Noting where a model decides by chance, by numbers that Python's and numpy's random modules draw."""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from archscope.measure.running.code_lines import asked_by_model
from archscope.measure.running.replaced_functions import Way
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.steering_lines import answer_chooses

_OF_PYTHON = ("random", "uniform", "randint", "randrange", "choice", "choices", "sample", "getrandbits", "gauss")
_OF_NUMPY = ("rand", "random", "random_sample", "randint", "uniform", "choice", "permutation", "binomial", "randn")


def chances_taken(current: Callable[[], RunNotes | None]) -> Iterator[Way]:
    """Each function that draws numbers, its owner, and what makes the one that notes who decides by them."""
    for home, names in ((random, _OF_PYTHON), (random.Random, _OF_PYTHON), (np.random, _OF_NUMPY)):
        for name in names:
            yield home, name, functools.partial(_drawn, f"{home.__name__}.{name}", current)


def _drawn(name: str, current: Callable[[], RunNotes | None], original: Any) -> Any:
    def drawn(*args: Any, **kwargs: Any) -> Any:
        notes = current()
        within = sys._getframe(1).f_globals.get("__name__") == "random"  # noqa: SLF001 - one calls another
        if notes is not None and not within and asked_by_model() and answer_chooses():
            notes.drew(name)
        return original(*args, **kwargs)

    return drawn
