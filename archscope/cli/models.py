"""``archscope models``: list the models of the config and of the zoo."""

from __future__ import annotations

from pathlib import Path

import click

from archscope.cli.output import print_document
from archscope.config import ModelConfig, find_config
from archscope.documents.document import Column, Document, Name, Row, Table


def _where(model: ModelConfig) -> str:
    """Where a model of the config comes from, and on what it runs."""
    inputs = f", input {' '.join(model.inputs)}" if model.inputs else ""
    return f"{model.source}{inputs} ({model.location})"


@click.command("models")
def command() -> None:
    """List the models that have a name here: those of archscope.toml, and those of the zoo with their short names."""
    from archscope.models import zoo_models

    config = find_config(Path.cwd())
    own = config.models.values() if config else ()
    columns = (Column(title="name"), Column(title="short"), Column(title="what it is", names=True))
    rows = [Row(cells=(Name(model.name), "", _where(model))) for model in own]
    rows += [Row(cells=(Name(model.name), ", ".join(model.aliases), model.description)) for model in zoo_models()]
    print_document(Document(title="", blocks=(Table(columns=columns, rows=tuple(rows)),)))
