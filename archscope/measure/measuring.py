"""``analyze``: measure a model, a ModelSpec or a trace and return its report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from archscope.errors import ArchscopeError, BuildError, ForwardError, UsageError, raised
from archscope.formulas import DEFAULT_FORMULAS, FormulaTable
from archscope.measure.running.call_forms import graph_inputs
from archscope.measure.running.code_caches import caches_kept
from archscope.measure.running.effective_weights import zero_weights
from archscope.measure.running.graph_entries import followed
from archscope.measure.running.input_refusal import RefusedInputError
from archscope.measure.running.inputs import InputsLike
from archscope.measure.running.memory_limit import build_on_cpu, not_run_on_the_cpu, too_large
from archscope.measure.running.run_conditions import sparing_collections
from archscope.measure.running.tensors_of_run import any_tensor
from archscope.measure.running.tracing import loops_undecided, trace
from archscope.measure.summing.analysis import analyze_trace, with_training
from archscope.measure.summing.receptive_field import receptive_fields as receptive_fields_of
from archscope.metrics import Figures
from archscope.process_state import process_state_kept, surroundings_kept
from archscope.records import Trace
from archscope.report import ModelInfo, Report
from archscope.spec import Component, Given, Inputs, ModelSpec


def analyze(  # noqa: PLR0913 - every option of a measurement
    model: ModelSpec | nn.Module | Trace,
    inputs: InputsLike | None = None,
    *,
    components: Sequence[Component] | None = None,
    formulas: FormulaTable = DEFAULT_FORMULAS,
    name: str = "",
    keep_calls: bool = False,
    training: str = "",
    sparsity: bool = False,
) -> Report:
    """What ``model`` costs and where.

    Without ``inputs`` a spec's own are used, and where it has none the report holds parameters alone (figures of the
    run are None). ``components`` replace the spec's own. ``keep_calls`` adds the grouped call table. ``training`` names
    an optimizer (adamw, sgd, ...) and adds the figures of a training step, which is run too; ``sparsity`` counts the
    weights that are 0. Raises BuildError, ForwardError, ComponentError and UsageError.
    """
    seen = trace_any(model, inputs, name=name)
    report = report_of(seen, model, components=components, formulas=formulas, name=name, keep_calls=keep_calls)
    if isinstance(model, Trace):
        return report
    return with_extras(report, model, inputs, formulas=formulas, training=training, sparsity=sparsity)


def trace_any(
    model: ModelSpec | nn.Module | Trace,
    inputs: Any = None,
    *,
    name: str = "",
    training: bool = False,
    device: str = "",
) -> Trace:
    """The trace of ``model`` (of a training step, if asked); a trace is its own. Raises BuildError and ForwardError."""
    if isinstance(model, Trace):
        return model
    if device:
        require_device(device)
    if isinstance(model, ModelSpec):
        return trace_spec(model, inputs, training=training, device=device)
    return trace(model, inputs, name=name, training=training, device=device if inputs is not None else "")


def report_of(  # noqa: PLR0913 - what the sum depends on
    seen: Trace,
    model: ModelSpec | nn.Module | Trace,
    *,
    components: Sequence[Component] | None = None,
    formulas: FormulaTable = DEFAULT_FORMULAS,
    name: str = "",
    keep_calls: bool = False,
) -> Report:
    """The report of ``model``, whose trace is ``seen``. Raises ComponentError, and UsageError for a training step."""
    if seen.mode == "train":
        raise UsageError(
            "the trace is of a training step, and a report starts from a forward pass in eval mode",
            help="analyze(model, inputs, training='adamw') runs both and tells the step's figures too",
        )
    spec = model if isinstance(model, ModelSpec) else ModelSpec(name=name or seen.model, source="", build=nn.Module)
    rules = spec.components if components is None else components
    info = ModelInfo(
        name=spec.name,
        source=spec.source,
        description=spec.description,
        options=spec.options,
        mode=seen.mode,
        device=seen.device,
        fallback=seen.fallback,
    )
    with sparing_collections():
        return analyze_trace(seen, info, rules, formulas, keep_calls=keep_calls)


def with_extras(  # noqa: PLR0913 - what is measured besides, each by its name
    report: Report,
    model: ModelSpec | nn.Module,
    inputs: Any,
    *,
    formulas: FormulaTable = DEFAULT_FORMULAS,
    training: str = "",
    sparsity: bool = False,
    device: str = "",
) -> Report:
    """``report`` with a training step under the optimizer ``training`` and, for ``sparsity``, the zero weights counted.

    Both build and run ``model`` again. A report without a run gets no training step.
    """
    if (training or sparsity) and isinstance(model, ModelSpec) and model.trace is not None:
        model.build()  # which says why there is none
    if training and report.totals.macs is not None:
        seen = trace_any(model, inputs, name=report.model.name, training=True, device=device)
        report = with_training(report, seen, formulas, training)
    if sparsity:
        figures = Figures(report.totals.figures, zero_parameters=_zeros(model))
        report = dataclasses.replace(report, totals=dataclasses.replace(report.totals, figures=figures))
    return report


def with_fields(report: Report, seen: Trace) -> Report:
    """``report``, of the trace ``seen``, with the receptive field of every module."""
    fields = receptive_fields_of(seen)
    rows = (dataclasses.replace(row, receptive_field=fields.get(row.path, ())) for row in report.modules)
    return dataclasses.replace(report, modules=tuple(rows))


def _zeros(model: ModelSpec | nn.Module) -> int:
    """The weights of the model that are 0."""
    if isinstance(model, ModelSpec):
        with model.within(), process_state_kept():
            model = _built(model)
    return zero_weights(model)


def trace_spec(spec: ModelSpec, inputs: Any = None, *, training: bool = False, device: str = "") -> Trace:
    """Build the model of ``spec`` on meta (on the CPU where it cannot be) and trace it (a training step, if asked).

    Arguments by name alone stand beside the inputs that the spec knows. ``device`` asks for a run on another device
    than meta. Raises BuildError when the constructor fails and ForwardError when the forward pass does.
    """
    call = _beside_known(spec, inputs)
    if spec.trace is not None:
        with sparing_collections():
            named = followed(spec, inputs)
            return named or spec.trace(None if call is None else graph_inputs(call))
    if device not in {"", "meta"}:
        with spec.within(), torch.device("cpu"), process_state_kept():
            torch.manual_seed(0)
            there = build_on_cpu(lambda: _built(spec), spec.name)
            return trace(there, call, name=spec.name, training=training, device=device if call is not None else "")
    model: nn.Module | None = None
    unbuilt: ArchscopeError | None = None
    with spec.within(), surroundings_kept():
        try:
            with caches_kept((spec.build,), any_tensor):
                with torch.device("meta"), process_state_kept():
                    model = _built(spec)
                seen = trace(model, call, name=spec.name, device="meta" if call is not None else "", training=training)
            if not loops_undecided(seen) or too_large(model):
                return seen
        except RefusedInputError:
            raise
        except (BuildError, ForwardError) as error:
            needed = too_large(model) if model is not None else 0
            if needed and isinstance(error, ForwardError):
                raise not_run_on_the_cpu(error, needed) from error.__cause__
            if needed:
                raise
            unbuilt = error.with_traceback(None) if model is None else None
        known = model is not None
        del model
        with caches_kept((spec.build,), any_tensor):
            with torch.device("cpu"), process_state_kept():
                torch.manual_seed(0)
                model = _built(spec) if known else build_on_cpu(lambda: _built(spec), spec.name, unbuilt)
            return trace(model, call, name=spec.name, training=training)


def _beside_known(spec: ModelSpec, inputs: Any) -> Any:
    """What the model of ``spec`` is called with: ``inputs``, its own where none are given, by its own method if any."""
    own = spec.inputs
    if inputs is None:
        return own or None
    method = "" if isinstance(own, tuple) else own.method
    if isinstance(inputs, Given) and inputs.value is None and own:
        if isinstance(own, Given):
            return dataclasses.replace(inputs, value=own.value, method=inputs.method or method)
        return dataclasses.replace(inputs, usual=own, method=inputs.method or method)
    if not method:
        return inputs
    if isinstance(inputs, (Given, Inputs)):
        return dataclasses.replace(inputs, method=inputs.method or method)
    return Given(value=inputs, method=method)


def require_device(device: str) -> None:
    """Raise UsageError for a device that torch does not know or this machine does not have."""
    try:
        torch.empty(0, device=device)
    except Exception as error:
        said = str(error).partition("\n")[0].rstrip(".")
        raise UsageError(
            f"there is no device {device!r} here: {said}",
            help="meta needs no memory and no GPU, and gives the same figures; cpu is everywhere",
        ) from error


def _built(spec: ModelSpec) -> nn.Module:
    try:
        model = spec.build()
    except ArchscopeError:
        raise
    except Exception as error:
        raise BuildError(
            f"building {spec.name!r} raised {raised(error)}",
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
