"""Reading TOML files with errors that name the file, the line and the nearest valid word."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from archscope.config.positions import MOST_DOTS, MOST_PARTS, KeyPath, key_lines, too_deep
from archscope.errors import ConfigError, UsageError
from archscope.json_text import MOST_DIGITS
from archscope.policy import Limit, Location
from archscope.units import parse_count

T = TypeVar("T")
_LONG_NUMBER = re.compile(r"[=\[,]\s*[-+]?[0-9][0-9A-Za-z_.]{999}")
_LONGEST = 200  # characters of a file that a message repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a TOML document. ``title`` is how messages call it: ``[models.v2]``, ``[[budgets]]``.

    ``path`` are the keys that lead to it, ``file`` and ``lines`` the name and the key lines of the document.
    """

    values: Mapping[str, Any]
    title: str
    path: KeyPath
    file: str
    lines: Mapping[KeyPath, int]

    def location(self, key: str | None = None, index: int | None = None) -> Location:
        """Where the table stands, or one of its keys, or an entry of that key's array."""
        path = (*self.path, *(part for part in (key, index) if part is not None))
        while path and path not in self.lines:  # a default stands where its table does
            path = path[:-1]
        return Location(file=self.file, line=self.lines.get(path, 1))

    def error(self, what: str, key: str | None = None, *, index: int | None = None, help: str = "") -> ConfigError:  # noqa: A002 - as in errors
        """A ConfigError at the line of ``key``, or of the table."""
        return ConfigError(what, where=str(self.location(key, index)), help=help)

    def only(self, *known: str) -> None:
        """Raise ConfigError when the table has a key that is not ``known``."""
        for key in self.values:
            if key not in known:
                raise self.error(f"unknown key {key!r} in {self.title}", key, help=nearest(key, known))

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; raises ConfigError when it is missing without a default."""
        if key not in self.values and default is not None:
            return default
        value = self._required(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{key} in {self.title} must be a text, not {shown(value)}", key)
        return value

    def choice(self, key: str, valid: Iterable[str], default: str | None = None) -> str:
        """One of the ``valid`` words; raises ConfigError naming the nearest."""
        word = self.text(key, default)
        words = tuple(valid)
        if word not in words and word != default:
            raise self.error(f"unknown {key} {word!r} in {self.title}", key, help=nearest(word, words))
        return word

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts; a single text is a list of one."""
        if key not in self.values and default is not None:
            return default
        value = self._required(key)
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list) or not all(isinstance(entry, str) and entry.strip() for entry in entries):
            raise self.error(f"{key} in {self.title} must be a list of texts, not {shown(value)}", key)
        return tuple(entries)

    def count(self, key: str) -> int:
        """An integer, or a text such as ``"0.25M"``."""
        value = self._required(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return self._parsed(key, value, parse_count)

    def limit(self, key: str) -> Limit:
        """An integer, or a text such as ``"<0.25M"`` or ``"60%"``."""
        return self._parsed(key, self._required(key), Limit.parse)

    def table(self, key: str, title: str) -> Table:
        """The table below ``key``, empty when there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.error(f"{key} must be a table, not {shown(value)}", key, help=f"write {title}")
        return replace(self, values=value, title=title, path=(*self.path, key))

    def option_values(self) -> dict[str, Any]:
        """The table's entries as options of a model, lists and tables too; raises ConfigError for a date.

        TOML has no word for None: the text ``"None"`` is it.
        """
        for key, value in self.values.items():
            if not _is_option(value):
                raise self.error(
                    f"option {key} must be a text, a number, a boolean, a list or a table, not {shown(value)}", key
                )
        return {key: None if value == "None" else value for key, value in self.values.items()}

    def named(self, key: str) -> list[tuple[str, Table]]:
        """The tables below ``key``, each with its name: ``[models.v2]`` and its neighbours."""
        parent = self.table(key, f"[{key}]")
        return [(name, parent.table(name, f"[{key}.{name}]")) for name in parent.values]

    def tables(self, key: str, title: str) -> tuple[Table, ...]:
        """The array of tables ``[[key]]``, empty when there is none."""
        entries = self.values.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.error(f"{key} must be a list of tables", key, help=f"write {title}")
        return tuple(
            replace(self, values=entry, title=title, path=(*self.path, key, index))
            for index, entry in enumerate(entries)
        )

    def _required(self, key: str) -> Any:
        if key not in self.values:
            raise self.error(f"{self.title} has no {key}", help=f"add a line: {key} = ...")
        return self.values[key]

    def _parsed(self, key: str, value: Any, parse: Callable[[Any], T]) -> T:
        if isinstance(value, (float, bool)) or not isinstance(value, (str, int)):
            written = shown(value)
            raise self.error(
                f"{key} must be a text or an integer, not {written}", key, help=f'write {key} = "{written}"'
            )
        try:
            return parse(value)
        except UsageError as error:
            raise self.error(f"{key}: {error.what}", key, help=error.help) from error


def _is_option(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_option, value))
    if isinstance(value, dict):
        return all(map(_is_option, value.values()))
    return isinstance(value, (bool, int, float, str))


def shown(value: Any) -> str:
    """``value`` as a message repeats it."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def read_document(path: Path, *, file: str | None = None) -> Table:
    """The TOML file at ``path``, called ``file`` in messages; raises ConfigError when it cannot be read."""
    name = file or path.name
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read {name}: {reason}", where=name) from error
    return parse_document(text, file=name)


def parse_document(text: str, *, file: str) -> Table:
    """The TOML document ``text``; raises ConfigError with the line when it is not TOML."""
    text = text.replace("\r\n", "\n")
    deep = too_deep(text)
    if deep:
        hint = f"at most {MOST_PARTS} in a key, and {MOST_DOTS:,} dots in all keys"
        raise ConfigError("a key has too many parts, or all together have", where=f"{file}:{deep}", help=hint)
    long = _LONG_NUMBER.search(text)
    if long:  # Python's reader would take 130 bytes for each digit before it refuses them
        where = f"{file}:{text.count(chr(10), 0, long.end()) + 1}"
        raise ConfigError("a number is too long", where=where, help=f"integers have at most {MOST_DIGITS} digits")
    try:
        values = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at line ")
        where = f"{file}:{place.partition(',')[0]}" if place else file
        raise ConfigError(f"not TOML: {what}", where=where, help="see https://toml.io for the syntax") from error
    except RecursionError:
        raise ConfigError("it is nested too deep", where=file, help="no table of archscope is") from None
    except ValueError as error:  # Python's own limit on the digits of an integer
        raise ConfigError(f"not TOML: {error}", where=file, help="integers have at most 30 digits") from error
    top = Table(values=values, title=file, path=(), file=file, lines=lines)
    _require_sizes(top)
    return top


def _require_sizes(top: Table) -> None:
    """Raise ConfigError at an integer that no figure can be."""
    waiting: list[tuple[KeyPath, Any]] = [((), top.values)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(path, item) for item in value]
        elif isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
            where = str(Table(values={}, title="", path=path, file=top.file, lines=top.lines).location())
            raise ConfigError("an integer is too large", where=where, help=f"it has at most {MOST_DIGITS} digits")


def nearest(word: str, valid: Iterable[str]) -> str:
    """``did you mean 'x'? known: x, y``: the valid word that is nearest to ``word``, if any is, and all of them."""
    words = tuple(valid)
    near = difflib.get_close_matches(word, words, n=1)
    known = f"known: {', '.join(words)}" if words else ""
    return f"did you mean {near[0]!r}? {known}" if near else known
