"""``scale`` as ``import archscope`` offers it: any form of model and inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archscope.api.given import given
from archscope.api.subjects import Model, subject
from archscope.errors import UsageError
from archscope.formulas import DEFAULT_FORMULAS, FormulaTable
from archscope.judge.scaling import scale as scaling_judge
from archscope.records import Trace
from archscope.report import Report
from archscope.results.scaling import Scaling
from archscope.spec import Component


def scale(  # noqa: PLR0913 - what a law is of
    model: Model,
    inputs: Any = None,
    *,
    over: Mapping[str, Iterable[int]],
    dims: Mapping[str, Sequence[str]] | None = None,
    components: Sequence[Component] | None = None,
    formulas: FormulaTable = DEFAULT_FORMULAS,
    training: str = "",
) -> Scaling:
    """What ``model`` costs over ranges of sizes: ``over={"size": range(320, 1281, 32), "batch": range(1, 9)}``.

    ``model`` and ``inputs`` are given in any form that ``analyze`` takes, except a Trace or a Report. A name of
    ``over`` is ``batch``, ``height``, ``width``, ``size`` (height and width alike), ``sequence``, a place in the inputs
    (``x[0]``, ``input_ids[1]``) or an option of the model; ``dims`` say which places others are. The model is run at a
    few sizes; every figure of every operator in every module gets the polynomial that meets all of them, verified at
    sizes that it was not made from, or none. ``training`` names an optimizer and adds the figures of a training step.
    Raises UsageError for a name that means nothing, and what ``analyze`` raises.
    """
    what = subject(model)
    if isinstance(what, (Report, Trace)):
        raise UsageError("what is measured already cannot be run at other sizes", help="give the model itself")
    return scaling_judge.scale(
        what,
        given(inputs, (), {}),
        over=over,
        dims=dims,
        components=components,
        formulas=formulas,
        training=training,
    )
