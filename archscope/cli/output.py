"""The output of commands: options that name its formats and files, what goes to stdout, and how text there may look."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from archscope.cli.lent_streams import lent_streams
from archscope.cli.options import WIDE, F, options
from archscope.cli.streams import say
from archscope.documents.document import Document, Telling
from archscope.files import write_files
from archscope.render import writers
from archscope.render.names import safe_line
from archscope.render.text import Style, render_text

R = TypeVar("R")
STDOUT = "-"


def format_options(telling: Telling[Any]) -> Callable[[F], F]:
    """A flag for each format of a result: ``--json FILE``. The command gets what was asked for as ``wanted``.

    ``wanted`` maps the format's key to the file, ``-`` is stdout.
    """

    def keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        wanted = context.params.setdefault("wanted", {})
        if value is not None:
            wanted[parameter.name] = value
        if [*wanted.values()].count(STDOUT) > 1:
            raise click.UsageError("stdout can carry one format only: give the others a file name", context)

    return options(
        *(
            click.option(
                f"--{key}",
                key,
                metavar="FILE",
                expose_value=False,
                callback=keep,
                help=f"Write {form.title} to FILE (- is stdout).",
            )
            for key, form in writers(telling).items()
        )
    )


def tell(
    result: R,
    telling: Telling[R],
    wanted: Mapping[str, str],
    *,
    brief: Document | None = None,
    special: Mapping[str, Any] | None = None,
) -> None:
    """``result`` on the terminal, as ``brief`` says it, unless stdout is asked for; then in every format wanted."""
    if STDOUT not in wanted.values():
        print_document(brief or telling.brief(result))
    write_wanted(result, wanted, telling, special)


def print_document(document: Document) -> None:
    """``document`` as text, in the style of this terminal."""
    print_text(render_text(document, text_style()))


def write_wanted(
    subject: Any, wanted: Mapping[str, str], telling: Telling[Any], special: Mapping[str, Any] | None = None
) -> None:
    """``subject`` in every format that ``wanted`` names, to its file or to stdout.

    ``special`` holds, by format, what is written in place of the subject.
    """
    formats = writers(telling)
    subjects = special or {}
    made = {target: formats[key].render(subjects.get(key, subject)) for key, target in wanted.items()}
    write_files({Path(target): content for target, content in made.items() if target != STDOUT})
    if STDOUT in made:
        write_stdout(made[STDOUT])
    files = [target for target in made if target != STDOUT and Path(target).is_file()]
    if files:
        say(f"wrote {', '.join(map(safe_line, files))}")


def write_stdout(content: bytes) -> None:
    """Write ``content`` to stdout, byte by byte."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def print_text(text: str) -> None:
    """Write ``text`` to stdout; what its encoding lacks is spelled out with backslashes."""
    write_stdout(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def text_style() -> Style:
    """How text on stdout may look: colour, width and characters, each decided for itself."""
    terminal = sys.stdout.isatty()
    context = click.get_current_context(silent=True)
    wide = context is not None and bool(context.meta.get(WIDE))
    return Style(
        colour=_colour(terminal=terminal),
        width=shutil.get_terminal_size().columns if terminal and not wide else None,
        blocks=(sys.stdout.encoding or "").lower().startswith("utf"),
    )


def _colour(*, terminal: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    return terminal and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """While a model is imported, built and run, whatever it prints goes to stderr: stdout is for the result."""
    process = os.getpid()
    try:
        with lent_streams():
            yield
    finally:
        if os.getpid() != process:  # the model went on as two: this is the copy, and the result is not its to tell
            os._exit(0)
