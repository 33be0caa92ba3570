"""Documents as text, Markdown, LaTeX, HTML, CSV and JSON, and pictures: one file a format, and nothing here measures.

A module of ``archscope.render.formats`` holds ``FORMATS``; what lies there is offered by every command
whose result has the part that it takes. Every format is pure: the same result gives the same bytes.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archscope.documents.document import Telling


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A way to write results down: ``key`` names its flag, ``part`` what of a telling ``render`` takes."""

    key: str
    title: str
    part: str
    render: Callable[[Any], str | bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """One result in one format."""

    title: str
    write: Callable[[Any], str | bytes]

    def render(self, result: Any) -> bytes:
        """``result`` in this format; text comes as UTF-8."""
        made = self.write(result)
        # A lone surrogate in a name is no UTF-8. Only JSON can hold one by now, where \udxxx is its right spelling.
        return made if isinstance(made, bytes) else made.encode("utf-8", "backslashreplace")


@functools.cache
def known_formats() -> Mapping[str, Format]:
    """Every format that lies in ``archscope.render.formats``, by its key."""
    package = importlib.import_module("archscope.render.formats")
    names = [found.name for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    return {form.key: form for name in names for form in importlib.import_module(name).FORMATS}


def writers(telling: Telling[Any]) -> Mapping[str, Writer]:
    """What a command offers for a result that is told so: its flags are the keys."""
    made = {}
    for key, form in known_formats().items():
        part = getattr(telling, form.part) or (telling.brief if form.part == "full" else None)
        if part is not None:
            title = telling.titles.get(key, form.title)
            made[key] = Writer(title=title, write=functools.partial(_write, form, part))
    for key, (title, function) in telling.protocols.items():
        made[key] = Writer(title=title, write=functools.partial(_call, function))
    return made


def _write(form: Format, part: Callable[[Any], Any], result: Any) -> str | bytes:
    return form.render(part(result))


def _call(function: str, result: Any) -> str | bytes:
    module, _, name = function.partition(":")
    made: str | bytes = getattr(importlib.import_module(module), name)(result)
    return made
