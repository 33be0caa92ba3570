"""``archscope init``: measure a model and write a first archscope.toml that holds it to its present cost."""

from __future__ import annotations

from pathlib import Path

import click

from archscope.cli.measure import measure
from archscope.cli.options import function_and_method, model_argument, model_options
from archscope.cli.output import print_text
from archscope.config import find_config, load_config
from archscope.config.loader import CONFIG_NAME
from archscope.config.starter import short_name, starter_config
from archscope.errors import UsageError
from archscope.files import write_files
from archscope.sources import parse_settings


@click.command("init")
@model_argument
@model_options
def command(*, model: str, inputs: tuple[str, ...], settings: tuple[str, ...]) -> None:
    """Measure MODEL, then write an archscope.toml that holds it to what it costs now.

    Nothing is overwritten: a config that holds here already is an error.
    """
    present = find_config(Path.cwd())
    path = Path(CONFIG_NAME)
    if present or path.exists():
        raise UsageError(
            "there is a config already", where=present.path.name if present else CONFIG_NAME, help="add to it by hand"
        )
    report = measure(model, inputs=inputs, settings=settings)
    batch, method = function_and_method()
    text = starter_config(
        model, report, inputs=[batch] if batch else inputs, call=method, options=parse_settings(settings)
    )
    write_files({path: text.encode()})
    load_config(path)
    name = short_name(model)
    print_text(
        f"wrote {CONFIG_NAME}\n"
        f"next: `archscope check` holds {name} to it, `archscope lock` writes down what its modules cost;\n"
        "      both exit with 1 when a pull request grows the model too far\n"
    )
