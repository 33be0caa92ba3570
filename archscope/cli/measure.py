"""Measuring for commands: load the model that the command line names, run it, and return its report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archscope import sources
from archscope.cli.output import quiet_stdout
from archscope.cli.progress import Progress, progress
from archscope.errors import UsageError
from archscope.records import Trace
from archscope.report import ConventionFigure, Report
from archscope.sources import parse_inputs, parse_settings
from archscope.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What to measure besides the run: a training step with ``optimizer``, weights that are 0, other counters' rules.

    A saved report cannot be measured further: asking for more is an error, unless ``if_possible``.
    """

    optimizer: str = ""
    sparsity: bool = False
    conventions: tuple[str, ...] = ()
    if_possible: bool = False


NOTHING = Extras()


def measure(
    model: str,
    *,
    inputs: Sequence[str] = (),
    settings: Sequence[str] = (),
    keep_calls: bool = False,
    besides: Extras = NOTHING,
) -> Report:
    """The report of MODEL: loaded, built and run, or read when it names a saved one.

    ``keep_calls`` adds the grouped call table, ``besides`` what else is asked for. Whatever the model prints goes to
    stderr. Raises any ArchscopeError.
    """
    return measure_and_trace(model, inputs=inputs, settings=settings, keep_calls=keep_calls, besides=besides)[0]


def measure_and_trace(  # noqa: PLR0913 - all that a measurement can be asked for
    model: str,
    *,
    inputs: Sequence[str] = (),
    settings: Sequence[str] = (),
    usual: Sequence[str] = (),
    keep_calls: bool = False,
    besides: Extras = NOTHING,
) -> tuple[Report, Trace | None]:
    """The report of MODEL as ``measure`` gives it, and the trace behind it; a saved report has none.

    A model runs on ``usual`` inputs when it is not given any.
    """
    with progress() as shown, quiet_stdout():
        shown.phase("import")
        loaded = sources.load(model, **parse_settings(settings))
        if isinstance(loaded, Report):
            if inputs:
                raise UsageError(f"{model} is a saved report: it cannot be run", help="leave out --input")
            if besides != NOTHING and not besides.if_possible:
                raise UsageError(
                    f"{model} is a saved report: nothing more can be measured", help="name the model itself"
                )
            return loaded, None
        given = parse_inputs(inputs or usual) or None
        from archscope.measure.measuring import report_of, trace_any, with_extras

        spec = _announced(loaded, shown)
        seen = trace_any(spec, given)
        report = report_of(seen, spec, keep_calls=keep_calls)
        report = with_extras(report, spec, given, training=besides.optimizer, sparsity=besides.sparsity)
        return _restated(report, seen, besides.conventions), seen


def _restated(report: Report, seen: Trace, names: Sequence[str]) -> Report:
    """``report`` with the figures of the rules called ``names``; raises UsageError for a model that was not run."""
    if not names:
        return report
    from archscope.judge.conventions import CONVENTIONS, apply

    if seen.calls is None:
        raise UsageError("a model that was not run cannot be restated", help="add --input 1x3x224x224")
    if seen.device == "graph":
        raise UsageError(
            "the rules of other counters are about operators of torch, and this is another format's graph",
            help="restate the PyTorch model",
        )
    rules = {convention.name: convention for convention in CONVENTIONS}
    totals = [apply(rules[name], seen) for name in names]
    figures = tuple(
        ConventionFigure(name=t.name, description=t.description, counted=t.counted, parameters=t.parameters)
        for t in totals
    )
    return dataclasses.replace(report, conventions=figures)


def load_spec(model: str, settings: Sequence[str]) -> ModelSpec:
    """The model that MODEL names, to be built; raises UsageError for a saved report."""
    loaded = sources.load(model, **parse_settings(settings))
    if isinstance(loaded, Report):
        raise UsageError(f"{model} is a saved report: it cannot be built anew", help="name the model itself")
    if loaded.trace is not None:
        raise UsageError(f"{model} is a graph without code: it cannot be built", help="name the PyTorch model")
    return loaded


def source_of(model: str) -> str:
    """The source behind MODEL: ``zoo:featherface-baseline`` for every name and saved report of that model."""
    loaded = sources.load(model)
    return loaded.model.source if isinstance(loaded, Report) else loaded.source


def _announced(spec: ModelSpec, shown: Progress) -> ModelSpec:
    """``spec`` with a ``build`` that tells the progress line when building begins and ends."""

    def build() -> nn.Module:
        shown.phase("build")
        model = spec.build()
        shown.phase("trace")
        return model

    return dataclasses.replace(spec, build=build)
