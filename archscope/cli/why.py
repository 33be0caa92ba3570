"""``archscope why``: explain the figures of one module by its calls, formulas and weights."""

from __future__ import annotations

from typing import Unpack

import click

from archscope.cli.measure import measure
from archscope.cli.options import ModelOptions, model_argument, model_options
from archscope.cli.output import print_document
from archscope.documents.why import brief_document
from archscope.formulas import DEFAULT_FORMULAS
from archscope.judge.explanation import explain


@click.command("why")
@model_argument
@click.argument("path")
@model_options
def command(*, model: str, path: str, **asked: Unpack[ModelOptions]) -> None:
    """Explain the figures of one module: its shapes, its calls, each formula with the figures put in, its weights.

    PATH is a module's path as in the state_dict, or that of a parameter; "" is the model itself.
    """
    report = measure(model, keep_calls=True, **asked)
    print_document(brief_document(explain(report, path, DEFAULT_FORMULAS)))
