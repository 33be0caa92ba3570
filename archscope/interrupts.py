"""How the command takes Ctrl-C (SIGINT): it exits with 130 before and after its work; within, it raises."""

from __future__ import annotations

import os
import signal
from typing import NoReturn

_INTERRUPTED = 130


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
