"""Parsing ``--set key=value``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from archscope.errors import OptionError
from archscope.value_text import OPENING, parse_literal, scalar

_WORDS = {"true": True, "false": False}
_KEY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
GRAMMAR = (
    "true, None, 32, 1e-3, silu, 'text', [8,32], (3,3), {hidden: 32} or {\"hidden\": 32}; KEY.FIELD=VALUE sets a field "
    "of a config object"
)


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """``("width=32", "act=None", "widths=[8,32]", "config.depth=2")`` as options; raises OptionError.

    A value is true, false or None, an integer, a number, a list, tuple or dict of them (Python's or JSON's), or else
    text; quotes make it text whatever it looks like. A key with dots names a field.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not _KEY.fullmatch(name):
            raise OptionError(f"{text!r} is not a setting", help=f"write --set key=value; a value is {GRAMMAR}")
        if name in options:
            raise OptionError(f"option {name!r} is set twice", help="set it once")
        try:
            options[name] = parse_value(value.strip())
        except ValueError as error:
            raise OptionError(f"{text!r} is not a setting: {error}", help=f"a value is {GRAMMAR}") from error
    return options


def parse_value(text: str) -> Any:
    """The value that ``text`` writes; raises ValueError for a list or dict that does not end."""
    if text[:1] in OPENING:
        return parse_literal(text, parse_value)
    return _WORDS.get(text.lower(), scalar(text)) if text.lower() in _WORDS else scalar(text)
