"""Measuring one model at many settings of its options, in a pool of processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeAlias

from archscope.errors import ArchscopeError
from archscope.judge.pareto import pareto_front
from archscope.judge.sweep_options import grid, grid_size
from archscope.metrics import Figures, Rows, carried_by
from archscope.results.sweep import SWEEP_VERSION, Axis, Limit, Point, Setting, Sweep, Vary
from archscope.sources import load
from archscope.spec import InputSpec, ModelSpec, OptionValue

_FEW = 12  # settings for which starting processes takes longer than measuring
Steps: TypeAlias = Generator[None, None, None]
Measure: TypeAlias = Callable[[tuple[Setting, ...]], Point]
_WAITING = 4  # settings per process that are handed out ahead


def run_sweep(  # noqa: PLR0913 - a sweep is all of these
    model: str,
    varied: tuple[Vary, ...],
    *,
    options: Mapping[str, OptionValue],
    inputs: tuple[InputSpec, ...],
    limits: tuple[Limit, ...],
    axes: tuple[Axis, ...],
    jobs: int = 0,
    finished: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Measure every setting of the grid of ``varied`` on top of ``options``, in ``jobs`` processes (0: one per core).

    ``finished`` is called after each setting with the numbers done and planned. A setting that the model refuses is a
    point with its reason. An interrupt (KeyboardInterrupt) ends the sweep early: the points that finished are kept.
    """
    planned = grid_size(varied)
    jobs = min(jobs or _cores(), planned)
    points: dict[int, Point] = {}
    run = _here if jobs == 1 or planned <= _FEW else partial(_pooled, jobs=jobs)
    measuring = run(partial(measure_setting, model, options, inputs), grid(varied), points)
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(measuring):
        for _ in measuring:
            if finished is not None:
                finished(len(points), planned)
    done = tuple(points[index] for index in sorted(points))
    return Sweep(
        sweep_version=SWEEP_VERSION,
        model=model,
        inputs=inputs,
        varied=varied,
        limits=limits,
        axes=axes,
        planned=planned,
        points=done,
        front=pareto_front(done, axes, limits),
    )


def measure_setting(
    model: str, options: Mapping[str, OptionValue], inputs: tuple[InputSpec, ...], settings: tuple[Setting, ...]
) -> Point:
    """One point: ``model`` with ``options`` and then ``settings``, built on meta and run there."""
    from archscope.measure.quick_totals import quick_totals

    try:
        spec = load(model, **{**options, **{setting.name: setting.value for setting in settings}})
        if not isinstance(spec, ModelSpec):
            return _refused(settings, f"{model} is a saved report: it cannot be built anew")
        found = quick_totals(spec, inputs or None)
    except ArchscopeError as error:
        return _refused(settings, error.what)
    return Point(
        settings=settings,
        figures=found.figures,
        complete=found.complete,
        reason="",
    )


def _refused(settings: tuple[Setting, ...], reason: str) -> Point:
    return Point(
        settings=settings,
        figures=Figures(dict.fromkeys(carried_by(Rows.SWEEP))),
        complete=True,
        reason=reason,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(measure: Measure, settings: Iterable[tuple[Setting, ...]], points: dict[int, Point]) -> Steps:
    for index, setting in enumerate(settings):
        points[index] = measure(setting)
        yield


def _pooled(measure: Measure, settings: Iterable[tuple[Setting, ...]], points: dict[int, Point], *, jobs: int) -> Steps:
    """Fill ``points`` as settings finish, also those that run when this is interrupted; few are handed out ahead."""
    pool = _pool(jobs)
    waiting: set[Future[Point]] = set()
    lost: dict[int, tuple[Setting, ...]] = {}

    def keep(index: int, setting: tuple[Setting, ...], future: Future[Point]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, BrokenProcessPool):  # this setting ended its process, or one that ran beside it did
            lost[index] = setting
        else:
            points[index] = _refused(setting, f"{type(error).__name__}: {error}") if error else future.result()

    try:
        for index, setting in enumerate(settings):
            try:
                future = pool.submit(measure, setting)
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(jobs)
                future = pool.submit(measure, setting)
            future.add_done_callback(partial(keep, index, setting))
            waiting.add(future)
            if len(waiting) >= jobs * _WAITING:
                waiting = wait(waiting, return_when=FIRST_COMPLETED).not_done
                yield
        while waiting:
            waiting = wait(waiting, return_when=FIRST_COMPLETED).not_done
            yield
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    for index, setting in sorted(lost.items()):
        points[index] = _apart(measure, setting)
        yield


def _apart(measure: Measure, setting: tuple[Setting, ...]) -> Point:
    """Measure one setting in a process of its own, because it may end that process."""
    with _pool(1) as pool:
        try:
            return pool.submit(measure, setting).result()
        except BrokenProcessPool:
            return _refused(setting, "the process that measured it ended (out of memory?)")


def _pool(jobs: int) -> ProcessPoolExecutor:
    method = "forkserver" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["archscope.measure.quick_totals", "archscope.judge.sweep"])
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start)


def _start() -> None:
    """A worker leaves Ctrl-C to its parent, measures on one thread, and lets no model write to stdout."""
    from archscope.measure.quick_totals import use_one_thread

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    os.dup2(2, 1)
