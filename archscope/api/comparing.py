"""``compare`` as ``import archscope`` offers it: two models, before and after, or several side by side."""

from __future__ import annotations

from typing import Any, overload

from archscope.api.analyzing import analyze
from archscope.api.subjects import Model
from archscope.judge import comparison as judge
from archscope.report import Report
from archscope.results.comparison import Comparison
from archscope.results.side_by_side import SideBySide


@overload
def compare(base: Model, head: Model, *, inputs: Any = ..., different_inputs: bool = ...) -> Comparison: ...
@overload
def compare(
    base: Model, head: Model, third: Model, /, *others: Model, inputs: Any = ..., different_inputs: bool = ...
) -> SideBySide: ...
def compare(
    base: Model, head: Model, *others: Model, inputs: Any = None, different_inputs: bool = False
) -> Comparison | SideBySide:
    """Two models held against each other, or three and more side by side, a column each.

    Each is a Report, or a model in any form that ``analyze`` takes; models that are no reports yet run on ``inputs``.
    Two give a Comparison, ``head`` minus ``base``: components by name, modules by path. More give a SideBySide.
    Raises NotComparableError when they ran on other input shapes or dtypes than ``base``, in another mode, or were
    counted by other rules (``different_inputs`` admits the first), and what ``analyze`` raises.
    """
    reports = [one if isinstance(one, Report) else analyze(one, inputs) for one in (base, head, *others)]
    compared = [judge.compare(reports[0], one, different_inputs=different_inputs) for one in reports[1:]]
    return SideBySide(reports=tuple(reports)) if others else compared[0]
