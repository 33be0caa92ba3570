"""Globs over module paths, matched in time linear in the path, whatever the pattern."""

from __future__ import annotations

import re
from collections import defaultdict

from archscope.records import Path

_SIGNS = re.compile(r"\*\*|\*|.", re.DOTALL)


class PathPattern:
    """``*`` stands for any characters within one name, ``**`` for any at all, ``?`` for one within a name.

    ``x.**`` matches ``x`` itself too, and ``**`` alone every module and the model itself. A regular expression would
    try the ways to share a path out among the stars one after the other; this automaton follows all of them at once
    (Thompson 1968). The states that it is in are the bits of one integer, and what follows from them is kept.
    """

    def __init__(self, pattern: str) -> None:
        head = pattern.removesuffix(".**") if pattern != "**" else pattern
        self._any = 0  # bits of "**": it takes every character and stays
        self._within = 0  # bits of "*": it takes every character but a dot
        self._one = 0  # bits of "?"
        self._literal: dict[str, int] = defaultdict(int)
        end = 0
        for sign in _SIGNS.findall(head):
            before = 1 << (end - 1) if end else 0
            if sign == "**" or (sign == "*" and self._any & before):
                if (self._any | self._within) & before:  # stars side by side are one, the wider of them
                    self._any, self._within = self._any | before, self._within & ~before
                    continue
                self._any |= 1 << end
            elif sign == "*":
                if self._within & before:
                    continue
                self._within |= 1 << end
            elif sign == "?":
                self._one |= 1 << end
            else:
                self._literal[sign] |= 1 << end
            end += 1
        self._stars = self._any | self._within
        self._end = 1 << end
        self._below = head != pattern
        self._known: dict[tuple[int, str], int] = {}

    def matches(self, path: Path) -> bool:
        """Whether the whole of ``path`` is meant."""
        states, known = self._closed(1), self._known
        for char in path:
            if self._below and char == "." and states & self._end:
                return True
            following = known.get((states, char))
            if following is None:
                following = known[states, char] = self._after(states, char)
            if not following:
                return False
            states = following
        return bool(states & self._end)

    def _after(self, states: int, char: str) -> int:
        within = 0 if char == "." else self._within
        one = 0 if char == "." else self._one
        moved = states & (one | self._literal.get(char, 0))
        return self._closed(states & (self._any | within) | moved << 1)

    def _closed(self, states: int) -> int:
        """``states`` with those behind a star, which may stand for nothing."""
        return states | (states & self._stars) << 1
