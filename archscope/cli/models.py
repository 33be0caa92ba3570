"""``archscope models``: list the models of the zoo."""

from __future__ import annotations

import click

from archscope.cli.output import print_document
from archscope.documents.document import Column, Document, Name, Row, Table


@click.command("models")
def command() -> None:
    """List the models of the zoo: names, short names and what they are."""
    from archscope.models import zoo_models

    columns = (Column(title="name"), Column(title="short"), Column(title="what it is", names=True))
    rows = tuple(Row(cells=(Name(model.name), ", ".join(model.aliases), model.description)) for model in zoo_models())
    print_document(Document(title="", blocks=(Table(columns=columns, rows=rows),)))
