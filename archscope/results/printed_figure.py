"""Figures as documents print them: ``0.592M``, ``41.7 %``, ``~250,000``, with the precision that they claim."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from archscope.errors import UsageError

_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}
_LONGEST = 100  # characters of a figure that a person printed
_PRINTED = re.compile(
    r"\s*(?P<about>[~≈])?\s*(?P<whole>[0-9][0-9_,]*)(?:\.(?P<decimals>[0-9]+))?\s*(?P<unit>[KkMGBT]?|%)\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """An exact figure: a count, or with ``percent`` a share of a whole in percent."""

    numerator: int
    denominator: int = 1
    percent: bool = False

    @property
    def value(self) -> Fraction:
        """The figure; in percent when ``percent``."""
        return Fraction(self.numerator, self.denominator)

    @classmethod
    def of(cls, value: Fraction, *, percent: bool = False) -> Quantity:
        """``value`` as numerator and denominator."""
        return cls(numerator=value.numerator, denominator=value.denominator, percent=percent)

    def __str__(self) -> str:
        if not self.percent:
            return f"{self.numerator:,}" if self.denominator == 1 else f"{float(self.value):,.2f}"
        return f"{round(self.value * 100) / 100:.2f} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure as printed. It claims to be within half of ``unit`` (the worth of its last digit) of the truth.

    After ``~`` trailing zeros claim nothing: ``~250,000`` is good to 10,000, ``~61,933`` to 1.
    """

    text: str
    quantity: Quantity
    unit: Quantity

    @classmethod
    def parse(cls, text: str) -> Published:
        """Raises UsageError when ``text`` is no figure."""
        match = _PRINTED.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            raise UsageError(
                f"{text[:_LONGEST]!r} is not a figure",
                help="write it as printed: 592,371 or 0.592M or 41.7 % or ~250,000",
            )
        decimals, percent = match["decimals"] or "", match["unit"] == "%"
        factor = 1 if percent else _FACTORS[match["unit"].upper()]
        digits = match["whole"].replace("_", "").replace(",", "") + decimals
        unit = Fraction(factor, 10 ** len(decimals))
        value = int(digits) * unit
        if match["about"]:
            unit *= 10 ** (len(digits) - len(digits.rstrip("0"))) if int(digits) else 1
        return cls(
            text=text.strip(),
            quantity=Quantity.of(value, percent=percent),
            unit=Quantity.of(unit, percent=percent),
        )

    def is_exact(self, truth: Quantity) -> bool:
        """Whether it is the truth itself."""
        return self.quantity.percent == truth.percent and self.quantity.value == truth.value

    def rounds(self, truth: Quantity) -> bool:
        """Whether ``truth`` rounds to it, either way at the half."""
        return self.quantity.percent == truth.percent and 2 * abs(truth.value - self.quantity.value) <= self.unit.value
