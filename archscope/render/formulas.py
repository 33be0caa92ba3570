"""The cost table for readers: which operator counts how, and why."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from archscope.formulas import COUNTING_RULES_VERSION, FormulaTable, Rule
from archscope.formulas.gaps import KNOWN_GAPS
from archscope.formulas.table import FREE_KIND
from archscope.render.style import PLAIN, Column, Style, lay_out

_INTRODUCTION = f"""\
# How archscope counts

This page is made from the formulas' own docstrings by `archscope formulas --md docs/counting.md`; a test keeps it so.
Counting rules, version {COUNTING_RULES_VERSION}.

- **macs**: multiply-accumulates of convolutions of all kinds, matrix products, attention (Q K^T and A V, the full
  matrix; a causal mask is not subtracted) and recurrent gates. Bias additions are not MACs.
- **flops**: 2 x macs, and every other scalar operation of the textbook algorithm below. An addition, multiplication,
  division, comparison or choice is 1 for each output element, and so is a transcendental (exp, log, tanh, sigmoid,
  erf, sqrt, pow). A complex number counts as one element, except in Fourier transforms, which count real operations.
- **counted** operators have a formula. **free** ones give only values that they were given, or constants. All others
  are **uncounted**: reports list them with their calls and modules, and mark every total as a lower bound.

An operator stands for its overloads and its in-place form (`aten::add` for `aten::add_.Tensor`). Sizes alone decide:
where a true count depends on values (sorting, suppression of boxes), the textbook's bound for the sizes is taken and
said. Decompositions count by the leading terms of the textbook, as their loops run until they converge.
A formula of one's own is added to a copy of the table:

```python
formulas = archscope.DEFAULT_FORMULAS.copy()


@formulas.counted("mylib::scan", family="mine")
def scan(call):
    \"\"\"One multiply-accumulate per step and state: macs = numel(x) x states.\"\"\"
    return archscope.Cost.of(macs=call.arguments["x"].numel * call.arguments["states"])


report = archscope.analyze(model, inputs, formulas=formulas)
```

A Triton kernel that a model launches by `kernel[grid](...)` is an operator too, `triton::kernel`, with its arguments by
the names of the kernel's parameters; it is uncounted until it gets a formula, and on meta it is not run. What other
extensions write behind the dispatcher's back is told by its effect: memory that was made empty and read, or returned,
before any operator wrote to it is `[unseen]`, uncounted, in the module that made it. `torch.library.custom_op` gives
such a kernel a name. What an extension writes into memory that held something before is not noticed.

What nobody but torch's own `flop_registry` knows, such as operators registered with `register_flop_formula`, is taken
from it last.
"""


def formulas_markdown(table: FormulaTable) -> str:
    """The whole table, family by family, with every derivation in full."""
    sections: list[str] = []
    for family, rules in _families(table):
        sections.append(f"\n## {family[0].upper()}{family[1:]}\n")
        for derivation, ops in _derivations(rules):
            names = ", ".join(f"`{op}`" for op in ops)
            kind = "free: " if derivation[1] == FREE_KIND else ""
            sections.append(f"- {names}\n\n{_indented(kind + derivation[0])}\n")
    gaps = "\n".join(f"| `{op}` | {reason} |" for op, reason in KNOWN_GAPS.items())
    sections.append(f"\n## Known gaps\n\n| operator | why it has no rule |\n|---|---|\n{gaps}\n")
    families = "\n".join(sections).replace("\n\n\n", "\n\n").strip()
    return f"{_INTRODUCTION}\n{families}\n"


def formulas_text(table: FormulaTable, patterns: tuple[str, ...] = (), style: Style = PLAIN) -> str:
    """A line for each operator that one of ``patterns`` names (glob or part of a name; all without), then a tally.

    With patterns, derivations are given in full; without, their first line.
    """
    rules = [rule for rule in table if not patterns or any(_named(rule.op, pattern) for pattern in patterns)]
    if patterns:
        return "".join(
            f"{style.bold(rule.op)}  {rule.kind}, {rule.family}\n{_indented(rule.derivation)}\n" for rule in rules
        )
    columns = (Column(title="operator"), Column(title="kind"), Column(title="family"), Column(title="rule", names=True))
    rows = [(rule.op, rule.kind, rule.family, rule.derivation.partition("\n")[0]) for rule in rules]
    counted = sum(rule.kind != FREE_KIND for rule in rules)
    tally = f"{counted} counted, {len(rules) - counted} free; every other operator is reported as uncounted"
    return "\n".join([*lay_out(columns, rows, style), "", tally]) + "\n"


def _named(op: str, pattern: str) -> bool:
    return fnmatchcase(op, pattern) if any(sign in pattern for sign in "*?[") else pattern in op


def _families(table: Iterable[Rule]) -> list[tuple[str, list[Rule]]]:
    families: dict[str, list[Rule]] = {}
    for rule in table:
        families.setdefault(rule.family, []).append(rule)
    return sorted(families.items())


def _derivations(rules: list[Rule]) -> list[tuple[tuple[str, str], list[str]]]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        grouped.setdefault((rule.derivation, rule.kind), []).append(rule.op)
    return [*grouped.items()]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())
