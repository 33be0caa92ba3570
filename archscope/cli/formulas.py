"""``archscope formulas``: list which operators are counted or free, and by which rule."""

from __future__ import annotations

from pathlib import Path

import click

from archscope.cli.output import STDOUT, print_document, write_stdout
from archscope.errors import UsageError
from archscope.files import write_files


@click.command("formulas")
@click.argument("patterns", nargs=-1, metavar="[OPERATOR]...")
@click.option("--md", "markdown", metavar="FILE", help="Write the whole table as Markdown to FILE (- is stdout).")
def command(*, patterns: tuple[str, ...], markdown: str | None) -> None:
    """List the operators that are counted or free, with the rule of each.

    OPERATOR is a part of a name or a glob (softmax, 'aten::*norm*'): its rules are given with full derivations.
    """
    from archscope.documents.formulas import brief_document, counting_page
    from archscope.formulas import DEFAULT_FORMULAS

    if markdown is not None:
        content = counting_page(DEFAULT_FORMULAS).encode()
        return write_stdout(content) if markdown == STDOUT else write_files({Path(markdown): content})
    document = brief_document(DEFAULT_FORMULAS, patterns)
    if document is None:
        raise UsageError(f"no operator is named {' or '.join(patterns)}", help="archscope formulas lists them all")
    return print_document(document)
