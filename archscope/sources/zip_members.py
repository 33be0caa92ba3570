"""What a zip file of torch declares of its members, looked at before anything in it is read or unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import BinaryIO

from archscope.errors import ImportModelError

_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE = b"PK\x06\x07", 20


def is_zip(stream: BinaryIO) -> bool:
    """Whether ``stream`` ends as a zip file does, a damaged one too."""
    try:
        return zipfile.is_zipfile(stream)
    except zipfile.BadZipFile:  # of several disks: Python raises that instead of an answer
        return True


def declared_members(
    stream: BinaryIO, refused: Callable[[str], ImportModelError], *, packed: tuple[str, ...] = ()
) -> list[zipfile.ZipInfo]:
    """The members of the zip file in ``stream``; raises ``refused(why)`` when they are not what torch writes.

    Torch stores members as they are: then together they are no larger than the file, and none can grow when it is
    read, but for those whose names end in one of ``packed``. Its reader and Python's must see the same members: no name
    twice in any case, and one directory.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members, start, comment = archive.infolist(), archive.start_dir, archive.comment
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, UnicodeDecodeError, OverflowError) as error:
        raise refused(f"it is damaged: {error}") from error
    size = stream.seek(0, 2)
    for member in members:
        name = member.filename[:100]
        kept = member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
        if not kept and not (packed and member.filename.endswith(packed)):
            raise refused(f"its member {name!r} is compressed, and would take {member.file_size:,} bytes")
        if member.flag_bits & 1:
            raise refused(f"its member {name!r} is encrypted")
    whole = sum(member.compress_size for member in members)
    if whole > size:
        raise refused(f"its members would take {whole:,} bytes, and the file has {size:,}")
    if len({member.filename.casefold() for member in members}) < len(members):
        raise refused("two of its members have the same name")
    if comment or _directory(stream, size) != start:
        raise refused("its directory does not stand where it says")
    return members


def _directory(stream: BinaryIO, size: int) -> int:
    """Where the end record says that the directory starts; -1 when it says nothing that can be used."""
    stream.seek(max(size - _END_SIZE - _LOCATOR_SIZE, 0))
    tail = stream.read()
    end, locator = tail[-_END_SIZE:], tail[:-_END_SIZE]
    if not end.startswith(_END):
        return -1
    if not locator.startswith(_LOCATOR):
        return int.from_bytes(end[16:20], "little")
    stream.seek(min(int.from_bytes(locator[8:16], "little"), size))
    return int.from_bytes(stream.read(56)[48:56] or b"\xff" * 8, "little")
