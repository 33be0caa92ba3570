"""Formulas of other libraries' operators: arguments that are not those of the known versions are told, not guessed."""

from __future__ import annotations

import functools

from archscope.formulas.cost import Cost
from archscope.formulas.table import Formula
from archscope.records import OpCall


def of_known_arguments(formula: Formula) -> Formula:
    """``formula``, and no cost but a call that is listed as not counted where the arguments do not fit it.

    Another version of a library, or another kernel of the same name, may have other arguments.
    """

    @functools.wraps(formula)
    def cost(call: OpCall) -> Cost:
        try:
            return formula(call)
        except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError):
            return Cost.of(partial=True)

    return cost
