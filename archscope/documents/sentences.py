"""Sentences that carry a figure or a superlative, each worked out from a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from archscope.documents.document import joined, words
from archscope.metrics import METRICS
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.report_queries import leaders
from archscope.units import format_count, format_percent


def _told(report: Report) -> Iterator[str]:
    """The metrics that sentences speak of."""
    return (name for name in ("parameters", "macs") if report.totals[name] is not None)


def largest_component(report: Report) -> str:
    """Which component is the largest, by parameters and by MACs; empty when there is nothing to compare."""
    rows = [row for row in report.components if row.parameters or row.macs]
    if len(rows) < 2:
        return ""
    claims = [(metric, *_leading(report, rows, metric)) for metric in _told(report)]
    if len(claims) == 2 and claims[0][1] == claims[1][1]:
        (_, names, verb, first), (_, _, _, second) = claims
        return f"{names} {verb} the largest part by parameters ({first}) and by MACs ({second})."
    parts = [
        f"{names} {verb} the largest part by {METRICS[metric].label} ({share})"
        for metric, names, verb, share in claims
        if names
    ]
    return f"{' and '.join(parts)}." if parts else ""


def _leading(report: Report, rows: Sequence[ComponentRow], metric: str) -> tuple[str, str, str]:
    """Names, verb and share of the component or components with the largest figure."""
    first = leaders(rows, metric)
    if not first:
        return "", "", ""
    share = format_percent(first[0][metric] or 0, report.totals[metric] or 0)
    return words(joined([row.name for row in first])), "are each" if len(first) > 1 else "is", share


def rounding(report: Report) -> str:
    """What the rounded shares add to, when that is not 100 %."""
    odd = []
    for metric in _told(report):
        whole = report.totals[metric]
        if whole:
            shares = [format_percent(row[metric] or 0, whole) for row in report.components]
            total = sum(Decimal(share.removesuffix(" %")) for share in shares)
            odd += [f"those of {METRICS[metric].label} to {total:.2f} %"] if total != 100 else []
    if not odd:
        return "Parts and shares add to the whole."
    return f"The parts add to the whole exactly. Shares are rounded one by one: {' and '.join(odd)}."


def top_share(report: Report, rows: Sequence[ModuleRow]) -> str:
    """What the largest modules hold together."""
    parts = []
    for metric in ("parameters", "macs"):
        whole = report.totals[metric]
        if whole:
            parts.append(
                f"{format_percent(sum(row[metric] or 0 for row in rows), whole)} of the {METRICS[metric].label}"
            )
    return " and ".join(parts)


def conclusion(report: Report) -> str:
    """The model in a few sentences."""
    totals = report.totals
    least = "" if totals.complete else "at least "
    run = "" if totals.macs is None else f" and {least}{format_count(totals.macs)} MACs"
    sentences = [f"{report.model.name} has {totals.parameters:,} parameters{run}."]
    sentences += [largest_component(report), _most(report)]
    dense = [(row, Fraction(row.macs, row.parameters)) for row in report.components if row.parameters and row.macs]
    if len(dense) > 1:
        ordered = sorted(dense, key=lambda pair: (pair[1], pair[0].name))
        (low, least_work), (high, most_work) = ordered[0], ordered[-1]
        sentences.append(
            f"A parameter does the most work in {high.name} ({round(most_work):,} MACs for each)"
            f" and the least in {low.name} ({round(least_work):,})."
        )
    zero = [row.name for row in report.components if row.parameters and row.macs == 0 and totals.complete]
    if zero:
        sentences.append(f"{words(joined(zero))} {'have' if len(zero) > 1 else 'has'} parameters and no MACs.")
    return " ".join(part for part in sentences if part)


def _most(report: Report) -> str:
    """The fewest components that hold three quarters of the parameters together, if two or more and not all of them."""
    whole, held = report.totals.parameters, 0
    ordered = sorted((row for row in report.components if row.parameters), key=lambda row: (-row.parameters, row.name))
    for count, row in enumerate(ordered, 1):
        held += row.parameters
        if 4 * held >= 3 * whole:
            names = words(joined([row.name for row in ordered[:count]]))
            share = format_percent(held, whole)
            return f"{names} together hold {share} of the parameters." if 1 < count < len(ordered) else ""
    return ""
