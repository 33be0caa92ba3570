"""Measuring one model at many settings of its options, in processes of their own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from archscope.errors import ArchscopeError
from archscope.judge.pareto import pareto_front
from archscope.judge.sweep_options import grid, grid_size
from archscope.judge.sweep_workers import measure_apart, refused
from archscope.results.sweep import SWEEP_VERSION, Axis, Limit, Point, Setting, Sweep, Vary
from archscope.sources import load
from archscope.sources.call_text import written_specs
from archscope.spec import ModelSpec

_FEW = 12  # settings for which starting fresh processes takes longer than measuring
TIME_LIMIT = 120.0  # seconds for one setting


def run_sweep(  # noqa: PLR0913 - a sweep is all of these
    model: str,
    varied: tuple[Vary, ...],
    *,
    options: Mapping[str, Any],
    inputs: Any,
    limits: tuple[Limit, ...],
    axes: tuple[Axis, ...],
    jobs: int = 0,
    seconds: float = TIME_LIMIT,
    finished: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Measure every setting of the grid of ``varied`` on top of ``options``, in ``jobs`` processes (0: one per core).

    ``finished`` is called after each setting with the numbers done and planned. A setting that the model refuses is a
    point with its reason; so is one whose process ends or that takes longer than ``seconds``. An interrupt
    (KeyboardInterrupt) ends the sweep early: the points that finished are kept.
    """
    planned = grid_size(varied)
    few = planned <= _FEW
    points: dict[int, Point] = {}
    measuring = measure_apart(
        partial(measure_setting, model, options, inputs),
        grid(varied),
        points,
        jobs=1 if few else min(jobs or _cores(), planned),
        seconds=seconds,
        few=few,
    )
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(measuring):
        for _ in measuring:
            if finished is not None:
                finished(len(points), planned)
    done = tuple(points[index] for index in sorted(points))
    return Sweep(
        sweep_version=SWEEP_VERSION,
        model=model,
        inputs=written_specs(inputs),
        varied=varied,
        limits=limits,
        axes=axes,
        planned=planned,
        points=done,
        front=pareto_front(done, axes, limits),
    )


def measure_setting(model: str, options: Mapping[str, Any], inputs: Any, settings: tuple[Setting, ...]) -> Point:
    """One point: ``model`` with ``options`` and then ``settings``, built on meta and run there."""
    from archscope.measure.quick_totals import quick_totals

    try:
        spec = load(model, **{**options, **{setting.name: setting.value for setting in settings}})
        if not isinstance(spec, ModelSpec):
            return refused(settings, f"{model} is a saved report: it cannot be built anew")
        found = quick_totals(spec, inputs or None)
    except ArchscopeError as error:
        return refused(settings, error.what)
    return Point(
        settings=settings,
        figures=found.figures,
        complete=found.complete,
        reason="",
        value_dependent=found.value_dependent,
        unregistered=found.unregistered,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
