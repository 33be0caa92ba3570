r"""The formulas of a law of size as LaTeX: an ``align*`` (``\usepackage{amsmath}``), every name as text."""

from __future__ import annotations

import math
from fractions import Fraction

from archscope.metrics import METRICS
from archscope.render.formats.latex import latex
from archscope.results.formula_text import Naming
from archscope.results.polynomial import Formula, Largest, Polynomial, Powers, Quantity
from archscope.results.scaling import Scaling

_TOLD = (
    "macs",
    "flops",
    "activations",
    "peak_activation_bytes",
    "training_flops",
    "training_memory_bytes",
    "parameters",
)


def render_formulas(law: Scaling) -> str:
    """A line for each figure (and each piece of it), then what the letters stand for."""
    lines = []
    quantities: dict[Quantity, None] = {}
    for name in _TOLD:
        for formula, _, where in law.pieces(name):
            if formula is None or (isinstance(formula, Polynomial) and not formula.terms):
                continue
            quantities.update(dict.fromkeys(formula.quantities))
            held = rf" && \text{{for {latex(where)}}}" if where else ""
            lines.append(rf"  \text{{{latex(METRICS[name].label)}}} &= {_formula(formula, law.naming)}{held}")
    defined = [_definition(one, law.naming) for one in quantities]
    lines += [f"  {line}" for line in dict.fromkeys(defined) if line]
    return "\n".join((r"\begin{align*}", " \\\\\n".join(lines), r"\end{align*}", "")) if lines else ""


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
    number = f"{value.numerator:,}".replace(",", "{,}")
    if value.denominator > 1:
        number = rf"\tfrac{{{number}}}{{{value.denominator}}}"
    product = r"\,".join(_name(one, names) + (f"^{{{n}}}" if n > 1 else "") for one, n in powers)
    if not product:
        return number
    return product if value == 1 else rf"{number}\,{product}"


def _name(quantity: Quantity, names: Naming) -> str:
    name = names.name(quantity)
    letters = name.rstrip("0123456789_")
    rest = latex(name[len(letters) :].strip("_"))
    shown = letters if len(letters) == 1 else rf"\text{{{latex(letters)}}}"
    return f"{shown}_{{{rest}}}" if rest else shown


def _definition(quantity: Quantity, names: Naming) -> str:
    told = names.definition(quantity)
    if not told:
        return ""
    return rf"{_name(quantity, names)} &= \text{{{latex(told.partition(' = ')[2])}}}"
