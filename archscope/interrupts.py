"""How the command takes Ctrl-C (SIGINT): it exits with 130 before and after its work; within, it raises."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn

_INTERRUPTED = 130
_SOON = 0.01  # seconds


def _leave(_signal: object, _frame: object) -> NoReturn:
    os._exit(_INTERRUPTED)  # nothing is under way that would have to be put back


def interrupts_leave() -> None:
    """From now on Ctrl-C ends the process at once, with its exit code and without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def interrupts_raise() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _again


def _again(unraisable: Any) -> None:
    """Python drops what is raised while C calls it back (``__del__``, weak references): a Ctrl-C has to come again."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
        return
    import _thread
    import threading

    timer = threading.Timer(_SOON, _thread.interrupt_main)
    timer.daemon = True
    timer.start()
