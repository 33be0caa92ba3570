"""The command line: commands that parse, call and print."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="archscope-torch", prog_name="archscope")
def main() -> None:
    """Tell exactly what a PyTorch network costs, where, and by which rule."""
