"""Functions and attributes of torch and Python that others stand in for as long as somebody watches."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

# A function to be watched: its owner, its name, and what makes the one that watches it.
Way: TypeAlias = tuple[Any, str, Callable[..., Any]]

_LOCK = threading.Lock()


class _Replaced(NamedTuple):
    """What stands in for another: ``made`` in the place of ``original`` (None: inherited) of ``owner``."""

    owner: Any
    name: str
    made: Any
    original: Any


_IN_PLACE: dict[str, tuple[list[_Replaced], int]] = {}  # by kind: what was replaced, and how many runs want it
_MADE: dict[tuple[str, int, str], tuple[Any, Any, Any]] = {}  # by kind, owner and name: the owner, what was there, made


@contextlib.contextmanager
def replaced(kind: str, ways: Callable[[], Iterator[Way]], *, again: bool = False) -> Iterator[None]:
    """Have the ``ways`` of this ``kind`` watched; the last who wants it puts all back as it was.

    With ``again`` what stands in for a function is kept for the next time: every run of this kind has the same ways.
    """
    with _LOCK:
        made, users = _IN_PLACE.get(kind) or ([_replace(*way, kind if again else "") for way in ways()], 0)
        _IN_PLACE[kind] = (made, users + 1)
    try:
        yield
    finally:
        with _LOCK:
            made, users = _IN_PLACE.pop(kind)
            if users > 1:
                _IN_PLACE[kind] = (made, users - 1)
            else:
                for one in reversed(made):
                    _put_back(one)


def _replace(owner: Any, name: str, watch: Callable[..., Any], kind: str) -> _Replaced:
    original = getattr(owner, name)
    known = _MADE.get((kind, id(owner), name))
    if known is not None and known[1] is original:
        made = known[2]
    else:
        made = functools.wraps(original)(watch(original)) if callable(original) else watch(original)
        if kind:
            _MADE[kind, id(owner), name] = (owner, original, made)
    done = _Replaced(owner, name, made, vars(owner).get(name))
    setattr(owner, name, made)
    return done


def _put_back(one: _Replaced) -> None:
    if vars(one.owner).get(one.name) is not one.made:
        return  # somebody else put something there meanwhile
    if one.original is None:
        delattr(one.owner, one.name)
    else:
        setattr(one.owner, one.name, one.original)
