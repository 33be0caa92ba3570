"""The processes that measure the settings of a sweep: one that ends or hangs costs its own setting and no other."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeAlias

from archscope.errors import raised
from archscope.memory import ask_for, asked_for
from archscope.metrics import Figures, Rows, carried_by
from archscope.results.sweep import Point, Setting

Steps: TypeAlias = Generator[None, None, None]
Measure: TypeAlias = Callable[[tuple[Setting, ...]], Point]
_LOOK = 0.5  # seconds between two looks whether a process lives that a copy of itself keeps the line of
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_GRACE = 1.0  # seconds that a process has to end


@dataclass(slots=True, kw_only=True)
class _Worker:
    """A process, the line to it, and what it measures until when."""

    process: Any
    line: Connection
    index: int = -1
    setting: tuple[Setting, ...] = ()
    deadline: float = 0.0


def measure_apart(  # noqa: PLR0913 - what is measured, and how
    measure: Measure,
    settings: Iterable[tuple[Setting, ...]],
    points: dict[int, Point],
    *,
    jobs: int,
    seconds: float,
    few: bool,
) -> Steps:
    """Fill ``points`` as they finish, in ``jobs`` processes; a step each time that some may have.

    A setting whose process ends, or that takes longer than ``seconds``, is a point with that reason. When this is
    closed early, what is running is waited for. ``few`` settings are measured in copies of this process, which start
    at once.
    """
    waiting = iter(enumerate(settings))
    busy: list[_Worker] = []
    idle: list[_Worker] = []
    try:
        while True:
            for index, setting in _next(waiting, jobs - len(busy)):
                busy.append(_handed(idle.pop() if idle else _started(measure, few=few), index, setting, seconds))
            if not busy:
                break
            _collect(busy, idle, points, seconds)
            yield
    finally:
        while busy:
            _collect(busy, idle, points, seconds)
        for worker in idle:
            _end(worker)


def _next(waiting: Iterator[tuple[int, tuple[Setting, ...]]], count: int) -> Iterator[tuple[int, tuple[Setting, ...]]]:
    for _, item in zip(range(count), waiting, strict=False):
        yield item


def _handed(worker: _Worker, index: int, setting: tuple[Setting, ...], seconds: float) -> _Worker:
    worker.index, worker.setting, worker.deadline = index, setting, time.monotonic() + seconds
    with contextlib.suppress(OSError):  # it ended: that is seen when its result is asked for
        worker.line.send(setting)
    return worker


def _collect(busy: list[_Worker], idle: list[_Worker], points: dict[int, Point], seconds: float) -> None:
    """Wait for one result or the end of one process, and take all that are there."""
    soon = min(worker.deadline for worker in busy) - time.monotonic()
    wait([worker.line for worker in busy], timeout=min(_LOOK, max(0.0, soon)))
    for worker in [*busy]:
        point, reason = None, ""
        try:
            if worker.line.poll():
                point = worker.line.recv()
            elif not worker.process.is_alive() and not worker.line.poll():
                reason = _ended(worker)
            elif time.monotonic() > worker.deadline:
                reason = f"it took longer than {seconds:g} s (--time-limit)"
            else:
                continue
        except (EOFError, OSError):
            reason = _ended(worker)
        busy.remove(worker)
        points[worker.index] = point or refused(worker.setting, reason)
        if point is None:
            _end(worker)
        else:
            idle.append(worker)


def refused(settings: tuple[Setting, ...], reason: str) -> Point:
    """The point of a setting that has no figures."""
    figures = Figures(dict.fromkeys(carried_by(Rows.SWEEP)))
    return Point(settings=settings, figures=figures, complete=True, reason=reason)


def _ended(worker: _Worker) -> str:
    worker.process.join(_GRACE)
    code = worker.process.exitcode
    if code is None:
        return "the process that measured it stopped answering"
    how = f"exit status {code}" if code >= 0 else signal.Signals(-code).name
    memory = ": out of memory?" if -code == signal.SIGKILL else ""
    return f"the process that measured it ended ({how}{memory})"


def _end(worker: _Worker) -> None:
    worker.line.close()
    if worker.deadline < time.monotonic():
        worker.process.kill()
    worker.process.join(_GRACE)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _started(measure: Measure, *, few: bool) -> _Worker:
    method = "spawn" if sys.platform != "linux" else "fork" if few else "forkserver"
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["archscope.measure.quick_totals", "archscope.judge.sweep"])
    line, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, measure, asked_for(), few), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the copy uses none of theirs
        process.start()
    theirs.close()
    return _Worker(process=process, line=line)


def _serve(line: Connection, measure: Measure, memory: int | None, forked: bool) -> None:  # noqa: FBT001 - sent by place
    """Measure what comes along ``line``, on one thread; Ctrl-C is the parent's, and so is stdout."""
    from archscope.measure.quick_totals import use_one_thread

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(AttributeError, OSError):  # a setting that hangs must not outlive who waits for it
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    os.dup2(2, 1)
    if forked:  # another thread may have held the locks of these when the process was copied
        sys.stdout = sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
    use_one_thread()
    ask_for(memory)
    process = os.getpid()
    with contextlib.suppress(EOFError, OSError):
        while True:
            setting = line.recv()
            try:
                point = measure(setting)
            except BaseException as error:  # noqa: BLE001 - the row says it
                point = refused(setting, raised(error))
            if os.getpid() != process:  # the model went on as two: this is the copy
                os._exit(0)
            line.send(point)
