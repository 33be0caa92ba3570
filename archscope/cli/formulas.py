"""``archscope formulas``: which operator counts how."""

from __future__ import annotations

from pathlib import Path

import click

from archscope.cli.output import STDOUT, print_text, text_style, write_files, write_stdout
from archscope.errors import UsageError


@click.command("formulas")
@click.argument("patterns", nargs=-1, metavar="[OPERATOR]...")
@click.option("--md", "markdown", metavar="FILE", help="Write the whole table as Markdown to FILE (- is stdout).")
def command(*, patterns: tuple[str, ...], markdown: str | None) -> None:
    """List the operators that are counted or free, with the rule of each.

    OPERATOR is a part of a name or a glob (softmax, 'aten::*norm*'): its rules are given with full derivations.
    """
    from archscope.formulas import DEFAULT_FORMULAS
    from archscope.render.formulas import formulas_markdown, formulas_text

    if markdown is not None:
        content = formulas_markdown(DEFAULT_FORMULAS).encode()
        return write_stdout(content) if markdown == STDOUT else write_files({Path(markdown): content})
    text = formulas_text(DEFAULT_FORMULAS, patterns, text_style())
    if not text:
        raise UsageError(f"no operator is named {' or '.join(patterns)}", help="archscope formulas lists them all")
    return print_text(text)
