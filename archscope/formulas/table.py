"""The cost table: which operator costs what, keyed by operator name as text.

An operator is **counted** (it has a formula), **free** (its output holds only input values or constants) or, when the
table does not know it, **uncounted**.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from archscope.errors import FormulaError
from archscope.formulas.cost import FREE, Cost
from archscope.records import OpCall

Formula: TypeAlias = Callable[[OpCall], Cost]

COUNTED = "counted"
FREE_KIND = "free"
UNCOUNTED = "uncounted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one operator is counted. ``family`` groups the table; ``derivation`` is the formula's docstring."""

    op: str
    kind: str
    family: str
    formula: Formula
    derivation: str


class FormulaTable:
    """Rules by operator name: ``ns::op.overload`` first, then ``ns::op``, then the same without the in-place ``_``."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[str, Rule] = {}
        for rule in rules:
            self.add(rule)

    def __iter__(self) -> Iterator[Rule]:
        return iter(sorted(self._rules.values(), key=lambda rule: rule.op))

    def __len__(self) -> int:
        return len(self._rules)

    def copy(self) -> FormulaTable:
        """A table of its own with the same rules, to be extended."""
        return FormulaTable(self._rules.values())

    def add(self, rule: Rule) -> None:
        """Add a rule; raises FormulaError if the operator has one already."""
        if rule.op in self._rules:
            raise FormulaError(
                f"operator {rule.op} is registered twice", help="remove one of the two, or replace it in a copy"
            )
        self._rules[rule.op] = rule

    def counted(self, *ops: str, family: str) -> Callable[[Formula], Formula]:
        """Decorate the formula of ``ops``; its docstring is the derivation that users read."""

        def register(formula: Formula) -> Formula:
            derivation = inspect.cleandoc(formula.__doc__ or "")
            if not derivation:
                raise FormulaError(f"the formula of {', '.join(ops)} has no derivation", help="write its docstring")
            for op in ops:
                self.add(Rule(op=op, kind=COUNTED, family=family, formula=formula, derivation=derivation))
            return formula

        return register

    def free(self, *ops: str, family: str, because: str) -> None:
        """Register ``ops`` as free: their outputs hold only input values or constants."""
        for op in ops:
            self.add(Rule(op=op, kind=FREE_KIND, family=family, formula=_free, derivation=because))

    def find(self, op: str) -> Rule | None:
        """The rule for ``op`` (``aten::add.Tensor``), or None when it is uncounted."""
        packet = op.partition(".")[0]
        return self._rules.get(op) or self._rules.get(packet) or self._rules.get(packet.removesuffix("_"))


def _free(_call: OpCall) -> Cost:
    return FREE
