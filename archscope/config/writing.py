"""Writing TOML keys and values, each in one form only, so that the same data gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_key(text: str) -> str:
    """A bare key where that is possible, else a quoted one."""
    return text if text and all(c.isascii() and (c.isalnum() or c in "_-") for c in text) else toml_text(text)


def toml_text(text: str) -> str:
    """A basic string: JSON's escapes are TOML's too, but DEL must be escaped and half a surrogate pair cannot be."""
    whole = text.encode("utf-8", "backslashreplace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_value(value: Any) -> str:
    """A boolean, number, text, list or table, in one line."""
    if value is None:
        return '"None"'  # TOML has no word for it
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    return "[" + ", ".join(toml_value(item) for item in value) + "]"
