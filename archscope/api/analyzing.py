"""``analyze`` and ``trace`` as ``import archscope`` offers them: any form of model, inputs and arguments."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn

from archscope.api.given import given
from archscope.api.subjects import Model, subject
from archscope.config import nearest
from archscope.errors import InputError, UsageError
from archscope.formulas import DEFAULT_FORMULAS, FormulaTable
from archscope.measure.measuring import report_of, trace_any, with_extras, with_fields
from archscope.measure.summing.optimizers import OPTIMIZERS
from archscope.records import Trace
from archscope.report import Report
from archscope.spec import Component, ModelSpec


def analyze(  # noqa: PLR0913 - every option of a measurement
    model: Model,
    inputs: Any = None,
    *more: Any,
    components: Sequence[Component] | None = None,
    formulas: FormulaTable = DEFAULT_FORMULAS,
    name: str = "",
    keep_calls: bool = False,
    training: str | bool = "",
    sparsity: bool = False,
    receptive_fields: bool = False,
    conventions: str | Sequence[str] = (),
    device: str = "",
    call: str = "",
    **arguments: Any,
) -> Report:
    """What ``model`` costs and where.

    ``model`` is a module, a class or function that makes one, several modules (a generator and a discriminator), a
    ModelSpec, a Trace, a saved Report, or text that names a model as on the command line ("timm:resnet50").

    ``inputs`` are what its ``forward`` takes, and may be given as

    - a tensor, a tuple or list of arguments, a dict of arguments by name: ``analyze(model, (x, y))``;
    - arguments as they are passed to the model: ``analyze(model, x, y, mask=m)``;
    - a batch as a DataLoader yields it: a list, dict, data class, named tuple or object of any kind with tensors;
    - a shape or several: ``(1, 3, 224, 224)``, ``[(1, 8), (1, 4)]``, ``{"x": (1, 8)}``; texts such as
      ``"1x3x224x224"``, ``"1x128:int64"``;
    - ``Inputs(args=..., kwargs=...)``, which are passed exactly as they are.

    Where a tensor is given, everything else is passed as it is; where none is, integers in a tuple or list are a shape.
    Without inputs those of a ModelSpec are used, and where it has none the report holds parameters alone.

    ``components`` replace the model's own. ``keep_calls`` adds the grouped call table. ``training`` names an optimizer
    (True is adamw) and adds the figures of a training step; ``sparsity`` counts the weights that are 0;
    ``receptive_fields`` adds how far each module looks; ``conventions`` restate the run in other counters' rules (macs,
    flops, fvcore, thop, torch). ``device`` asks for a run on meta, cpu or cuda. ``call`` names another method than
    forward (generate, training_step). The model comes back as it was.
    Raises BuildError, ForwardError, InputError, ComponentError and UsageError.
    """
    what = subject(model)
    call_given = given(inputs, more, arguments, call)
    optimizer = _optimizer(training)
    names = (conventions,) if isinstance(conventions, str) else tuple(conventions)
    if isinstance(what, Report):
        if call_given is not None or optimizer or sparsity or receptive_fields or names:
            raise UsageError("a saved report cannot be measured further", help="give the model itself")
        return what
    try:
        seen = trace_any(what, call_given, name=name, device=device)
        report = report_of(seen, what, components=components, formulas=formulas, name=name, keep_calls=keep_calls)
        report = with_fields(report, seen) if receptive_fields else report
        if not isinstance(what, Trace):
            report = with_extras(
                report, what, call_given, formulas=formulas, training=optimizer, sparsity=sparsity, device=device
            )
    except InputError as error:
        raise _with_option_meant(error, arguments) from error.__cause__
    if names:
        from archscope.judge.conventions.restating import restated

        report = restated(report, seen, names)
    return report


def trace(  # noqa: PLR0913 - every option of a run
    model: nn.Module | ModelSpec | str,
    inputs: Any = None,
    *more: Any,
    name: str = "",
    device: str = "",
    training: bool = False,
    call: str = "",
    **arguments: Any,
) -> Trace:
    """Run ``model`` once, in eval mode and without gradients, and write down every operator that it runs.

    Model and inputs are given in any form that ``analyze`` takes. With ``training``, one training step: train mode,
    the sum of all floating outputs as the loss, and a backward pass. On meta tensors where the model can run there,
    else where its weights are; ``device`` asks for one. Raises what ``analyze`` raises.
    """
    what = subject(model)
    if isinstance(what, Report):
        raise UsageError("a saved report has no trace", help="give the model itself")
    return trace_any(what, given(inputs, more, arguments, call), name=name, training=training, device=device)


def _optimizer(training: str | bool) -> str:  # noqa: FBT001 - True is an answer too
    if isinstance(training, bool):
        return "adamw" if training else ""
    if training and training not in OPTIMIZERS:
        raise UsageError(f"there is no optimizer {training!r}", help=nearest(training, OPTIMIZERS))
    return training


_OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(analyze).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)


def _with_option_meant(error: InputError, arguments: dict[str, Any]) -> InputError:
    """``error``, with the option that an argument which forward does not take resembles."""
    for argument in arguments:
        meant = difflib.get_close_matches(argument, _OPTIONS, n=1, cutoff=0.75)
        if meant and repr(argument) in error.what:
            return InputError(error.what, where=error.where, help=f"did you mean {meant[0]}=? {error.help}")
    return error
