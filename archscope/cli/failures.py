"""Errors of the command line: how each is told on stderr, and the exit code that it ends with.

0 fine · 1 a gate is violated · 2 usage, config or comparability, and any fault of archscope itself · 3 a model could
not be imported, built or run · 130 interrupted · 141 the reader closed the pipe.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from archscope.cli.streams import cannot_be_written, say, silence
from archscope.errors import ArchscopeError, ModelError, raised
from archscope.render.names import plain

_LONGEST = 4_000  # characters of a message

OK, GATE, USAGE, INTERRUPTED, CLOSED = 0, 1, 2, 130, 141

#: Understood by every command. The words of the call are searched for it, because parsing them can fail too.
DEBUG = click.Option(["--debug"], is_flag=True, expose_value=False, help="Show whole tracebacks.")


class GateError(Exception):
    """A gate is violated. What is wrong has been printed already."""


def exit_code_of(command: Callable[[], None], *, debug: bool = False) -> int:
    """Run ``command``, tell on stderr why it failed if it did, and return the exit code."""
    try:
        command()
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the last place where an error can be told
        return tell_failure(error, debug=debug)
    except KeyboardInterrupt:
        return _interrupted()
    except BaseException as error:  # noqa: BLE001 - of a model's code, which must not end the command as it likes
        told = ModelError(
            f"the model's code raised {raised(error)}", help="no Exception, it would end the process: raise one that is"
        )
        told.__cause__ = error
        return tell_failure(told, debug=debug)
    return OK


def tell_failure(error: Exception, *, debug: bool = False) -> int:
    """Print why a command failed to stderr, with the whole traceback if ``debug``, and return the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case GateError():
            return GATE
        case click.Abort():
            return _interrupted()
        case BrokenPipeError():
            return _closed()
    apart = getattr(error, "traceback_text", None)  # of a model that was measured in a process of its own
    if apart is not None:
        say("".join(map(plain_lines, apart[debug].splitlines(keepends=True))), newline=False)
    elif debug:
        say("".join(map(plain_lines, traceback.format_exception(error))), newline=False)
    elif isinstance(error, ModelError) and error.__cause__:
        say("".join(map(plain_lines, user_frames(error.__cause__, error.what))), newline=False)
    return _told(error)


def _told(error: Exception) -> int:
    """Print the message of ``error``."""
    if isinstance(error, ArchscopeError):
        _tell(error.what, where=error.where, help=error.help)
        return error.exit_code
    if isinstance(error, click.ClickException):
        return _tell(error.format_message(), help=_usage_help(error))
    if isinstance(error, OSError) and cannot_be_written(error):
        silence(1)
        return _tell(f"stdout cannot be written: {error.strerror}", help="nothing of the result is known to be whole")
    if isinstance(error, FileNotFoundError) and not _is_somewhere():
        return _tell("the current folder does not exist any more", help="go to another one: cd ..")
    if isinstance(error, OSError) and error.filename is not None:
        return _tell(f"cannot use {os.fsdecode(error.filename)!r}: {error.strerror}", help="name another file")
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return _tell(
        f"archscope itself failed: {raised(error)}",
        where=f"{Path(frame.filename).name}:{frame.lineno}",
        help="this is a fault of archscope; please report it with what --debug prints",
    )


def _tell(what: str, *, where: str = "", help: str = "") -> int:  # noqa: A002 - the word users see
    red = click.style("error:", fg="red", bold=True)
    lines = [f"{red} {plain_lines(_shortened(what.strip()))}"]
    if where:
        lines.append(f"  at {plain_lines(_shortened(where))}")
    if help:
        lines.append(f"help: {plain_lines(_shortened(help))}")
    say("\n".join(lines), colour=None if _coloured() else False)
    return USAGE


def _shortened(text: str) -> str:
    """Names in files can be as long as the file."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"


def _is_somewhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _coloured() -> bool:
    with contextlib.suppress(ValueError):  # it is closed
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return False


def plain_lines(text: str) -> str:
    """``text`` with its line ends and tabs, and nothing else that a terminal would obey."""
    return "\n".join(plain(line.replace("\t", "    ")) for line in text.split("\n"))


def _usage_help(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context else "archscope --help"


def _interrupted() -> int:
    say("interrupted")
    return INTERRUPTED


def _closed() -> int:
    """The reader closed the pipe: give Python another stdout, or it would complain when it flushes this one at exit."""
    silence(1)
    return CLOSED


def user_frames(error: BaseException, told: str = "") -> Iterator[str]:
    """The traceback of ``error`` without the frames of archscope, torch and importlib; nothing if none is left.

    What the error says itself is left out where ``told``, which is printed below, says it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    homes = [home for name in _FOREIGN if name in sys.modules for home in getattr(sys.modules[name], "__path__", ())]
    own = [frame for frame in frames if not _foreign(frame.filename, homes)]
    if own:
        yield "Traceback of the model's code (most recent call last; --debug shows all):\n"
        yield from traceback.format_list(own)
        if f"raised {type(error).__name__}: " not in told:
            yield from traceback.format_exception_only(error)


_FOREIGN = ("archscope", "archscope.models", "torch", "importlib")


def _foreign(filename: str, homes: list[str]) -> bool:
    return filename.startswith("<frozen") or any(Path(filename).is_relative_to(home) for home in homes)
