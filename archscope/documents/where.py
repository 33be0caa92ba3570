"""Which rows of a table are wanted, as a small language of conditions: ``macs > 1M and type = Conv2d``.

    where    = both { "or" both }
    both     = test { "and" test }
    test     = "not" test | "(" where ")" | field sign value
    sign     = "<" | "<=" | ">" | ">=" | "=" | "!=" | "~"
    value    = number | percentage | word | "text in quotes"

A number may end in K, M, G or T; a percentage is of the model's total. ``~`` matches a glob. A figure that was not
measured meets no condition, nor the opposite of one by another sign.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TypeAlias

from archscope.errors import UsageError, did_you_mean
from archscope.units import parse_count

Figure: TypeAlias = "int | str | None"
Test: TypeAlias = "Callable[[RowFields], bool]"

GRAMMAR = "such as 'macs > 1M', 'parameters >= 5% and type = Conv2d', 'path ~ layers.* or not (flops < 1K)'"
_TOKEN = re.compile(r"""\s*(?:(?P<sign><=|>=|!=|==|[<>=~()])|(?P<quoted>"[^"]*"|'[^']*')|(?P<word>[^\s<>=!~()"']+))""")
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "!=": operator.ne}
_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*%")
_MOST = 60  # parentheses and nots within each other


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFields:
    """The fields of one row, and of the whole that percentages are of."""

    values: Mapping[str, Figure]
    wholes: Mapping[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A condition: ``text`` as it was written, ``holds`` tells a row."""

    text: str
    test: Test

    def holds(self, values: Mapping[str, Figure], wholes: Mapping[str, Figure]) -> bool:
        """Whether a row with these ``values`` is wanted; percentages are of ``wholes``."""
        return self.test(RowFields(values=values, wholes=wholes))


def parse_where(text: str, figures: Iterable[str], names: Iterable[str]) -> Where:
    """The condition ``text`` on the fields ``figures`` and ``names``. Raises UsageError for anything else."""
    reader = _Reader(text, tuple(figures), tuple(names))
    test = reader.either(0)
    reader.end()
    return Where(text=text.strip(), test=test)


class _Reader:
    """Reads a condition from left to right."""

    def __init__(self, text: str, figures: tuple[str, ...], names: tuple[str, ...]) -> None:
        self._text, self._figures, self._names = text, figures, names
        self._tokens: list[tuple[str, str]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._error(f"{text[place:].strip()[:20]!r} is no part of a condition")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()
        self._tokens.reverse()

    def either(self, depth: int) -> Test:
        """``both { "or" both }``."""
        tests = [self._both(depth)]
        while self._take("or"):
            tests.append(self._both(depth))
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def end(self) -> None:
        """Raise UsageError where something is left."""
        if self._tokens:
            raise self._error(f"{self._tokens[-1][1]!r} was not expected there: join conditions by and, or")

    def _both(self, depth: int) -> Test:
        tests = [self._test(depth)]
        while self._take("and"):
            tests.append(self._test(depth))
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _test(self, depth: int) -> Test:
        if depth > _MOST:
            raise self._error("it is nested too deep")
        if self._take("not"):
            inner = self._test(depth + 1)
            return lambda row: not inner(row)
        if self._take("("):
            inner = self.either(depth + 1)
            if not self._take(")"):
                raise self._error("a parenthesis is not closed")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        kind, field = self._next("a field")
        field = field.strip("\"'") if kind == "quoted" else field
        if field not in (*self._figures, *self._names):
            known = (*self._figures, *self._names)
            hint = f"{did_you_mean(field, known, 1)}fields are {', '.join(known)}"
            raise UsageError(f"--where: there is no field {field!r}", help=hint)
        kind, sign = self._next("a sign (<, <=, >, >=, =, !=, ~)")
        sign = "=" if sign == "==" else sign
        if kind != "sign" or sign in "()":
            raise self._error(f"{sign!r} is no sign after {field}: <, <=, >, >=, =, !=, ~")
        kind, value = self._next("a value")
        if kind == "sign":
            raise self._error(f"{value!r} is no value for {field}")
        value = value[1:-1] if kind == "quoted" else value
        return self._of_name(field, sign, value) if field in self._names else self._of_figure(field, sign, value)

    def _of_name(self, field: str, sign: str, value: str) -> Test:
        if sign not in {"=", "!=", "~"}:
            raise self._error(f"{field} is a name: compare it by =, != or ~")
        if sign == "~":
            return lambda row: fnmatchcase(str(row.values.get(field) or ""), value)
        return lambda row: (str(row.values.get(field) or "") == value) == (sign == "=")

    def _of_figure(self, field: str, sign: str, value: str) -> Test:
        if sign == "~":
            raise self._error(f"{field} is a number: compare it by <, <=, >, >=, = or !=")
        compares, percent = _ORDER[sign], _PERCENT.fullmatch(value)
        if percent:
            share = Decimal(percent[1])
            return lambda row: _of_whole(row, field, compares, share)
        negative = value.startswith("-")
        try:
            limit = parse_count(value.removeprefix("-")) * (-1 if negative else 1)
        except UsageError as error:
            raise UsageError(f"--where: {error.what}", help=GRAMMAR) from error

        def within(row: RowFields) -> bool:
            found = row.values.get(field)
            return isinstance(found, int) and bool(compares(found, limit))

        return within

    def _take(self, token: str) -> bool:
        if self._tokens and self._tokens[-1][0] != "quoted" and self._tokens[-1][1].lower() == token:
            self._tokens.pop()
            return True
        return False

    def _next(self, what: str) -> tuple[str, str]:
        if not self._tokens:
            raise self._error(f"{what} is missing at its end")
        return self._tokens.pop()

    def _error(self, what: str) -> UsageError:
        return UsageError(f"--where {self._text.strip()!r}: {what}", help=GRAMMAR)


def _of_whole(row: RowFields, field: str, compares: Callable[[Decimal, Decimal], bool], share: Decimal) -> bool:
    found, whole = row.values.get(field), row.wholes.get(field)
    if not isinstance(found, int) or not isinstance(whole, int):
        return False
    return bool(compares(Decimal(100 * found), share * whole))
