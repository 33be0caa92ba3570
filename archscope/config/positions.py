"""The line number of each key of a TOML document, for error messages; tomllib does not give them.

The scan only reads text that tomllib has accepted, so that it can leave all checking to tomllib: it walks headers, keys
and values, and skips strings and comments. Keys are decoded by tomllib itself.
"""

from __future__ import annotations

import bisect
import functools
import re
import tomllib
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
_NOTED = 6  # levels whose lines are kept: what lies deeper stands where its ancestor there does

# Runs of characters are taken at once, and for good: the engine keeps a note for each turn of a group.
_BLANK = re.compile(r"(?:[ \t\r\n,]++|#[^\n]*+)*+")  # the comma between two entries too
_KEY = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+')"""
_KEYS = re.compile(rf"[ \t]*({_KEY}(?:[ \t]*\.[ \t]*{_KEY})*)[ \t]*=?[ \t]*")
_HEADER = re.compile(r"\[\[?")
_HEADER_END = re.compile(r"\]\]?")
_STRING = r'''"""(?:[^"\\]++|\\.|"(?!""))*+"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*\''''
_SCALAR = re.compile(rf"{_STRING}|[^,\]}}#\n]*", re.DOTALL)
#: Parts of a dotted key: tomllib takes time that grows with their square.
MOST_PARTS = 64
#: Dots outside of texts: tomllib takes a kilobyte for each part of a key.
MOST_DOTS = 50_000
# Strings and comments are stepped over, those without an end too, so that every character is looked at once.
_OTHER = (
    r'''"""(?:[^"\\]++|\\.|"(?!""))*+"*+|\'{3}(?:[^']++|'(?!''))*+'*+|"(?:[^"\\\n]++|\\.)*+"?|'[^'\n]*+'?'''
    r"|#[^\n]*+|[A-Za-z0-9_-]++"
)
_DEEP = re.compile(rf"(?P<deep>(?:{_KEY}[ \t]*+\.[ \t]*+){{{MOST_PARTS}}})|{_OTHER}|(?P<dot>\.)", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of each key, table and array entry of a valid TOML document; ``("budgets", 0, "max")``."""
    return _Scan(text).run()


def too_deep(text: str) -> int:
    """The line (from 1) of the first key with more than MOST_PARTS parts, or of dot MOST_DOTS; 0 without one."""
    dots = 0
    for match in _DEEP.finditer(text):
        dots += match.lastgroup == "dot"
        if match.lastgroup == "deep" or dots > MOST_DOTS:
            return text.count("\n", 0, match.start()) + 1
    return 0


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.breaks = [match.start() for match in re.finditer("\n", text)]
        self.lines: dict[KeyPath, int] = {}
        self.entries: dict[KeyPath, int] = {}  # the index of the last [[header]] of each array of tables

    def run(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self.take(_BLANK)
        while self.at < len(self.text):
            if opening := self.take(_HEADER):
                table = self.header(is_array=opening == "[[")
            else:
                self.pair(table)
            self.take(_BLANK)
        return self.lines

    def take(self, pattern: re.Pattern[str]) -> str:
        """Step over what ``pattern`` matches here; its group, or all of it."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[match.lastindex or 0]

    def note(self, path: KeyPath) -> None:
        line = bisect.bisect_left(self.breaks, self.at) + 1
        for end in range(1, min(len(path), _NOTED) + 1):
            self.lines.setdefault(path[:end], line)

    def header(self, *, is_array: bool) -> KeyPath:
        *above, last = _names(self.take(_KEYS))
        path: KeyPath = ()
        for name in above:
            path = self.current((*path, name))
        path = (*path, last)
        if is_array:
            self.entries[path] = self.entries.get(path, -1) + 1
        path = self.current(path)
        self.note(path)
        self.take(_HEADER_END)
        return path

    def current(self, path: KeyPath) -> KeyPath:
        return (*path, self.entries[path]) if path in self.entries else path

    def pair(self, table: KeyPath) -> None:
        path = (*table, *_names(self.take(_KEYS)))
        self.note(path)
        self.value(path)

    def value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening not in "[{":
            self.take(_SCALAR)
            return
        self.at += 1
        self.take(_BLANK)
        index = 0
        while self.text[self.at] not in "]}":
            if opening == "[":
                self.note((*path, index))
                self.value((*path, index))
                index += 1
            else:
                self.pair(path)
            self.take(_BLANK)
        self.at += 1


@functools.lru_cache(maxsize=1024)
def _names(dotted: str) -> tuple[str, ...]:
    if _BARE.fullmatch(dotted):
        return tuple(dotted.split("."))
    names: list[str] = []
    rest: Any = tomllib.loads(f"{dotted} = 0")
    while isinstance(rest, dict):
        ((name, rest),) = rest.items()
        names.append(name)
    return tuple(names)
