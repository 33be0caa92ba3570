"""Finding why a published figure is wrong: a cause is named only when it gives that very figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from archscope.judge.conventions import ConventionTotal
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.results.claims import INSTANCES, MEASURED, RANK, REDUCTION, REMAINDER, SUM, Cause, Claim, ClaimResult
from archscope.results.printed_figure import Quantity
from archscope.units import format_percent


def find_causes(
    claim: Claim,
    truth: Quantity,
    report: Report,
    conventions: Iterable[ConventionTotal],
    earlier: tuple[ClaimResult, ...],
) -> tuple[Cause, ...]:
    """The causes of a claim that differs from ``truth``; ``earlier`` results are those that its parts may name.

    Empty when no cause that archscope knows gives the published figure.
    """
    if claim.kind == SUM:
        return tuple(_sum(claim, truth, earlier))
    if claim.kind == REMAINDER:
        return tuple(_remainder(claim, truth))
    if claim.kind == REDUCTION:
        return tuple(_reduction(claim, truth))
    if claim.kind == RANK:
        return tuple(_rank(claim, report))
    causes = list(_nested(claim, report))
    if claim.kind == MEASURED and not claim.component and claim.module is None:
        causes += [*_other_figure(claim, report), *_convention(claim, conventions)]
    return tuple(causes)


def _sum(claim: Claim, truth: Quantity, earlier: tuple[ClaimResult, ...]) -> Iterator[Cause]:
    goal, found = claim.value.quantity, truth.value
    gap = found - goal.value
    text = (
        f"the parts add to {truth}, {_number(abs(gap), goal)} {'more' if gap > 0 else 'less'} than {claim.value.text}"
    )
    if not goal.percent and goal.value:
        text += f" ({_percent(found, goal.value)} of it)"
    yield Cause(kind="sum", text=text)
    results = {result.claim.what: result for result in earlier}
    parts = [results[part.claim] for part in claim.parts if part.claim]
    truths = [result.found.value for result in parts if result.found]
    if len(truths) == len(claim.parts):
        wrong = [result for result in parts if result.verdict == "differs"]
        if wrong:
            names = ", ".join(f"{result.claim.what} ({result.claim.value.text})" for result in wrong)
            measured = Quantity.of(sum(truths, Fraction(0)), percent=goal.percent)
            yield Cause(kind="part", text=f"wrong among the parts: {names}; as measured, the parts add to {measured}")


def _remainder(claim: Claim, truth: Quantity) -> Iterator[Cause]:
    first, *others = (part.published.quantity.value for part in claim.parts)
    goal = claim.value.quantity
    yield Cause(
        kind="sum",
        text=f"{_number(sum(others, Fraction(0)), goal)} taken from {_number(first, goal)} leaves {truth},"
        f" {_number(abs(truth.value - goal.value), goal)} away from {claim.value.text}",
    )


def _reduction(claim: Claim, truth: Quantity) -> Iterator[Cause]:
    first, second = (part.published.quantity.value for part in claim.parts)
    would = round(first * (100 - claim.value.quantity.value) / 100)
    yield Cause(
        kind="ratio",
        text=f"from {_number(first)} to {_number(second)} is {truth}; {claim.value.text} of {_number(first)} would"
        f" leave {would:,}",
    )


def _rank(claim: Claim, report: Report) -> Iterator[Cause]:
    whole = report.totals[claim.metric] or 0
    rows = sorted(report.components, key=lambda row: (-(row[claim.metric] or 0), row.name))
    listed = [
        f"{row.name} {row[claim.metric]:,} ({format_percent(row[claim.metric] or 0, whole)})"
        for row in rows[: max(claim.value.quantity.numerator, _place(rows, claim.component))]
    ]
    yield Cause(kind="superlative", text=f"by {claim.metric}: {', '.join(listed)}")


def _place(rows: list[ComponentRow], name: str) -> int:
    return 1 + [row.name for row in rows].index(name)


def _nested(claim: Claim, report: Report) -> Iterator[Cause]:
    """A name looked for in every path finds a module and all that is inside it; sums over the hits count that twice."""
    component = next((row for row in report.components if row.name == claim.component), None)
    if component is None or (claim.kind == MEASURED and component[claim.metric] is None):
        return
    for word in _words(component):
        hits = [row for row in report.modules if word in row.path.lower()]
        if len(hits) <= len(component.modules):
            continue
        if claim.kind == INSTANCES:
            if _gives(claim, len(hits), report):
                yield Cause(kind="nested names", text=_times(len(hits), len(component.modules), word, "modules"))
                return
            continue
        total = sum(row[claim.metric] or 0 for row in hits)
        own = component[claim.metric] or 0
        if total != own and _gives(claim, total, report):
            yield Cause(kind="nested names", text=_times(total, own, word, claim.metric, hits))
            return


def _words(component: ComponentRow) -> list[str]:
    """What one would look for: the component's name and the words in the paths of its modules."""
    text = " ".join([component.name, *component.modules]).lower()
    return list(dict.fromkeys([component.name.lower(), *re.findall(r"[a-z]{3,}", text)]))


def _times(wrong: int, right: int, word: str, noun: str, hits: list[ModuleRow] | None = None) -> str:
    times, rest = divmod(wrong, right) if right else (0, 1)
    if hits is None:
        relation = f"{right:,} x {times}" if not rest else f"not {right:,}"
        return (
            f"{wrong:,} = {relation}: {wrong:,} modules have {word!r} in their path, and {right:,} of them are"
            f" instances; the others are inside those"
        )
    relation = f"{times} x {right:,}" if not rest else f"not {right:,}"
    counted = f"counts {times} times" if not rest else "counts more than once"
    return (
        f"{wrong:,} = {relation}: the {noun} of all {len(hits)} modules with {word!r} in their path were summed, and"
        f" what a nested module holds {counted}"
    )


def _gives(claim: Claim, figure: int, report: Report) -> bool:
    """Whether ``figure`` (as a share, when the claim is one) is what was published."""
    if claim.value.quantity.percent:
        whole = report.totals[claim.metric]
        return bool(whole) and claim.value.rounds(Quantity.of(Fraction(100 * figure, whole), percent=True))
    return claim.value.is_exact(Quantity(numerator=figure)) or claim.value.rounds(Quantity(numerator=figure))


def _other_figure(claim: Claim, report: Report) -> Iterator[Cause]:
    """Another figure of the same model under the published name."""
    totals = report.totals
    figures = {
        "parameters and buffers": totals.parameters + totals.buffers,
        "parameters with tied ones counted at every path": sum(
            record.numel * (1 + len(record.aliases)) for record in report.parameters
        ),
        "trainable parameters alone": totals.trainable,
        "bytes of the parameters": totals.parameter_bytes,
    }
    run = {
        "multiply-accumulates": totals.macs,
        "2 x multiply-accumulates, without other arithmetic": None if totals.macs is None else 2 * totals.macs,
        "all arithmetic operations (flops)": totals.flops,
    }
    of_run = claim.metric in {"macs", "flops"}
    own = totals[claim.metric]
    for name, figure in (run if of_run else figures if claim.metric in {"parameters", "trainable"} else {}).items():
        if figure is not None and figure != own and _gives(claim, figure, report):
            yield Cause(kind="another figure", text=f"{figure:,} is the number of {name}")


def _convention(claim: Claim, conventions: Iterable[ConventionTotal]) -> Iterator[Cause]:
    for total in conventions:
        if claim.metric in {"macs", "flops"} and _is(claim, total.counted):
            yield Cause(kind="counter", text=_counted(total))
        if claim.metric in {"parameters", "trainable"} and total.missed and _is(claim, total.parameters):
            yield Cause(kind="counter", text=_parameters(total))


def _is(claim: Claim, figure: int) -> bool:
    return claim.value.is_exact(Quantity(numerator=figure)) or claim.value.rounds(Quantity(numerator=figure))


def _counted(total: ConventionTotal) -> str:
    terms = " + ".join(f"{row.what} {row.counted:,}" for row in total.rows if row.counted)
    text = f"{total.counted:,} is what {total.name} counts ({total.description}): {terms}"
    missed = [row for row in total.rows if row.macs > row.counted]
    added = [row for row in total.rows if row.counted > row.macs]
    if missed:
        text += "; missed: " + ", ".join(
            f"{row.what} {row.macs - row.counted:,} in {row.calls} calls" for row in missed
        )
    if added:
        text += "; no multiply-accumulates: " + ", ".join(f"{row.what} {row.counted - row.macs:,}" for row in added)
    return text


def _parameters(total: ConventionTotal) -> str:
    missed = ", ".join(
        f"{row.numel:,} in {row.tensors} {'tensor' if row.tensors == 1 else 'tensors'} of {row.what}"
        f" ({row.reason}: {row.example}{' and others' if row.tensors > 1 else ''})"
        for row in sorted(total.missed, key=lambda row: (-row.numel, row.what))
    )
    return f"{total.parameters:,} is what {total.name} counts; missed: {missed}"


def _number(value: Fraction | int, like: Quantity | None = None) -> str:
    return str(Quantity.of(Fraction(value), percent=bool(like and like.percent)))


def _percent(part: Fraction, whole: Fraction) -> str:
    return str(Quantity.of(100 * part / whole, percent=True))
