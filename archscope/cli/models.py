"""``archscope models``: what is known by name."""

from __future__ import annotations

import click

from archscope.cli.output import print_text, text_style
from archscope.render.style import Column, lay_out


@click.command("models")
def command() -> None:
    """List the models of the zoo: names, short names and what they are."""
    from archscope.models import zoo_models

    columns = (Column(title="name"), Column(title="short"), Column(title="what it is", names=True))
    rows = [(model.name, ", ".join(model.aliases), model.description) for model in zoo_models()]
    print_text("\n".join(lay_out(columns, rows, text_style())) + "\n")
