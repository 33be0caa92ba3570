"""The law of size of the model that a command names, with the sizes that limits admit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archscope import sources
from archscope.cli.measure import load_spec
from archscope.cli.options import ModelOptions, call_of
from archscope.cli.output import quiet_stdout
from archscope.cli.progress import progress
from archscope.judge.scaling.inverse import answers
from archscope.report import Report
from archscope.results.scaling import Scaling
from archscope.results.sweep import Limit
from archscope.sources import parse_settings
from archscope.spec import ModelSpec, OptionValue

_NO_PLACES: Mapping[str, Sequence[str]] = {}


def measured_law(  # noqa: PLR0913 - what a law is of
    model: str,
    over: Mapping[str, Sequence[int]],
    *,
    asked: ModelOptions,
    dims: Mapping[str, Sequence[str]] = _NO_PLACES,
    trains: bool = False,
    limits: Sequence[Limit] = (),
    page: bool = False,
) -> tuple[Scaling, Report | None]:
    """The law of MODEL ``over`` ranges of sizes, with the answers to ``limits``. Raises any ArchscopeError.

    For a ``page`` also the report at the sizes that it begins with.
    """
    settings = parse_settings(asked["settings"])
    with progress() as shown, quiet_stdout():
        shown.phase("import")
        spec = load_spec(model, asked["settings"])
        from archscope.judge.scaling.scale import Scaler

        def rebuild(changed: Mapping[str, OptionValue]) -> ModelSpec:
            loaded = sources.load(model, **{**settings, **changed})
            if not isinstance(loaded, ModelSpec):
                raise TypeError(model)  # it was a model a moment ago
            return loaded

        scaler = Scaler(
            spec,
            call_of(asked["inputs"]),
            over=over,
            dims=dims,
            training="adamw" if trains else "",
            rebuild=rebuild,
            ran=lambda runs: shown.step(runs, None, "runs"),
        )
        law = scaler.law()
        law = replace(law, answers=answers(law, limits, scaler.measured))
        if not page:
            return law, None
        from archscope.protocols.page.pack_scaling import starting_sizes

        return law, scaler.report(starting_sizes(law))
