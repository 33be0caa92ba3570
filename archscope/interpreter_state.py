"""The state of Python itself that a model's code may change: streams, hooks, limits, locale; put back afterwards."""

from __future__ import annotations

import builtins
import contextlib
import gc
import locale
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

Restore: TypeAlias = Callable[[], object]
_Switch: TypeAlias = tuple[Callable[[], Any], Callable[[Any], object]]

_STREAMS_AND_HOOKS = ("stdin", "stdout", "stderr", "excepthook", "unraisablehook", "displayhook")
_STATUS = Path("/proc/self/status")
_OWNERS_ALONE = 0o077  # while it is asked for, another thread's new file is its owner's alone
_OF_CONTEXT = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def interpreter_state() -> Iterator[Restore]:
    """One function for each piece that puts it back where it changed; each may raise, and is none of the others'."""
    for read, write in _switches():
        yield partial(_put_back, read, write, read())
    for held in (sys.meta_path, sys.path_hooks, gc.callbacks):
        yield _same_entries(held)
    yield _builtins()
    decimal = sys.modules.get("decimal")
    if decimal is not None:
        yield _decimal_context(decimal)
    if "logging" in sys.modules:
        from archscope.logging_state import logging_state

        yield logging_state()


def _put_back(read: Callable[[], Any], write: Callable[[Any], object], before: Any) -> None:
    now = read()
    if now is not before and now != before:
        write(before)


def _switches() -> Iterator[_Switch]:
    for name in _STREAMS_AND_HOOKS:
        yield partial(getattr, sys, name), partial(setattr, sys, name)
    yield lambda: threading.excepthook, partial(setattr, threading, "excepthook")
    yield _umask, os.umask
    yield partial(locale.setlocale, locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL)
    yield gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()
    yield gc.get_threshold, lambda threshold: gc.set_threshold(*threshold)
    yield gc.get_debug, gc.set_debug
    yield sys.getswitchinterval, sys.setswitchinterval
    yield sys.get_int_max_str_digits, sys.set_int_max_str_digits
    yield sys.gettrace, sys.settrace
    yield sys.getprofile, sys.setprofile
    yield threading.gettrace, threading.settrace
    yield threading.getprofile, threading.setprofile
    if hasattr(signal, "pthread_sigmask"):
        yield partial(signal.pthread_sigmask, signal.SIG_BLOCK, ()), partial(signal.pthread_sigmask, signal.SIG_SETMASK)
    faults: Any = sys.modules.get("faulthandler")
    if faults is not None:
        yield faults.is_enabled, lambda enabled: faults.enable() if enabled else faults.disable()
    limits: Any = sys.modules.get("resource")
    if limits is not None:
        for number in _limits(limits):
            yield partial(limits.getrlimit, number), partial(limits.setrlimit, number)
    socket: Any = sys.modules.get("socket")
    if socket is not None:
        yield socket.getdefaulttimeout, socket.setdefaulttimeout


@cache
def _limits(limits: Any) -> frozenset[int]:
    return frozenset(value for name, value in vars(limits).items() if name.startswith("RLIMIT_"))


def _same_entries(held: list[Any]) -> Restore:
    before = [*held]

    def restore() -> None:
        if held != before:
            held[:] = before

    return restore


def _builtins() -> Restore:
    """Functions of Python that a model put others in the place of; those that a library added stay."""
    before = dict(vars(builtins))

    def restore() -> None:
        now = vars(builtins)
        for name, value in before.items():
            if name != "_" and now.get(name) is not value:  # _ is the last result of an interactive session
                now[name] = value

    return restore


def _umask() -> int:
    """What new files are denied. Linux tells; elsewhere there is no way to ask but to set it."""
    with contextlib.suppress(OSError), _STATUS.open(encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.removeprefix("Umask:"), 8)
    mask = os.umask(_OWNERS_ALONE)
    os.umask(mask)
    return mask


def _decimal_context(decimal: Any) -> Restore:
    context = decimal.getcontext()
    before = {name: getattr(context, name) for name in _OF_CONTEXT}
    traps, raised = [*context.traps.items()], [*context.flags.items()]

    def restore() -> None:
        if decimal.getcontext() is not context:
            decimal.setcontext(context)
        for name, value in before.items():
            setattr(context, name, value)
        context.traps.update(traps)
        context.flags.update(raised)

    return restore
