"""Streams that a model's code may close or detach: they are lent for its time, and the command keeps its own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

_NAMES = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")


@contextlib.contextmanager
def lent_streams() -> Iterator[None]:
    """While it lasts, all that is printed goes to stderr; afterwards every stream is what it was.

    That holds for what goes by ``sys.stdout`` and ``sys.stderr`` and for what does not, C code and child processes.
    Inside a program of somebody's own, which has put streams of its own into their places, only ``sys.stdout`` changes.
    """
    sys.stdout.flush()
    errors: Any = sys.stderr
    if not _is_own(errors):
        with contextlib.redirect_stdout(errors), _descriptors_kept():
            yield
        return
    ours = {name: getattr(sys, name) for name in _NAMES}
    with _descriptors_kept():
        lent = open(  # noqa: SIM115 - whoever took hold of it may write to it later
            2, "w", buffering=1, encoding=errors.encoding, errors="backslashreplace", closefd=False
        )
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = lent  # type: ignore[misc]
        try:
            yield
        finally:
            for name, stream in ours.items():
                setattr(sys, name, stream)
            with contextlib.suppress(OSError, ValueError):  # it is closed, or stderr is full
                lent.flush()


def _is_own(stream: Any) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return bool(stream.fileno() == 2) and stream is sys.__stderr__
    return False


@contextlib.contextmanager
def _descriptors_kept() -> Iterator[None]:
    kept = {}
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):  # the caller has closed it
            kept[descriptor] = os.dup(descriptor)
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        for descriptor, copy in kept.items():
            os.dup2(copy, descriptor)
            os.close(copy)
