"""JSON that someone else wrote: whatever is wrong with it is a ValueError, and no integer in it is absurd."""

from __future__ import annotations

import json
from typing import Any

#: Digits of the largest integer that a file may hold: no network costs more, and products of such sizes stay printable.
MOST_DIGITS = 30


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
