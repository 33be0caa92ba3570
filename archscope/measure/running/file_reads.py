"""Noting that a model opens a file to read it: numbers that become tensors afterwards are taken to be weights of it."""

from __future__ import annotations

import builtins
import functools
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from archscope.measure.running.code_lines import asked_by_model
from archscope.measure.running.replaced_functions import Way
from archscope.measure.running.run_notes import RunNotes

_WRITING = frozenset("wax")
_PASSING = ("pathlib.py", "pathlib/__init__.py", "pathlib/_local.py")  # which open for others


def files_read(current: Callable[[], RunNotes | None]) -> Iterator[Way]:
    """Each function that opens files, its owner, and what makes the one that notes it."""
    for home in (builtins, io):
        yield home, "open", functools.partial(_opened, current)
    for name in ("loadtxt", "genfromtxt"):
        yield np, name, functools.partial(_read, current)
    safetensors: Any = sys.modules.get("safetensors")
    if safetensors is not None:
        yield safetensors, "safe_open", functools.partial(_read, current)


def _opened(current: Callable[[], RunNotes | None], original: Any) -> Any:
    def opened(file: Any, mode: Any = "r", *args: Any, **kwargs: Any) -> Any:
        notes = current()
        if notes is not None and _WRITING.isdisjoint(mode) and asked_by_model(_PASSING):
            notes.opened = True
        return original(file, mode, *args, **kwargs)

    return opened


def _read(current: Callable[[], RunNotes | None], original: Any) -> Any:
    def read(*args: Any, **kwargs: Any) -> Any:
        notes = current()
        if notes is not None:
            notes.opened = True
        return original(*args, **kwargs)

    return read
