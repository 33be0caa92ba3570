"""Measuring for commands: load the model that the command line names, run it, and return its report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archscope import sources
from archscope.cli.options import call_of
from archscope.cli.output import quiet_stdout
from archscope.cli.progress import Progress, progress
from archscope.errors import UsageError
from archscope.records import Trace
from archscope.report import Report
from archscope.sources import parse_inputs, parse_settings
from archscope.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What to measure besides: a training step with ``optimizer``, weights of 0, other rules, receptive fields.

    A saved report cannot be measured further: asking for more is an error, unless ``if_possible``.
    """

    optimizer: str = ""
    sparsity: bool = False
    conventions: tuple[str, ...] = ()
    receptive_fields: bool = False
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
    for_models: bool = False,
) -> tuple[Report, Trace | None]:
    """The report of MODEL as ``measure`` gives it, and the trace behind it; a saved report has none.

    A model runs on ``usual`` inputs when it is not given any. With ``for_models`` the inputs are those of a model, and
    a saved report stays as it is; without, it refuses them.
    """
    with progress() as shown, quiet_stdout():
        shown.phase("import")
        loaded = sources.load(model, **parse_settings(settings))
        called = call_of(inputs)
        if isinstance(loaded, Report):
            if called is not None and not for_models:
                raise UsageError(f"{model} is a saved report: it cannot be run", help="leave out --input")
            if any(row.receptive_field for row in loaded.modules):
                besides = dataclasses.replace(besides, receptive_fields=False)
            if besides != NOTHING and not besides.if_possible:
                raise UsageError(
                    f"{model} is a saved report: nothing more can be measured", help="name the model itself"
                )
            return loaded, None
        given = called if called is not None else parse_inputs(usual) or None
        from archscope.measure.measuring import report_of, trace_any, with_extras, with_fields

        spec = _announced(loaded, shown)
        seen = trace_any(spec, given)
        report = report_of(seen, spec, keep_calls=keep_calls)
        report = with_extras(report, spec, given, training=besides.optimizer, sparsity=besides.sparsity)
        report = with_fields(report, seen) if besides.receptive_fields else report
        if besides.conventions:
            from archscope.judge.conventions.restating import restated

            report = restated(report, seen, besides.conventions)
        return report, seen


def load_spec(model: str, settings: Sequence[str]) -> ModelSpec:
    """The model that MODEL names, to be built; raises UsageError for a saved report."""
    loaded = sources.load(model, **parse_settings(settings))
    if isinstance(loaded, Report):
        raise UsageError(f"{model} is a saved report: it cannot be built anew", help="name the model itself")
    if loaded.trace is not None:
        raise UsageError(f"{model} is a file without code: it cannot be built", help="name the PyTorch model")
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
