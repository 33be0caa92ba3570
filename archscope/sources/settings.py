"""Parsing ``--set key=value``."""

from __future__ import annotations

from collections.abc import Iterable

from archscope.errors import OptionError
from archscope.spec import OptionValue

_WORDS: dict[str, bool] = {"true": True, "false": False}


def parse_settings(texts: Iterable[str]) -> dict[str, OptionValue]:
    """``("width=32", "mask=false", "lr=1e-3", "kind=silu")`` as typed options; raises OptionError.

    A value is true or false, an integer, a number, or else text; quotes make it text whatever it looks like.
    """
    options: dict[str, OptionValue] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise OptionError(f"{text!r} is not a setting", help="write --set key=value, for example --set width=32")
        if name in options:
            raise OptionError(f"option {name!r} is set twice", help="set it once")
        options[name] = parse_value(value.strip())
    return options


def parse_value(text: str) -> OptionValue:
    """The value that ``text`` writes."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
