"""Writing a set of files so that all of them are written whole or none is."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from archscope.errors import UsageError


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
    except BaseException as error:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        if not isinstance(error, OSError):  # Ctrl-C
            raise
        raise UsageError(
            f"cannot write {error.filename or 'the output'}: {error.strerror}",
            help="nothing was written; name another file or folder",
        ) from error


def _make_folder(folder: Path, made: list[Path]) -> None:
    if not folder.exists():
        _make_folder(folder.parent, made)
        try:
            folder.mkdir()
        except FileExistsError:
            if not folder.is_dir():  # else another process was quicker
                raise
        else:
            made.append(folder)


def _stage(target: Path, content: bytes, staged: dict[Path, Path]) -> None:
    real = _real(target)
    if real.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(target))
    if real.exists() and not os.access(real, os.W_OK):  # the folder alone would let it be replaced
        raise PermissionError(errno.EACCES, "it may not be written to", str(target))
    temporary = real.with_name(f".{real.name[:200]}.{secrets.token_hex(4)}")
    try:
        if real.exists() and not real.is_file():
            real.write_bytes(content)
            return
        staged[target] = temporary
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    if real.exists():
        shutil.copymode(real, temporary)


def _real(target: Path) -> Path:
    """The file behind a link, so that the link stays one; a loop of links has none, and raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        target.stat()
    return Path(os.path.realpath(target))
