"""Where each key of a TOML document stands: tomllib gives no line numbers, and an error without a line helps nobody.

The scan only reads text that tomllib has accepted, so that it can leave all checking to tomllib: it walks headers, keys
and values, and skips strings and comments. Keys are decoded by tomllib itself.
"""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?=[A-Za-z0-9_"'-]))?""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of each key, table and array entry of a valid TOML document; ``("budgets", 0, "max")``."""
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.entries: dict[KeyPath, int] = {}  # how many [[headers]] each array of tables has had
        self.counted_to = 0
        self.line = 1

    def run(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK)
        return self.lines

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        found = match[0] if match else ""
        self.at += len(found)
        return found

    def note(self, path: KeyPath) -> None:
        self.line += self.text.count("\n", self.counted_to, self.at)
        self.counted_to = self.at
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], self.line)

    def header(self) -> KeyPath:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        path: KeyPath = ()
        names = self.names()
        for name in names[:-1]:
            path = self.current((*path, name))
        path = (*path, names[-1])
        if is_array:
            self.entries[path] = self.entries.get(path, -1) + 1
        path = self.current(path)
        self.note(path)
        self.at = self.text.index("]", self.at) + (2 if is_array else 1)
        return path

    def current(self, path: KeyPath) -> KeyPath:
        return (*path, self.entries[path]) if path in self.entries else path

    def names(self) -> list[str]:
        names = []
        while True:
            self.skip(_SPACE)
            token = self.skip(_KEY).rstrip(" \t")
            names.append(_decode(token.removesuffix(".")))
            if not token.endswith("."):
                return names

    def pair(self, table: KeyPath) -> None:
        path = (*table, *self.names())
        self.note(path)
        self.at = self.text.index("=", self.at) + 1
        self.value(path)

    def value(self, path: KeyPath) -> None:
        self.skip(_SPACE)
        opening = self.text[self.at]
        if opening in "[{":
            self.inside(path, is_array=opening == "[")
        elif opening in "\"'":
            self.skip(_STRING)
        else:
            self.skip(_SCALAR)

    def inside(self, path: KeyPath, *, is_array: bool) -> None:
        self.at += 1
        index = 0
        self.skip(_BLANK)
        while self.text[self.at] not in "]}":
            if is_array:
                self.note((*path, index))
                self.value((*path, index))
                index += 1
            else:
                self.pair(path)
            self.skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self.skip(_BLANK)
        self.at += 1


def _decode(token: str) -> str:
    if token[0] in "\"'":
        return next(iter(tomllib.loads(f"{token} = 0")))
    return token
