"""Where results go: files that are written whole or not at all, and a stdout that nothing else writes to."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from archscope.documents.document import Document, Telling
from archscope.errors import UsageError
from archscope.render import writers
from archscope.render.text import Style, render_text

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
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

    def decorate(command: F) -> F:
        for key, form in reversed([*writers(telling).items()]):
            command = click.option(
                f"--{key}",
                key,
                metavar="FILE",
                expose_value=False,
                callback=keep,
                help=f"Write {form.title} to FILE (- is stdout).",
            )(command)
        return command

    return decorate


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


def write_stdout(content: bytes) -> None:
    """``content`` as it is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def print_text(text: str) -> None:
    """``text`` to stdout, whatever its encoding can hold."""
    write_stdout(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def text_style() -> Style:
    """How text on stdout may look: colour, width and characters, each decided for itself."""
    terminal = sys.stdout.isatty()
    return Style(
        colour=_colour(terminal=terminal),
        width=shutil.get_terminal_size().columns if terminal else None,
        blocks=(sys.stdout.encoding or "").lower().startswith("utf"),
    )


def _colour(*, terminal: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    return terminal and os.environ.get("TERM") != "dumb"


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write all of ``files`` or, with a UsageError, none: each to a temporary name first, then all are renamed.

    Folders are made. What is no regular file (``/dev/null``, a pipe) is written to directly.
    """
    made: list[Path] = []
    staged: dict[Path, Path] = {}
    try:
        for target in files:
            _make_folder(target.parent, made)
        for target, content in files.items():
            _stage(target, content, staged)
        for target in [*staged]:
            staged[target].replace(_real(target))
            del staged[target]
    except OSError as error:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise UsageError(
            f"cannot write {error.filename or 'the output'}: {error.strerror}",
            help="nothing was written; name another file or folder",
        ) from error


def _make_folder(folder: Path, made: list[Path]) -> None:
    if not folder.exists():
        _make_folder(folder.parent, made)
        folder.mkdir()
        made.append(folder)


def _stage(target: Path, content: bytes, staged: dict[Path, Path]) -> None:
    real = _real(target)
    if real.is_dir():
        raise IsADirectoryError(21, "it is a folder", str(target))
    if real.exists() and not real.is_file():
        real.write_bytes(content)
        return
    temporary = real.with_name(f".{real.name[:200]}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            staged[target] = temporary
            file.write(content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    if real.exists():
        shutil.copymode(real, temporary)


def _real(target: Path) -> Path:
    """The file behind a link, so that the link stays one."""
    return Path(os.path.realpath(target))


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """While a model is imported, built and run, whatever it prints goes to stderr: stdout is for the result."""
    sys.stdout.flush()
    with contextlib.redirect_stdout(sys.stderr), _descriptor_to_stderr():
        yield


@contextlib.contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    """The same for what does not go through ``sys.stdout``: C code and child processes."""
    try:
        kept = os.dup(1)
    except OSError:  # stdout is closed
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 1)
        os.close(kept)
