"""What can be measured besides: a training step, weights that are 0, other counters' rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from archscope.errors import UsageError
from archscope.measure.summing.optimizers import OPTIMIZERS
from archscope.records import Trace
from archscope.report import ConventionFigure, Report

#: The rules that --convention knows (archscope.judge.conventions has them, and needs to be imported only then).
CONVENTION_NAMES = ("macs", "flops", "fvcore", "thop", "torch")

F = TypeVar("F", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What to measure besides: a training step with an ``optimizer``, weights that are 0, other counters' figures.

    A saved report has what it has: with ``if_possible`` that is no error.
    """

    optimizer: str = ""
    sparsity: bool = False
    conventions: tuple[str, ...] = ()
    if_possible: bool = False


def training_options(command: F) -> F:
    """``--training`` and ``--optimizer``; ``optimizer_of`` says what they ask for."""
    command = click.option(
        "--optimizer",
        type=click.Choice([*OPTIMIZERS]),
        help="Whose state the memory of a training step holds; implies --training.  [default: adamw]",
    )(command)
    return click.option("--training", is_flag=True, help="Measure a training step too: forward, backward and memory.")(
        command
    )


def optimizer_of(*, training: bool, optimizer: str | None) -> str:
    """The optimizer of the training step that is asked for; empty without one."""
    return optimizer or ("adamw" if training else "")


def rule_options(command: F) -> F:
    """``--sparsity`` and ``--convention``."""
    command = click.option(
        "--convention",
        "conventions",
        multiple=True,
        type=click.Choice(CONVENTION_NAMES),
        help="Restate the run in another counter's rule; may repeat.",
    )(command)
    return click.option("--sparsity", is_flag=True, help="Count the weights that are 0 (builds the model for real).")(
        command
    )


def restated(report: Report, seen: Trace, names: Sequence[str]) -> Report:
    """``report`` with the figures of the rules called ``names``; raises UsageError for a model that was not run."""
    if not names:
        return report
    from archscope.judge.conventions import CONVENTIONS, apply

    if seen.calls is None:
        raise UsageError("a model that was not run cannot be restated", help="add --input 1x3x224x224")
    rules = {convention.name: convention for convention in CONVENTIONS}
    totals = [apply(rules[name], seen) for name in names]
    figures = tuple(
        ConventionFigure(name=t.name, description=t.description, counted=t.counted, parameters=t.parameters)
        for t in totals
    )
    return dataclasses.replace(report, conventions=figures)
