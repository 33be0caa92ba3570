"""Numbers as people write and read them: exact in, rounded only on the way out."""

from __future__ import annotations

import re
from decimal import Context, Decimal

from archscope.errors import UsageError

_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LONGEST = 100  # characters of a number that a person wrote
_MOST_DIGITS = 10 * _LONGEST
_NUMBER = r"(?P<number>(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]+)?)"
_COUNT = re.compile(rf"\s*(?P<strict><)?\s*(?P<equal>=)?\s*{_NUMBER}\s*(?P<unit>[A-Za-z]*)\s*")
_SHARE = re.compile(rf"\s*(?P<strict><)?\s*(?P<equal>=)?\s*{_NUMBER}\s*%\s*")


def parse_count(text: str) -> int:
    """The exact integer behind ``"592371"``, ``"249_999"``, ``"592,371"``, ``"0.25M"`` or ``"1.2G"`` (SI: K, M, G, T).

    Raises UsageError when the text is no count or not a whole number.
    """
    value, strict = _decimal(text)
    if strict or value != value.to_integral_value():
        raise UsageError(f"{text!r} is not a whole number", help="write an integer such as 249_999 or 0.25M")
    return int(value)


def parse_limit(text: str) -> int:
    """The largest integer that a limit admits: ``"0.25M"`` is 250,000 and ``"<0.25M"`` is 249,999.

    Raises UsageError when the text is no limit.
    """
    return largest_within(*_decimal(text))


def parse_share(text: str) -> tuple[Decimal, bool] | None:
    """The percentage in ``"60%"`` and whether it is strict (``"<60%"``); None when the text is no percentage."""
    match = _SHARE.fullmatch(text) if len(text) <= _LONGEST else None
    return (_number(match), _is_strict(match)) if match else None


def largest_within(value: Decimal, strict: bool) -> int:  # noqa: FBT001 - it follows its value
    """The largest integer that is at most ``value``, or below it when the limit is strict."""
    floor = int(value)
    return floor - 1 if strict and value == floor else floor


def share_of(percent: Decimal, whole: int) -> Decimal:
    """``percent`` of ``whole``, exactly, whatever the number of digits."""
    return _exactly(percent, whole).scaleb(-2, Context(prec=_MOST_DIGITS))


def _exactly(value: Decimal, factor: int) -> Decimal:
    return Context(prec=_MOST_DIGITS).multiply(value, Decimal(factor))


def _number(match: re.Match[str]) -> Decimal:
    return Decimal(match["number"].replace("_", "").replace(",", ""))


def _is_strict(match: re.Match[str]) -> bool:
    return match["strict"] is not None and match["equal"] is None


def _decimal(text: str) -> tuple[Decimal, bool]:
    match = _COUNT.fullmatch(text) if len(text) <= _LONGEST else None  # it looks at gaps several times
    if match is None:
        raise UsageError(
            f"{text[:_LONGEST]!r} is not a count", help="write an integer such as 249_999, or 0.25M, 1.2G, <0.25M"
        )
    factor = _FACTORS.get("K" if match["unit"] == "k" else match["unit"])
    if factor is None:
        raise UsageError(
            f"{text!r} has an unknown unit {match['unit']!r}", help="the units are K, M, G and T (powers of 1000)"
        )
    return _exactly(_number(match), factor), _is_strict(match)


def format_integer(value: int | None) -> str:
    """``592371`` as ``592,371``; what was not measured as ``-``."""
    return "-" if value is None else f"{value:,}"


def format_count(value: int | None, digits: int = 3) -> str:
    """``1243802176`` as ``1.244 G``: rounded half to even, by exact decimal arithmetic."""
    if value is None:
        return "-"
    unit = max((u for u in _FACTORS if abs(value) >= _FACTORS[u]), key=_FACTORS.__getitem__, default="")
    if not unit:
        return str(value)
    rounded = round(Decimal(value) / _FACTORS[unit], digits)
    larger = {"K": "M", "M": "G", "G": "T"}.get(unit)
    if abs(rounded) >= 1000 and larger:
        rounded, unit = round(Decimal(value) / _FACTORS[larger], digits), larger
    return f"{rounded:.{digits}f} {unit}"


def format_bytes(value: int | None) -> str:
    """``2369484`` as ``2.37 MB`` (SI, powers of 1000)."""
    if value is None:
        return "-"
    return f"{value} B" if abs(value) < 1000 else f"{format_count(value, 2)}B"


def format_percent(part: int, whole: int, digits: int = 2) -> str:
    """The share of ``part`` in ``whole`` as ``35.97 %``; ``-`` when there is no whole."""
    if not whole:
        return "-"
    return f"{Decimal(part) * 100 / Decimal(whole):.{digits}f} %"
