"""Which old positions each new one reads, for the operators that slide along a dimension."""

from __future__ import annotations

import math
from fractions import Fraction

from archscope.measure.summing.receptive_field.reach import Taps, UntoldError

_LARGEST_DENOMINATOR = 1000


def window(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Taps:
    """A convolution or a pool."""
    return Taps((tuple(dilation * tap - padding for tap in range(kernel)),), stride)


def transposed(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Taps:
    """A transposed convolution: position o reads i wherever o = stride i - padding + dilation tap."""
    reads = (
        tuple(
            (o + padding - dilation * tap) // stride
            for tap in range(kernel)
            if (o + padding - dilation * tap) % stride == 0
        )
        for o in range(stride)
    )
    return Taps(tuple(reads), 1)


def adaptive(before: int, after: int) -> Taps:
    """An adaptive pool from ``before`` positions to ``after``."""
    common = math.gcd(before, after)
    reads = (tuple(range(i * before // after, -(-(i + 1) * before // after))) for i in range(after // common))
    return Taps(tuple(reads), before // common)


def ratio(before: int, after: int, scale: float | None, *, corners: bool = False) -> Fraction:
    """Old positions for each new one; the ``scale`` that a model names counts before that of the sizes."""
    if corners:
        return Fraction(before - 1, after - 1) if after > 1 else Fraction(0)
    if scale is not None and scale > 0:
        return 1 / Fraction(scale).limit_denominator(_LARGEST_DENOMINATOR)
    return Fraction(before, after)


def nearest(step: Fraction, *, exact: bool = False) -> Taps:
    """The nearest position, as torch rounds (``exact``: the middle of the pixel decides)."""
    middle = Fraction(1, 2) if exact else Fraction(0)
    return Taps(tuple((math.floor((j + middle) * step),) for j in range(step.denominator)), step.numerator)


def interpolated(step: Fraction, reach: int, *, corners: bool = False) -> Taps:
    """Linear (``reach`` 1) or cubic (2) interpolation: neighbours whose weight is not 0."""
    reads = []
    for j in range(step.denominator):
        source = j * step if corners else (j + Fraction(1, 2)) * step - Fraction(1, 2)
        first = math.floor(source)
        reads.append((first,) if source == first else tuple(range(first - reach + 1, first + reach + 1)))
    return Taps(tuple(reads), step.numerator)


def antialiased(step: Fraction, reach: int, *, corners: bool = False) -> Taps:
    """The same with a filter that widens where positions become fewer."""
    if corners:
        raise UntoldError("antialiased interpolation with aligned corners has no rule")
    wide = max(step, Fraction(1))
    reads = []
    for j in range(step.denominator):
        centre = (j + Fraction(1, 2)) * step
        near = range(math.floor(centre - reach * wide) - 1, math.ceil(centre + reach * wide) + 1)
        weighed = [(i, abs(i + Fraction(1, 2) - centre) / wide) for i in near]
        reads.append(tuple(i for i, far in weighed if far < reach and (far == 0 or far.denominator != 1)))
    return Taps(tuple(reads), step.numerator)
