"""From the words of a command to a report: what every command that measures shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archscope.cli.extras import Extras, restated
from archscope.cli.output import quiet_stdout
from archscope.cli.progress import Progress, progress
from archscope.errors import UsageError
from archscope.records import Trace
from archscope.report import Report
from archscope.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

F = TypeVar("F", bound=Callable[..., Any])


def model_options(command: F) -> F:
    """``--input`` and ``--set``, given to the command as ``inputs`` and ``settings``."""
    command = click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="An option of the model's builder; may repeat."
    )(command)
    return click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="SHAPE",
        help="An input such as 1x3x640x640, 1x128:int64 or mask=1x128:bool; may repeat.",
    )(command)


def measure(
    model: str,
    *,
    inputs: Sequence[str] = (),
    settings: Sequence[str] = (),
    keep_calls: bool = False,
    besides: Extras | None = None,
) -> Report:
    """The report of MODEL: loaded, built and run, or read when it names a saved one.

    ``keep_calls`` adds the grouped call table, ``besides`` what else is asked for. Whatever the model prints goes to
    stderr. Raises any ArchscopeError.
    """
    besides = besides or Extras()
    with progress() as shown, quiet_stdout():
        loaded = _loaded(model, inputs, settings, shown)
        if isinstance(loaded, Report):
            if besides != Extras() and not besides.if_possible:
                raise UsageError(
                    f"{model} is a saved report: nothing more can be measured", help="name the model itself"
                )
            return loaded
        given = parsed_inputs(inputs)
        from archscope.measure.measuring import analyze_and_trace

        if isinstance(loaded, ModelSpec):
            loaded = _announced(loaded, shown)
        report, seen = analyze_and_trace(
            loaded, given or None, keep_calls=keep_calls, training=besides.optimizer, sparsity=besides.sparsity
        )
        return restated(report, seen, besides.conventions)


def measure_and_trace(
    model: str, *, inputs: Sequence[str] = (), settings: Sequence[str] = (), usual: Sequence[str] = ()
) -> tuple[Report, Trace | None]:
    """The report of MODEL as ``measure`` gives it, and the trace behind it; a saved report has none.

    A model runs on ``usual`` inputs when it is not given any.
    """
    with progress() as shown, quiet_stdout():
        loaded = _loaded(model, inputs, settings, shown)
        if isinstance(loaded, Report):
            return loaded, None
        from archscope.measure.measuring import analyze_and_trace

        return analyze_and_trace(_announced(loaded, shown), parsed_inputs(inputs or usual) or None)


def load_spec(model: str, settings: Sequence[str]) -> ModelSpec:
    """The model that MODEL names, to be built; raises UsageError for a saved report or an exported program."""
    from archscope.sources import load

    loaded = load(model, **_settings(settings))
    if isinstance(loaded, ModelSpec):
        return loaded
    raise UsageError(f"{model} cannot be built anew", help="name the model itself, not what was saved of it")


def source_of(model: str) -> str:
    """The source behind MODEL: ``zoo:featherface-baseline`` for every name and saved report of that model."""
    from archscope.sources import load

    loaded = load(model)
    return loaded.model.source if isinstance(loaded, Report) else loaded.source


def _loaded(model: str, inputs: Sequence[str], settings: Sequence[str], shown: Progress) -> ModelSpec | Report:
    shown.phase("import")
    from archscope.sources import load

    loaded: ModelSpec | Report = load(model, **_settings(settings))
    if isinstance(loaded, Report) and inputs:
        raise UsageError(f"{model} is a saved report: it cannot be run", help="leave out --input")
    return loaded


def parsed_inputs(texts: Sequence[str]) -> Any:
    """The inputs that ``--input`` describes; empty without any."""
    if not texts:
        return ()
    from archscope.sources.inputs import parse_inputs

    return parse_inputs(texts)


def _settings(texts: Sequence[str]) -> Any:
    if not texts:
        return {}
    from archscope.sources.settings import parse_settings

    return parse_settings(texts)


def _announced(spec: ModelSpec, shown: Progress) -> ModelSpec:
    """``spec``, telling the progress line when it builds."""

    def build() -> nn.Module:
        shown.phase("build")
        model = spec.build()
        shown.phase("trace")
        return model

    return dataclasses.replace(spec, build=build)
