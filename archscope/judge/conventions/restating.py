"""A report with the figures that other counters' rules give for the same run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from archscope.config import nearest
from archscope.errors import UsageError
from archscope.judge.conventions import CONVENTIONS, apply
from archscope.records import Trace
from archscope.report import ConventionFigure, Report


def restated(report: Report, seen: Trace, names: Sequence[str]) -> Report:
    """``report`` with the figures of the rules called ``names``; raises UsageError for a model that was not run."""
    if not names:
        return report
    rules = {convention.name: convention for convention in CONVENTIONS}
    for name in names:
        if name not in rules:
            raise UsageError(f"there is no convention {name!r}", help=nearest(name, rules))
    if seen.calls is None:
        raise UsageError("a model that was not run cannot be restated", help="add --input 1x3x224x224")
    if seen.device == "graph":
        raise UsageError(
            "the rules of other counters are about operators of torch, and this is another format's graph",
            help="restate the PyTorch model",
        )
    totals = [apply(rules[name], seen) for name in dict.fromkeys(names)]
    figures = tuple(
        ConventionFigure(name=t.name, description=t.description, counted=t.counted, parameters=t.parameters)
        for t in totals
    )
    return dataclasses.replace(report, conventions=figures)
