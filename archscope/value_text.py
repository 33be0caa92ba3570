"""Values as text: Python and JSON literals, lists and dicts of them, words without quotes; nothing is evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

WORDS: dict[str, Any] = {"true": True, "false": False, "True": True, "False": False, "None": None, "null": None}
OPENING = {"[": "]", "(": ")", "{": "}"}
_MOST_DEPTH = 20


class Fields(dict[str, Any]):
    """A dict whose entries are attributes too, for code that reads ``batch["image"]`` or ``batch.image``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} among {', '.join(self)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def put(fields: dict[str, Any], names: list[str], value: Any) -> None:
    """Set ``value`` below ``fields`` at the path ``names``; raises ValueError where it is taken."""
    *above, last = names
    for name in above:
        fields = fields.setdefault(name, Fields())
        if not isinstance(fields, dict):
            raise ValueError(f"{name!r} has a value and fields")  # noqa: TRY004 - the words are wrong, not a type
    if last in fields:
        raise ValueError(f"{'.'.join(names)!r} is given twice")
    fields[last] = value


def scalar(text: str) -> Any:
    """A boolean, None, an integer, a number, or else the text itself; quotes make it text whatever it looks like."""
    if text in WORDS:
        return WORDS[text]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_literal(text: str, leaf: Callable[[str], Any] = scalar) -> Any:
    """``[8, 32]``, ``(1, 2)``, ``{"hidden": 32}`` or a single value; ``leaf`` reads what stands between commas.

    Keys and words need no quotes. Raises ValueError with what is wrong.
    """
    value, end = _value(text, 0, leaf, 0)
    if text[end:].strip():
        raise ValueError(f"{text[end:].strip()!r} follows after the end")
    return value


def _value(text: str, at: int, leaf: Callable[[str], Any], depth: int) -> tuple[Any, int]:
    at = _skipped(text, at)
    opening = text[at : at + 1]
    if depth > _MOST_DEPTH:
        raise ValueError(f"it is nested more than {_MOST_DEPTH} levels deep")
    if opening in {"'", '"'}:
        return _quoted(text, at)
    if opening not in OPENING:
        end = at
        while end < len(text) and (depth == 0 or text[end] not in ",]})"):
            end += 1
        return leaf(text[at:end].strip()), end
    items: list[Any] = []
    pairs: dict[Any, Any] = Fields()
    at = _skipped(text, at + 1)
    while text[at : at + 1] != OPENING[opening]:
        if opening == "{":
            key, at = _key(text, at)
            pairs[key], at = _value(text, at, leaf, depth + 1)
        else:
            item, at = _value(text, at, leaf, depth + 1)
            items.append(item)
        at = _skipped(text, at)
        if text[at : at + 1] == ",":
            at = _skipped(text, at + 1)
        elif text[at : at + 1] != OPENING[opening]:
            raise ValueError(f"a {OPENING[opening]!r} or a comma is missing after {text[:at]!r}")
    made = pairs if opening == "{" else items if opening == "[" else tuple(items)
    return made, at + 1


def _key(text: str, at: int) -> tuple[Any, int]:
    if text[at] in "'\"":
        key, at = _quoted(text, at)
        at = _skipped(text, at)
    else:
        end = text.find(":", at)
        if end < 0:
            raise ValueError(f"{text[at:]!r} has no colon after its key")
        key, at = scalar(text[at:end].strip()), end
    if text[at : at + 1] != ":":
        raise ValueError(f"a colon is missing after the key {key!r}")
    return key, at + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    end = at + 1
    while end < len(text) and text[end] != text[at]:
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise ValueError(f"the quote before {text[at + 1 :]!r} is not closed")
    try:
        return str(ast.literal_eval(text[at : end + 1])), end + 1
    except (SyntaxError, ValueError):
        raise ValueError(f"{text[at : end + 1]} is no text") from None


def _skipped(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
