"""Making stdin, stdout and stderr safe to use when the shell has closed them or the disk behind them is full."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

import click

_CANNOT_WRITE = {errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG, errno.EDQUOT}


def open_all() -> None:
    """Give closed descriptors back their numbers, or the next file that is opened would become stdout."""
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):  # 0 and 1 fail when they are used
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def say(text: str, *, colour: bool | None = None, newline: bool = True) -> None:
    """``text`` on stderr, where there is one: what cannot be told changes no result and no exit code."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(text, err=True, nl=newline, color=colour)


def cannot_be_written(error: OSError) -> bool:
    """Whether ``error`` is of a stream, not of a file with a name."""
    return error.filename is None and error.errno in _CANNOT_WRITE


def silence(descriptor: int) -> None:
    """Let what is still to be written to ``descriptor`` go nowhere."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def flush_all() -> bool:
    """Write what the streams hold; False, once and for all, where stdout cannot be written."""
    written = True
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            silence(descriptor)
            written = written and descriptor != 1
    return written
