"""The cost table for readers: which operator counts how, and why."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib import resources

from archscope.documents import document as doc
from archscope.formulas import COUNTING_RULES_VERSION, FormulaTable, Rule
from archscope.formulas.gaps import KNOWN_GAPS
from archscope.formulas.table import FREE_KIND


def brief_document(table: FormulaTable, patterns: tuple[str, ...] = ()) -> doc.Document | None:
    """A line for each operator that one of ``patterns`` names (glob or part of a name; all without), then a tally.

    With patterns, derivations are given in full, and there is no document where they name nothing.
    """
    rules = [rule for rule in table if not patterns or any(_named(rule.op, pattern) for pattern in patterns)]
    if patterns:
        found = tuple(map(_finding, rules))
        return doc.Document(title="", blocks=(doc.Findings(found),)) if found else None
    columns = doc.names("operator") + doc.texts("kind") + doc.texts("family", optional=True) + doc.names("rule")
    rows = ((doc.Name(rule.op), rule.kind, rule.family, rule.derivation.partition("\n")[0]) for rule in rules)
    counted = sum(rule.kind != FREE_KIND for rule in rules)
    tally = f"{counted} counted, {len(rules) - counted} free; every other operator is reported as uncounted"
    return doc.Document(title="", blocks=(doc.table(columns, rows), doc.Paragraph(tally)))


def _finding(rule: Rule) -> doc.Finding:
    details = tuple(rule.derivation.splitlines())
    return doc.Finding(title=doc.Name(rule.op), text=f"  {rule.kind}, {rule.family}", details=details)


def counting_page(table: FormulaTable) -> str:
    """docs/counting.md: the whole table, family by family, with every derivation as it is written."""
    import jinja2

    source = resources.files("archscope.templates").joinpath("counting.md.j2").read_text("utf-8")
    introduction = jinja2.Template(source).render(version=COUNTING_RULES_VERSION)
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
    return f"{introduction}\n\n{families}\n"


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
