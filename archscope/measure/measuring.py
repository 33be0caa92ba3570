"""The front of the instrument: a spec, a model or a trace in, a report out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from archscope.errors import ArchscopeError, BuildError, ForwardError
from archscope.formulas import DEFAULT_FORMULAS, FormulaTable
from archscope.measure.analysis import analyze_trace, with_training
from archscope.measure.inputs import InputsLike
from archscope.measure.tracing import too_large, trace
from archscope.records import Trace
from archscope.report import ModelInfo, Report
from archscope.spec import Component, ModelSpec
from archscope.surroundings import undisturbed


def analyze(  # noqa: PLR0913 - the front takes what every floor below it needs
    model: ModelSpec | nn.Module | Trace,
    inputs: InputsLike | None = None,
    *,
    components: Sequence[Component] | None = None,
    formulas: FormulaTable = DEFAULT_FORMULAS,
    name: str = "",
    keep_calls: bool = False,
    training: str = "",
) -> Report:
    """What ``model`` costs and where.

    ``training`` names an optimizer (adamw, sgd, ...) and adds the figures of a training step, which is run too.

    Without ``inputs`` a spec's own are used, and where it has none the report holds parameters alone (figures of the
    run are None). ``components`` replace the spec's own. ``keep_calls`` adds the grouped call table. Raises BuildError,
    ForwardError and ComponentError.
    """
    if isinstance(model, ModelSpec):
        seen = trace_spec(model, inputs)
        rules = model.components if components is None else components
        info = _info(seen, model)
    else:
        seen = model if isinstance(model, Trace) else trace(model, inputs, name=name)
        rules = tuple(components or ())
        info = _info(seen, ModelSpec(name=name or seen.model, source="", build=nn.Module))
    report = analyze_trace(seen, info, rules, formulas, keep_calls=keep_calls)
    if not training or isinstance(model, Trace) or seen.calls is None:
        return report
    step = (
        trace_spec(model, inputs, training=True)
        if isinstance(model, ModelSpec)
        else trace(model, inputs, name=name, training=True)
    )
    return with_training(report, step, formulas, training)


def analyze_and_trace(spec: ModelSpec, inputs: InputsLike | None = None) -> tuple[Report, Trace]:
    """The report of ``spec`` and, for who asks how other tools would count, the trace behind it: one run.

    Raises what ``analyze`` raises.
    """
    seen = trace_spec(spec, inputs)
    return analyze_trace(seen, _info(seen, spec), spec.components, DEFAULT_FORMULAS), seen


def trace_spec(spec: ModelSpec, inputs: InputsLike | None = None, *, training: bool = False) -> Trace:
    """Build the model of ``spec`` on meta (on the CPU where it cannot be) and trace it (a training step, if asked).

    Raises BuildError when the constructor fails and ForwardError when the forward pass does.
    """
    call = inputs if inputs is not None else spec.inputs or None
    model: nn.Module | None = None
    with spec.within():
        try:
            with torch.device("meta"), undisturbed():
                model = _built(spec)
            return trace(model, call, name=spec.name, device="meta" if call is not None else "", training=training)
        except (BuildError, ForwardError):
            if model is not None and too_large(model):
                raise
        del model
        with torch.device("cpu"), undisturbed():
            torch.manual_seed(0)
            model = _built(spec)
        return trace(model, call, name=spec.name, training=training)


def _built(spec: ModelSpec) -> nn.Module:
    try:
        model = spec.build()
    except ArchscopeError:
        raise
    except Exception as error:
        raise BuildError(
            f"building {spec.name!r} raised {type(error).__name__}: {error}",
            where=spec.source,
            help="the traceback below shows the lines of the model's own code",
        ) from error
    if not isinstance(model, nn.Module):
        raise BuildError(
            f"{spec.name!r} builds a {type(model).__name__}, not a torch.nn.Module",
            where=spec.source,
            help="name a module class, a function that returns a module, or a module",
        )
    return model


def _info(seen: Trace, spec: ModelSpec) -> ModelInfo:
    return ModelInfo(
        name=spec.name,
        source=spec.source,
        description=spec.description,
        options=spec.options,
        mode=seen.mode,
        device=seen.device,
        fallback=seen.fallback,
    )
