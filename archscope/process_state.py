"""Keeping the state of the process (random states, defaults of torch, current folder) while a model's code runs."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from archscope.interpreter_state import interpreter_state
from archscope.surroundings import surroundings
from archscope.torch_state import compiler_state, global_hooks, torch_state
from archscope.turn import one_at_a_time

Restore: TypeAlias = Callable[[], object]


@contextlib.contextmanager
def process_state_kept() -> Iterator[None]:
    """Run foreign code, one thread at a time; put back, also when it raises, what it may have changed in this process.

    That is: the random states of Python, numpy and torch (CPU, and GPUs in use), torch's default dtype and device, its
    gradient mode, its determinism, precision, attention, autocast and cuDNN flags, numpy's handling of floating-point
    errors, the warnings filters, the recursion limit and the current folder. What is not loaded has no state and is
    not loaded for it. Each is put back whatever becomes of the others, and what the code raised is what comes through.
    """
    with one_at_a_time():
        restorers = [*_python(), *_numpy(), *torch_state()]
        try:
            yield
        finally:
            _restore(restorers)


@contextlib.contextmanager
def surroundings_kept() -> Iterator[None]:
    """Around a whole measurement, since what a constructor sets the forward may need: as ``process_state_kept``.

    That is: the environment, the import path and its hooks, the arguments of the command, signal handlers and alarms
    (in the main thread), Python's own streams, hooks, functions, collector, limits, locale, mask of files and decimal
    context, logging, the hooks that torch calls for every module and every optimizer, how torch and numpy print, and
    the configuration of torch's compiler.
    """
    restorers = [*surroundings(), *interpreter_state(), *printing(), *global_hooks(), *compiler_state()]
    try:
        yield
    finally:
        _restore(restorers)


def _restore(restorers: Iterable[Restore]) -> None:
    """Call all of them: one that fails (a folder is gone, a switch can't be read) keeps no other from its work."""
    interrupts: list[BaseException] = []
    for restore in restorers:
        try:
            restore()
        except Exception:  # noqa: BLE001, S112 - the model's own exception is on its way and says more
            continue
        except BaseException as interrupt:  # noqa: BLE001 - Ctrl-C, which has to wait until all is back
            interrupts.append(interrupt)
    if interrupts:
        raise interrupts[0]


def _python() -> Iterator[Restore]:
    state, limit = random.getstate(), sys.getrecursionlimit()
    yield lambda: random.setstate(state)
    yield lambda: sys.setrecursionlimit(limit)
    yield _warnings()
    with contextlib.suppress(OSError):  # it was deleted: there is none to come back to
        folder = os.getcwd()  # noqa: PTH109 - not the path of a deleted one
        yield lambda: os.chdir(folder)


def _warnings() -> Restore:
    """Written only when they changed: ``catch_warnings`` would put back what another thread's has changed meanwhile."""
    module: Any = warnings
    filters, content = module.filters, [*module.filters]
    shown, written = module.showwarning, module.formatwarning

    def restore() -> None:
        if module.showwarning is not shown:
            module.showwarning = shown
        if module.formatwarning is not written:
            module.formatwarning = written
        if module.filters is not filters or filters != content:
            filters[:] = content
            module.filters = filters
            module._filters_mutated()  # noqa: SLF001 - else what was warned of already would be remembered

    return restore


def _numpy() -> Iterator[Restore]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        state, errors, called = numpy.random.get_state(), numpy.geterr(), numpy.geterrcall()
        yield lambda: numpy.random.set_state(state)
        yield lambda: numpy.seterr(**errors)
        yield lambda: numpy.seterrcall(called)


def printing() -> Iterator[Restore]:
    """How numpy and torch print, of those that are loaded."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "get_printoptions"):
        told = numpy.get_printoptions()
        yield lambda: None if numpy.get_printoptions() == told else numpy.set_printoptions(**told)
    options = getattr(sys.modules.get("torch._tensor_str"), "PRINT_OPTS", None)
    if options is not None:
        before = dict(vars(options))
        yield lambda: vars(options).update(before)
