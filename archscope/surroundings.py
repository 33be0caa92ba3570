"""What surrounds a model's run in the process: the environment, the import path, signals; put back afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

Restore: TypeAlias = Callable[[], object]

_SIGNALS = tuple(signal.valid_signals())
_AT_ONCE = 0.001  # seconds: 0 would take the alarm off
_CLOCKS_DIFFER = 0.1  # seconds


def surroundings() -> Iterator[Restore]:
    """One function for each piece that puts it back; each may raise, and is of no concern to the others."""
    environment = dict(os.environ)
    yield lambda: _put_environment_back(environment)
    for name in ("path", "argv"):
        yield _same_list(name)
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            yield _handler(number)
        if hasattr(signal, "setitimer"):
            yield _same_alarm()


def _put_environment_back(before: dict[str, str]) -> None:
    if os.environ == before:
        return
    zone = os.environ.get("TZ")
    for name in {*os.environ, *before}:
        if name not in before:
            del os.environ[name]
        elif os.environ.get(name) != before[name]:
            os.environ[name] = before[name]
    if before.get("TZ") != zone and hasattr(time, "tzset"):
        time.tzset()


def _same_list(name: str) -> Restore:
    held = getattr(sys, name)
    before = [*held]

    def restore() -> None:
        if getattr(sys, name) is not held or held != before:
            held[:] = before
            setattr(sys, name, held)

    return restore


def _handler(number: int) -> Restore:
    before = signal.getsignal(number)

    def restore() -> None:
        if before is not None and signal.getsignal(number) is not before:
            signal.signal(number, before)

    return restore


def _same_alarm() -> Restore:
    """An alarm that a model set would end the process later, and one that it took off would never come."""
    seconds, interval = signal.getitimer(signal.ITIMER_REAL)
    due = time.monotonic() + seconds if seconds else 0.0

    def restore() -> None:
        left, repeats = signal.getitimer(signal.ITIMER_REAL)
        wanted = max(due - time.monotonic(), _AT_ONCE) if due else 0.0
        if repeats != interval or (abs(left - wanted) > _CLOCKS_DIFFER and not interval):
            signal.setitimer(signal.ITIMER_REAL, wanted, interval)

    return restore
