"""Reading JSON that someone else wrote (any fault is a ValueError), and writing JSON that every reader takes."""

from __future__ import annotations

import json
import math
from typing import Any

#: Digits of the largest integer that a file may hold: no network costs more, and products of such sizes stay printable.
MOST_DIGITS = 30
_NO_NUMBER = "float"  # the key under which nan, inf and -inf stand


def write_json(plain: Any) -> str:
    """Dicts, lists and scalars as JSON text, one line at the end.

    JSON has no number for nan, inf and -inf: they are ``{"float": "nan"}`` and so on, as TOML and Python write them.
    """
    try:
        return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError:
        return json.dumps(_spelled(plain), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _spelled(plain: Any) -> Any:
    if isinstance(plain, float) and not math.isfinite(plain):
        return {_NO_NUMBER: str(plain)}
    if isinstance(plain, dict):
        return {key: _spelled(value) for key, value in plain.items()}
    return [_spelled(item) for item in plain] if isinstance(plain, (list, tuple)) else plain


def as_float(plain: Any) -> Any:
    """The float that ``plain`` is where ``write_json`` had no number for it; anything else as it is."""
    if isinstance(plain, dict) and plain.keys() == {_NO_NUMBER} and plain[_NO_NUMBER] in ("nan", "inf", "-inf"):
        return float(plain[_NO_NUMBER])
    return plain


def parse_json(text: str | bytes, *, unique: bool = False) -> Any:
    """What ``text`` says; ``unique`` refuses an object that has a key twice.

    Raises ValueError: json.JSONDecodeError for what is no JSON, others for text that is not UTF-8, nested deeper than
    Python's stack, or holds an integer of more than MOST_DIGITS digits.
    """
    try:
        return json.loads(text, parse_int=_integer, object_pairs_hook=_object if unique else None)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"it holds an integer of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("an object in it has a key twice")
    return made
