"""An exact formula as text: in words of the dimensions, the largest term first, what all terms share before them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from archscope.results.polynomial import Formula, Largest, Polynomial, Powers, Quantity

Coefficients = dict[Powers, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What formulas call each dimension (``h`` where its unit is not 1), the unit, and its largest size.

    ``both`` are the quantities that are rounded down where others are the same rounded up.
    """

    letters: Mapping[str, str]
    units: Mapping[str, int]
    largest: Mapping[str, int]
    both: frozenset[Quantity] = frozenset()

    def name(self, quantity: Quantity) -> str:
        """``batch``; ``h`` for ``height / 32``; ``h32`` for a floor of it; ``log_n`` for levels."""
        if quantity.plain:
            name = quantity.dimensions[0]
            return name if self.units[name] == 1 else self.letters[name]
        if quantity.rest:
            return f"r{quantity.by}" + ("" if len(self.letters) == 1 else f"_{self.letters[quantity.dimensions[0]]}")
        letters = "".join(self.letters[name] for name in quantity.dimensions)
        scale = (f"{quantity.times}_" if quantity.times > 1 and not quantity.levels else "") + (
            str(quantity.times if quantity.levels else quantity.by)
        )
        usual = quantity.plus in {0, quantity.by - 1} and quantity not in self.both
        return f"{'log_' * quantity.levels}{letters}{scale}" + ("" if usual else f"_{quantity.plus}")

    def definition(self, quantity: Quantity) -> str:
        """``h = height / 32``, ``h32 = ceil(height / 32)``; empty for a dimension that is called by its name."""
        product = " ".join(quantity.dimensions)
        if quantity.plain:
            unit = self.units[product]
            return "" if unit == 1 else f"{self.letters[product]} = {product} / {unit}"
        if quantity.rest:
            return f"{self.name(quantity)} = 0 where {product} is a multiple of {quantity.by}, else 1"
        scaled = product if quantity.times == 1 else f"{quantity.times:,} {product}"
        shifted = f"{scaled} {'-' if quantity.plus < 0 else '+'} {abs(quantity.plus)}" if quantity.plus else scaled
        if quantity.by == 1:
            inner = shifted
        elif quantity.plus == quantity.by - 1 and quantity.times == 1:
            inner = f"ceil({scaled} / {quantity.by})"
        else:
            inner = f"floor({f'({shifted})' if quantity.plus else shifted} / {quantity.by})"
        return f"{self.name(quantity)} = " + (f"ceil(log2({inner}))" if quantity.levels else inner)


def naming(dimensions: Mapping[str, tuple[int, int]], shown: Collection[Polynomial]) -> Naming:
    """Names for ``dimensions`` (each with what its sizes are multiples of, and its largest) in the formulas ``shown``.

    The unit of one is 1, or what its sizes are multiples of where that makes all coefficients whole.
    """
    fractional = [polynomial for polynomial in set(shown) if polynomial.denominator > 1]
    units = {name: multiple if fractional else 1 for name, (multiple, _) in dimensions.items()}
    for name in units:
        if all(_whole(one, {**units, name: 1}) for one in fractional) or not all(
            _whole(one, units) for one in fractional
        ):
            units[name] = 1
    letters: dict[str, str] = {}
    for name in dimensions:
        plain = "".join(char for char in name if char.isalnum()) or "n"
        options = (plain[:count] for count in range(1, len(plain) + 1))
        letters[name] = next((one for one in options if one not in letters.values()), f"n{len(letters)}")
    met = {quantity for polynomial in set(shown) for quantity in polynomial.quantities}
    return Naming(
        letters=letters,
        units=units,
        largest={name: top for name, (_, top) in dimensions.items()},
        both=frozenset(one for one in met if one.plus == 0 and one._replace(plus=one.by - 1) in met and one.by > 1),
    )


def say(formula: Formula, names: Naming, high: Sequence[int] = ()) -> tuple[str, tuple[str, ...]]:
    """The text of ``formula``, and what its names stand for. ``high`` is the corner that says which term is largest."""
    top = dict(zip(names.largest, high, strict=True)) if high else dict(names.largest)
    parts = formula.parts if isinstance(formula, Largest) else (formula,)
    texts = [_polynomial(part, names, top) for part in parts]
    defined = dict.fromkeys(filter(None, map(names.definition, formula.quantities)))
    return (f"max({', '.join(texts)})" if len(texts) > 1 else texts[0]), tuple(defined)


def _whole(polynomial: Polynomial, units: Mapping[str, int]) -> bool:
    return all(value.denominator == 1 for value in _in_units(polynomial, units).values())


def _in_units(polynomial: Polynomial, units: Mapping[str, int]) -> Coefficients:
    return {
        powers: value * math.prod(units[one.dimensions[0]] ** power for one, power in powers if one.plain)
        for powers, value in polynomial.coefficients.items()
    }


def _polynomial(polynomial: Polynomial, names: Naming, top: Mapping[str, int]) -> str:
    terms = _in_units(polynomial, names.units)
    if not terms:
        return "0"
    shared = dict.fromkeys(polynomial.quantities, 0)
    for quantity in shared:
        shared[quantity] = min(dict(powers).get(quantity, 0) for powers in terms)

    coefficients = polynomial.coefficients

    def size(powers: Powers) -> Fraction:
        there: int = math.prod(one.at(top) ** n for one, n in powers)
        return abs(coefficients[powers]) * there

    ordered = sorted(terms, key=lambda powers: (-size(powers), powers))
    if len(ordered) == 1:
        return _sum([(terms[powers], _product(powers, names)) for powers in ordered])
    if any(shared.values()):
        return _factored(shared, [(terms[powers], powers) for powers in ordered], names)
    return _grouped([(terms[powers], powers) for powers in ordered], names)


def _grouped(terms: Sequence[tuple[Fraction, Powers]], names: Naming) -> str:
    """Terms that share a factor with the largest one put together, if three or more do: ``batch (...) + 102``."""
    quantities = [one for one, _ in terms[0][1]]
    sharing = {one: [term for term in terms if one in dict(term[1])] for one in quantities}
    best = max(quantities, key=lambda one: len(sharing[one]), default=None)
    if best is None or len(sharing[best]) < 2 or len(terms) - len(sharing[best]) > 1:
        return _sum([(value, _product(powers, names)) for value, powers in terms])
    rest = [term for term in terms if term not in sharing[best]]
    together = _factored({best: min(dict(powers)[best] for _, powers in sharing[best])}, sharing[best], names)
    tail = _sum([(value, _product(powers, names)) for value, powers in rest])
    return f"{together} - {tail[1:]}" if tail.startswith("-") else f"{together} + {tail}"


def _factored(shared: Mapping[Quantity, int], terms: Iterable[tuple[Fraction, Powers]], names: Naming) -> str:
    rest = []
    for value, powers in terms:
        left = ((one, n - shared.get(one, 0)) for one, n in powers)
        rest.append((value, _product(tuple((one, n) for one, n in left if n), names)))
    return f"{_product(tuple((one, n) for one, n in shared.items() if n), names)} ({_sum(rest)})"


def _product(powers: Powers, names: Naming) -> str:
    return " ".join(names.name(one) + ("" if power == 1 else f"^{power}") for one, power in powers)


def _sum(terms: Iterable[tuple[Fraction, str]]) -> str:
    text = ""
    for value, product in terms:
        sign = ("-" if value < 0 else "") if not text else (" - " if value < 0 else " + ")
        text += sign + _term(abs(value), product)
    return text


def _term(value: Fraction, product: str) -> str:
    number = f"{value.numerator:,}" if value.denominator == 1 else f"{value.numerator:,}/{value.denominator:,}"
    if not product:
        return number
    return product if value == 1 else f"{number} {product}"
