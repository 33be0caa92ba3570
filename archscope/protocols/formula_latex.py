r"""The formulas of a law of size as LaTeX: an ``align*`` (``\usepackage{amsmath}``), every name as text."""

from __future__ import annotations

import math
from fractions import Fraction

from archscope.documents.scaling import told_metrics
from archscope.metrics import METRICS
from archscope.render.formats.latex import latex
from archscope.results.formula_text import Naming
from archscope.results.polynomial import Formula, Largest, Polynomial, Powers, Quantity
from archscope.results.scaling import Scaling

_COMPARED = {r"\textless{}=": r"$\le$", r"\textgreater{}=": r"$\ge$"}


def render_formulas(law: Scaling) -> str:
    """A line for each figure (and each piece of it), why some have none, then what the letters stand for."""
    lines = []
    quantities: dict[Quantity, None] = {}
    for name in told_metrics(law):
        label = rf"\text{{{latex(METRICS[name].label)}}}"
        for formula, region, where in law.pieces(name):
            if formula == Polynomial(()):
                continue
            quantities.update(dict.fromkeys(formula.quantities if formula is not None else ()))
            held = rf" && \text{{for {_compared(where)}}}" if where else ""
            reason = region.reasons.get(name, "it was not measured")
            said = rf"\text{{no formula: {latex(reason)}}}" if formula is None else _formula(formula, law.naming)
            least = r"\ge" if METRICS[name].lower_bound and not region.complete and formula is not None else "="
            lines.append(f"  {label} &{least} {said}{held}")
    if not law.laws:
        lines.append(rf"  \text{{{latex(METRICS['macs'].label)}}} &= \text{{no formula: {latex(law.reason('macs'))}}}")
    defined = [_definition(one, law.naming) for one in quantities]
    lines += [f"  {line}" for line in dict.fromkeys(defined) if line]
    return "\n".join((r"\begin{align*}", " \\\\\n".join(lines), r"\end{align*}", ""))


def _compared(where: str) -> str:
    text = latex(where)
    for plain, sign in _COMPARED.items():
        text = text.replace(plain, sign)
    return text


def _formula(formula: Formula, names: Naming) -> str:
    if isinstance(formula, Largest):
        return rf"\max\bigl({', '.join(_polynomial(part, names) for part in formula.parts)}\bigr)"
    return _polynomial(formula, names)


def _polynomial(polynomial: Polynomial, names: Naming) -> str:
    text = ""
    for powers, value in sorted(
        polynomial.coefficients.items(), key=lambda item: (-sum(n for _, n in item[0]), item[0])
    ):
        scaled = value * math.prod(names.units[one.dimensions[0]] ** n for one, n in powers if one.plain)
        sign = "-" if scaled < 0 else "+" if text else ""
        text += f" {sign} {_term(abs(scaled), powers, names)}"
    return text.strip() or "0"


def _term(value: Fraction, powers: Powers, names: Naming) -> str:
    number = _number(value.numerator)
    if value.denominator > 1:
        number = rf"\tfrac{{{number}}}{{{_number(value.denominator)}}}"
    product = r"\,".join(_name(one, names) + (f"^{{{n}}}" if n > 1 else "") for one, n in powers)
    if not product:
        return number
    return product if value == 1 else rf"{number}\,{product}"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "{,}")


def _name(quantity: Quantity, names: Naming) -> str:
    name = names.name(quantity)
    letters = name.rstrip("0123456789_")
    rest = latex(name[len(letters) :].strip("_"))
    return f"{_letters(letters)}_{{{rest}}}" if rest else _letters(letters)


def _letters(letters: str) -> str:
    return letters if len(letters) == 1 and letters.isascii() and letters.isalpha() else rf"\text{{{latex(letters)}}}"


def _definition(quantity: Quantity, names: Naming) -> str:
    r"""``s &= \text{size} / 32``; empty for a dimension that is called by its name."""
    if not names.definition(quantity):
        return ""
    product = r"\,".join(_letters(name) for name in quantity.dimensions)
    if quantity.plain:
        said = f"{product} / {_number(names.units[quantity.dimensions[0]])}"
    elif quantity.rest:
        text = rf"0 \text{{ where }} {product} \text{{ is a multiple of }} {_number(quantity.by)} \text{{, else }} 1"
        said = text
    else:
        said = _rounded(quantity, product)
    return rf"{_name(quantity, names)} &= {said}"


def _rounded(quantity: Quantity, product: str) -> str:
    scaled = product if quantity.times == 1 else rf"{_number(quantity.times)}\,{product}"
    up = quantity.plus == quantity.by - 1 and quantity.times == 1
    if quantity.plus and not up:
        scaled += f" {'+' if quantity.plus > 0 else '-'} {_number(abs(quantity.plus))}"
    shown = scaled
    if quantity.by > 1:
        ends = (r"\left\lceil", r"\right\rceil") if up else (r"\left\lfloor", r"\right\rfloor")
        shown = rf"{ends[0]} \frac{{{scaled}}}{{{_number(quantity.by)}}} {ends[1]}"
    return rf"\left\lceil \log_2 {shown} \right\rceil" if quantity.levels else shown
