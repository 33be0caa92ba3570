"""The inputs that a call of the library was given, in whatever form, as what the measurement understands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archscope.measure.running.held_tensors import held_tensors
from archscope.sources.call_text import parse_call
from archscope.spec import Given, Inputs

_TENSOR = re.compile(r"(?:[^\W\d]\w*=)?\s*(?:\d+(?:\s*[xX\u00d7*]\s*\d+)+(?::\s*\w[\w.]*)?|\d+:\s*[A-Za-z][\w.]*)")


def given(value: Any, more: Sequence[Any], named: Mapping[str, Any], method: str = "") -> Given | Inputs | None:
    """``value``, further positional arguments and arguments by name as one thing; None where nothing was given.

    Where no tensor is given anywhere, texts in the grammar of ``--input`` are tensors, as shapes are.
    """
    if value is None and not more and not named and not method:
        return None
    if more:
        value = (value, *more)
    if isinstance(value, Inputs) or next(held_tensors((value, dict(named))), None) is not None:
        return Given(value=value, named=dict(named), method=method)
    return Given(value=_read(value), named={name: _spec(part) for name, part in named.items()}, method=method)


def _read(value: Any) -> Any:
    if isinstance(value, str):
        return parse_call([value])
    if type(value) in {tuple, list}:
        if value and all(isinstance(part, str) and _TENSOR.fullmatch(part.strip()) for part in value):
            return parse_call(value)
        return type(value)(map(_spec, value))
    return _spec(value)


def _spec(value: Any) -> Any:
    """The tensor that a text writes, without a name, also inside lists and dicts; anything else as it is."""
    if isinstance(value, str) and "=" not in value and _TENSOR.fullmatch(value.strip()):
        (spec,) = parse_call([value])  # type: ignore[misc]  # a text without a name is one spec
        return spec
    if type(value) in {tuple, list}:
        return type(value)(map(_spec, value))
    return {name: _spec(part) for name, part in value.items()} if type(value) is dict else value
