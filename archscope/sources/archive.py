"""Checking that a .pt2 file can be opened without running code that it brings along.

``torch.export.load`` unpickles whatever a file asks it to, loads compiled libraries, imports modules by name and
evaluates symbolic expressions as Python. So a file is opened only if it asks for none of these, within bounds.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from archscope.errors import ImportModelError
from archscope.json_text import parse_json
from archscope.sources.expressions import cost_of
from archscope.sources.pickles import harm_in
from archscope.sources.zip_members import declared_members, is_zip

_HELP = "export the model again with torch.export.save(), without custom objects and tensor subclasses"
# What torch.export.save writes, behind the folder that bears the archive's name; up to torch 2.7 without it.
_MEMBER = re.compile(
    r"(?:models/[^/]+|data/(?:weights|constants)/[^/]+_config)\.json|data/(?:weights|constants|sample_inputs)/[^/]+\.pt"
    r"|data/(?:weights/weight|constants/tensor)_\d+|(?:extra|extra_files|\.data)/.*|serialized_\w+\.(?:json|pt)"
    r"|archive_format|archive_version|version|byteorder|\.format_version|\.storage_alignment",
    re.DOTALL,
)
_SYMBOL = re.compile(r"[a-zA-Z]+\d{0,6}")  # torch counts up to the number of an unbacked one
_IMPORTING = frozenset({"__enum__", "default_factory_module"})  # what makes torch import the module that is named
_NESTED = 4  # levels of JSON written as text inside JSON
_COSTS = 10_000, 200  # of all expressions that differ, in half milliseconds: these and one more for so many bytes
_CHARACTERS = 100_000, 5  # of all expressions: the same


def check_archive(file: Path) -> None:
    """Raise ImportModelError when opening ``file`` would run code of its own or never end, or is no such archive."""
    with file.open("rb") as stream:
        if not is_zip(stream):
            raise ImportModelError(f"{file} is no torch.export archive", help="torch.export.save() writes one")
        members = declared_members(stream, lambda why: ImportModelError(f"{file} cannot be opened: {why}", help=_HELP))
        expressions: Counter[str] = Counter()
        room = 0
        with zipfile.ZipFile(stream) as archive:
            for member in members:
                name = member.filename
                kept = name if _MEMBER.fullmatch(name) else name.partition("/")[2]
                if not _MEMBER.fullmatch(kept):
                    raise ImportModelError(
                        f"{file} cannot be opened by torch.export: {name[:100]!r} is no part of a program, and"
                        " archscope runs no code that a file brings along",
                        help=_HELP,
                    )
                if kept.endswith(".json"):
                    room += member.file_size
                    expressions.update(_checked_json(file, _content(file, archive, member)))
                elif kept.endswith(".pt"):
                    _check_tensors(file, _content(file, archive, member))
    _check_costs(file, expressions, room)


def _content(file: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ImportModelError(f"{file} is damaged: {error}", help="save it again") from error


def _checked_json(file: Path, content: bytes) -> Iterator[str]:
    """The expressions in ``content``; raises ImportModelError for what would run code."""
    try:
        found = parse_json(content)
    except ValueError as error:
        raise ImportModelError(f"{file} is damaged", help="export it again with torch.export.save()") from error
    for key, value in _entries(found):
        if key == "use_pickle" and value:
            raise _unsafe(file, "a pickled tensor")
        if key in _IMPORTING:
            raise _unsafe(file, "the name of a module to import")
        if key == "range_constraints" and isinstance(value, dict):
            for name in value:
                if _SYMBOL.fullmatch(name) is None:
                    raise _unsafe(file, f"the symbol {name[:40]!r}")
        if key == "expr_str":
            yield value if isinstance(value, str) else repr(value)


def _check_costs(file: Path, expressions: Counter[str], room: int) -> None:
    costs = 0
    for expression in expressions:
        cost = cost_of(expression)
        if cost is None:
            raise _unsafe(file, f"the expression {expression[:40]!r}")
        costs += cost
        if costs > _COSTS[0] + room // _COSTS[1]:
            raise ImportModelError(
                f"{file} has sizes that would take too long to work out, such as {expression[:40]!r}", help=_HELP
            )
    characters = sum(len(expression) * times for expression, times in expressions.items())
    if characters > _CHARACTERS[0] + room // _CHARACTERS[1]:
        raise ImportModelError(f"{file} has sizes of {characters:,} characters", help=_HELP)


def _entries(found: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth, also in texts that are JSON themselves (torch nests them)."""
    waiting = [(found, 0)]
    while waiting:
        value, level = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting.extend((item, level) for item in value.values())
        elif isinstance(value, list):
            waiting.extend((item, level) for item in value)
        elif isinstance(value, str) and value[:1] in {"[", "{", '"'}:
            try:
                inner = json.loads(value)
            except (ValueError, RecursionError):
                continue
            if level >= _NESTED:
                yield "__enum__", value  # nothing is nested so deep but to hide something
            else:
                waiting.append((inner, level + 1))


def _check_tensors(file: Path, content: bytes) -> None:
    import torch

    if not content:
        return
    check_pickles(file, io.BytesIO(content))
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise _unsafe(file, "pickled objects besides tensors") from error


def check_pickles(file: Path, stream: BinaryIO) -> None:
    """Raise ImportModelError when what torch.save wrote into ``stream`` would grow or nest without end when read."""
    if not is_zip(stream):
        stream.seek(0)
        _refuse_harm(file, harm_in(stream, several=True))
        return
    members = declared_members(stream, lambda why: ImportModelError(f"{file} cannot be opened: {why}", help=_SAVE))
    with zipfile.ZipFile(stream) as archive:
        for member in members:
            if member.filename.lower().endswith(".pkl"):
                _refuse_harm(file, harm_in(io.BytesIO(_content(file, archive, member))))


_SAVE = "save the weights alone: torch.save(model.state_dict(), FILE)"


def _refuse_harm(file: Path, reason: str) -> None:
    if reason:
        raise ImportModelError(f"{file} holds more than tensors, or is damaged: {reason}", help=_SAVE)


def _unsafe(file: Path, what: str) -> ImportModelError:
    return ImportModelError(f"{file} holds {what}; archscope runs no code that a file brings along", help=_HELP)
