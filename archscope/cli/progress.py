"""Progress on stderr for long runs, on a real terminal only and after the first half second: a phase, or a bar."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

_PATIENCE = 0.5  # seconds
_TURN = 0.1
_FRAMES = "|/-\\"


class Progress:
    """The phase that is running (import, build, trace, count, render), and how much of it is done."""

    def __init__(self) -> None:
        self._phase, self._counts = "", False
        self._done: int = 0
        self._total: int | None = None
        self._stopped = threading.Event()
        self._stream = sys.__stderr__  # while a model runs, another one stands there

    def phase(self, name: str) -> None:
        """Say that ``name`` begins."""
        self._phase, self._counts = name, False

    def step(self, done: int, total: int | None, name: str) -> None:
        """Say that ``done`` of ``total`` are done (None: of nobody knows how many); ``name`` says of what: settings."""
        self._phase, self._done, self._total, self._counts = name, done, total, True

    def show(self) -> None:
        """Draw until ``stop``."""
        if self._stopped.wait(_PATIENCE):
            return
        line = _lines(self._stream)
        turn = 0
        while not self._stopped.wait(_TURN):
            text = line(self._phase, self._done, self._total) if self._counts else f"{_FRAMES[turn % 4]} {self._phase}"
            self._draw(text)
            turn += 1
        self._draw("")

    def _draw(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the model has closed the descriptor behind it, which comes back
            self._stream.write(f"\r\x1b[K{text}")  # type: ignore[union-attr]
            self._stream.flush()  # type: ignore[union-attr]

    def stop(self) -> None:
        """Draw no more."""
        self._stopped.set()


def _lines(stream: TextIO | None) -> Callable[[str, int, int | None], str]:
    """What draws a bar as one line: of what, how many of how many, and the time that is left.

    rich draws it, but does not show it: its live display hides the cursor, which a process that is killed leaves so.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(file=stream, force_terminal=True, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24))
    bars = Bars(*columns, MofNCompleteColumn(), TimeRemainingColumn(), console=console, auto_refresh=False)
    task = bars.add_task("", total=None)

    def line(name: str, done: int, total: int | None) -> str:
        bars.update(task, description=name, completed=done, total=total)
        with console.capture() as drawn:
            console.print(bars.get_renderable(), no_wrap=True, crop=True, end="")
        return drawn.get().splitlines()[0] if drawn.get() else ""

    return line


def animated() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    return terminal and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Progress for the time of a ``with`` block; silent unless stderr is a terminal."""
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
