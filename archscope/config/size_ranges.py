"""Parsing ranges of sizes (``--over``, ``sizes`` of a budget) and what ``--dim`` says of where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable

from archscope.errors import UsageError

_RANGE = re.compile(r"(?P<start>\d{1,12}):(?P<stop>\d{1,12})(?::(?P<step>\d{1,12}))?")
_HELP = "write size=320:1280:32 (the end is included) or batch=1,2,4,8"
_MOST = 1_000_000  # sizes of one dimension


def parse_over(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """``size=320:1280:32`` and ``batch=1,2,4``: the sizes of each name, ascending.

    Raises UsageError for what cannot be read and for a name that stands twice.
    """
    over: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, values = (part.strip() for part in text.rpartition("="))
        if not equals or not name:
            raise UsageError(f"cannot read --over {text!r}", help=_HELP)
        if name in over:
            raise UsageError(f"{name} stands twice in --over", help="give all its sizes at once")
        over[name] = parse_sizes(values)
    return over


def parse_budget_sizes(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """The ``sizes`` of a budget: ``320:1280:32`` is of height and width, others have a name: ``batch=1:8``."""
    return parse_over(text if "=" in text else f"size={text}" for text in texts)


def parse_sizes(text: str) -> tuple[int, ...]:
    """``320:1280:32``, the end included, or ``1,2,4``; raises UsageError for another text and for sizes below 1."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        words = [word.strip() for word in text.split(",")]
        if not all(re.fullmatch(r"\d{1,12}", word) for word in words):
            raise UsageError(f"{text!r} are no sizes", help=_HELP)
        sizes: Iterable[int] = map(int, words)
    else:
        start, stop, step = int(match["start"]), int(match["stop"]), int(match["step"] or 1)
        if not step or stop < start or (stop - start) // step >= _MOST:
            raise UsageError(f"{text!r} has no sizes, or too many", help="start:stop:step goes up, by a step above 0")
        if (stop - start) % step:
            reached = stop - (stop - start) % step
            raise UsageError(f"{text!r} does not reach its end", help=f"end at {reached} or {reached + step}")
        sizes = range(start, stop + 1, step)
    found = tuple(sorted(dict.fromkeys(sizes)))
    if found[0] < 1:
        raise UsageError(f"{text!r}: a size of 0 holds nothing to measure", help="sizes start at 1")
    return found


def parse_dims(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """``sequence=input_ids[1],attention_mask[1]``: the places of each name. Raises UsageError."""
    dims: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, places = (part.strip() for part in text.partition("="))
        found = tuple(place.strip() for place in places.split(","))
        if not equals or not name or not all(found):
            raise UsageError(f"cannot read --dim {text!r}", help="write sequence=input_ids[1],attention_mask[1]")
        dims[name] = found
    return dims
