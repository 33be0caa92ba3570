"""What a function of the user's makes for a model to take: ``--inputs file.py:make_batch``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archscope.errors import ImportModelError, InputError, place_of, raised
from archscope.process_state import process_state_kept
from archscope.sources.attribute import named

_FUNCTION = re.compile(r"(?:[^=\[\]{}]*\.py|[^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*)")
_DTYPES = re.compile(r"(?:u?int|float|bfloat|complex)\d+(?:_\w+)?|bool")


def names_function(texts: Sequence[str]) -> bool:
    """Whether ``texts`` are no arguments, but the name of the function that makes them: file.py:NAME, module:NAME."""
    found = _FUNCTION.fullmatch(texts[0].strip()) if len(texts) == 1 else None
    return found is not None and not _DTYPES.fullmatch(found[1])


def made_batch(text: str, base: Path = Path()) -> Any:
    """The value that ``text`` (file.py:attr or module:attr) names, or what it returns where it can be called.

    Raises InputError when it raises, ImportModelError when it is not there.
    """
    left, colon, attribute = text.rpartition(":")
    if not colon or not left or not attribute:
        raise InputError(f"{text!r} names no function", help="write --inputs file.py:make_batch or package.module:attr")
    found, own = named(text, left, attribute, base)
    if found is None:
        raise ImportModelError(f"{text} is None", where=text, help="name a function that returns a batch")
    with process_state_kept(), own.active():
        try:
            made = found() if callable(found) else found
        except Exception as error:
            raise InputError(
                f"{attribute}() raised {raised(error)}",
                where=place_of(error) or text,
                help="it is called without arguments, and returns what forward takes",
            ) from error
    if made is None:
        raise InputError(f"{attribute}() returned None", where=text, help="return what forward takes")
    return made
