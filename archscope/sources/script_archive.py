"""Checking a TorchScript archive before it is opened: what it may hold, and which operators its code may name.

Opening one runs no Python: torch's own reader makes objects of its pickles and compiles its code for its own
interpreter. That code is a program all the same, so operators that reach beyond tensors are refused, and sizes bounded.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path

from archscope.errors import ImportModelError
from archscope.sources.pickles import harm_in
from archscope.sources.zip_members import declared_members

_HELP = "save the program again with torch.jit.save(), or export it with torch.export.save()"
_CODE = (".py", ".debug_pkl")  # the members that torch compresses
_LARGEST = 64 << 20  # bytes of all code together
# Operators that write or read files, or talk to other processes.
_BEYOND = frozenset({"save", "from_file", "load_tensor", "rpc_sync", "rpc_async", "rpc_remote", "c10d", "symm_mem"})
_DAMAGE = (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error)
_TOKEN = re.compile(rb"#[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\w+", re.DOTALL)
_BY_NAME = re.compile(rb"getattr\s*\([^()]*$")


def is_script(file: Path) -> bool:
    """Whether ``file`` is a TorchScript archive: the only one of torch's with constants of code."""
    try:
        with zipfile.ZipFile(file) as archive:
            return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, OverflowError):
        return False  # damaged: told by who reads it


def check_script(file: Path) -> None:
    """Raise ImportModelError where opening or running ``file`` would reach beyond tensors, grow or nest without end."""

    def refused(why: str) -> ImportModelError:
        return ImportModelError(f"{file} cannot be opened: {why}", help=_HELP)

    with file.open("rb") as stream:
        members = declared_members(stream, refused, packed=_CODE)
        code = [member for member in members if member.filename.endswith(_CODE)]
        if sum(member.file_size for member in code) > _LARGEST:
            raise refused(f"its code would take more than {_LARGEST:,} bytes")
        with zipfile.ZipFile(stream) as archive:
            for member in members:
                if not member.filename.endswith((".py", ".pkl")):
                    continue
                try:
                    content = archive.read(member)
                except _DAMAGE as error:
                    raise refused(f"it is damaged: {error}") from error
                found = _named_beyond(content) if member.filename.endswith(".py") else ""
                if found:
                    raise refused(f"its code names {found!r}, which reaches beyond tensors")
                reason = harm_in(io.BytesIO(content)) if member.filename.endswith(".pkl") else ""
                if reason:
                    raise refused(reason)


def _named_beyond(code: bytes) -> str:
    """The first operator that ``code`` names, by a word or a text, and that reaches beyond tensors."""
    for token in _TOKEN.finditer(code):
        text = token.group()
        if text.startswith(b"#"):
            continue
        if text[:1] in b"\"'" and b"\\" in text and _BY_NAME.search(code[max(token.start() - 200, 0) : token.start()]):
            return text.decode(errors="replace")  # a name that is hidden
        word = text.strip(b"\"'").decode(errors="replace")
        if word in _BEYOND:
            return word
    return ""
