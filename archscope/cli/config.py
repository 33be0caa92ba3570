"""``archscope config``: show the settings that hold in the current folder, and where each was written."""

from __future__ import annotations

import json
from pathlib import Path

import click

from archscope.cli.output import print_document, print_text
from archscope.cli.streams import say
from archscope.config import find_config
from archscope.documents.config import brief_document


@click.command("config")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of archscope.toml instead.")
def command(*, schema: bool) -> None:
    """Show the settings that hold in the current folder, each with the file and line that it comes from."""
    if schema:
        from archscope.config.schema import config_schema

        print_text(json.dumps(config_schema(), indent=2) + "\n")
        return
    config = find_config(Path.cwd())
    if config is None:
        say("no archscope.toml, and no [tool.archscope] in pyproject.toml: all defaults")
    print_document(brief_document(config))
