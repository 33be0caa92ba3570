"""The cost table and the formulas of its operators, one file for each family; pure functions, without torch."""

from archscope.formulas.cost import FREE, Cost
from archscope.formulas.default import DEFAULT_FORMULAS
from archscope.formulas.table import FormulaTable, Rule

COUNTING_RULES_VERSION = 1

__all__ = ["COUNTING_RULES_VERSION", "DEFAULT_FORMULAS", "FREE", "Cost", "FormulaTable", "Rule"]
