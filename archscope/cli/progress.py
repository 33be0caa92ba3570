"""A progress line on stderr for long runs, on a real terminal only and after the first half second."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_PATIENCE = 0.5  # seconds
_TURN = 0.1
_FRAMES = "|/-\\"


class Progress:
    """The phase that is running: import, build, trace, count or render."""

    def __init__(self) -> None:
        self._phase = ""
        self._done = threading.Event()

    def phase(self, name: str) -> None:
        """Say that ``name`` begins."""
        self._phase = name

    def show(self) -> None:
        """Draw until ``stop``."""
        if self._done.wait(_PATIENCE):
            return
        turn = 0
        while not self._done.wait(_TURN):
            sys.__stderr__.write(f"\r\x1b[K{_FRAMES[turn % len(_FRAMES)]} {self._phase}")  # type: ignore[union-attr]
            sys.__stderr__.flush()  # type: ignore[union-attr]
            turn += 1
        sys.__stderr__.write("\r\x1b[K")  # type: ignore[union-attr]
        sys.__stderr__.flush()  # type: ignore[union-attr]

    def stop(self) -> None:
        """Draw no more."""
        self._done.set()


def animated() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    return terminal and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A progress line for the time of a ``with`` block; silent unless stderr is a terminal."""
    shown = Progress()
    if not animated():
        yield shown
        return
    thread = threading.Thread(target=shown.show, daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        shown.stop()
        thread.join()
