from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.errors import UsageError
from archscope.results.printed_figure import Published, Quantity


@pytest.mark.parametrize(
    ("text", "value", "unit", "percent"),
    [
        ("592,371", 592_371, 1, False),
        ("592_371", 592_371, 1, False),
        ("0.592M", 592_000, 1_000, False),
        ("1.013G", 1_013_000_000, 1_000_000, False),
        ("1.013 G", 1_013_000_000, 1_000_000, False),
        ("7B", 7 * 10**9, 10**9, False),
        ("25k", 25_000, 1_000, False),
        ("36.0%", 36, Fraction(1, 10), True),
        ("9.25 %", Fraction(925, 100), Fraction(1, 100), True),
        ("~250,000", 250_000, 10_000, False),
        ("~61,933", 61_933, 1, False),
        ("~0.250M", 250_000, 10_000, False),
        ("~0", 0, 1, False),
    ],
)
def test_a_printed_figure_is_read_with_the_worth_of_its_last_digit(text, value, unit, percent):
    printed = Published.parse(text)
    assert (printed.quantity.value, printed.unit.value, printed.quantity.percent) == (value, unit, percent)


@pytest.mark.parametrize("text", ["", "many", "1.5.2", "-3", "5X", "1e6", "0.25Mi", "%", "١٢"])
def test_what_is_no_figure_is_refused(text):
    with pytest.raises(UsageError, match="is not a figure"):
        Published.parse(text)


def test_a_figure_rounds_when_the_truth_is_within_half_of_its_last_digit():
    printed = Published.parse("0.592M")
    assert printed.rounds(Quantity(numerator=592_371))
    assert printed.rounds(Quantity(numerator=592_500))  # the half goes either way
    assert not printed.rounds(Quantity(numerator=592_501))
    assert not printed.is_exact(Quantity(numerator=592_371))


def test_a_share_never_equals_a_count():
    assert not Published.parse("36%").is_exact(Quantity(numerator=36))
    assert not Published.parse("36").rounds(Quantity(numerator=36, percent=True))


@given(st.integers(0, 10**15))
def test_a_figure_printed_in_full_is_exact(number):
    for text in (f"{number}", f"{number:,}", f"{number:_}"):
        assert Published.parse(text).is_exact(Quantity(numerator=number))


@given(st.integers(0, 10**12), st.integers(0, 6))
def test_whatever_python_rounds_to_so_many_digits_is_recognised_as_rounded(number, digits):
    text = f"{Decimal(number) / 10**6:.{digits}f}M"
    assert Published.parse(text).rounds(Quantity(numerator=number))


def test_quantities_read_as_people_write_them():
    assert str(Quantity(numerator=1_012_598_976)) == "1,012,598,976"
    assert str(Quantity.of(Fraction(100 * 13_568, 592_371), percent=True)) == "2.29 %"
    assert str(Quantity(numerator=5, denominator=2)) == "2.50"
