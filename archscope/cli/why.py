"""``archscope why``: where one number comes from."""

from __future__ import annotations

import click

from archscope.cli.completion import ModelArgument
from archscope.cli.measure import measure, model_options
from archscope.cli.output import print_document
from archscope.documents.why import brief_document
from archscope.formulas import DEFAULT_FORMULAS
from archscope.judge.explanation import explain


@click.command("why")
@click.argument("model", cls=ModelArgument)
@click.argument("path")
@model_options
def command(*, model: str, path: str, inputs: tuple[str, ...], settings: tuple[str, ...]) -> None:
    """Explain the figures of one module: its shapes, its calls, each formula with the figures put in, its weights.

    PATH is a module's path as in the state_dict, or that of a parameter; "" is the model itself.
    """
    report = measure(model, inputs=inputs, settings=settings, keep_calls=True)
    print_document(brief_document(explain(report, path, DEFAULT_FORMULAS)))
