"""Sentences that carry a figure or a superlative, each worked out from the report. Markdown; names are escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from archscope.render.facts import blocks, figure, leaders, metrics, ranked, shape
from archscope.render.names import Safe, code, markdown
from archscope.report import ComponentRow, ModuleRow, Report
from archscope.units import format_count, format_integer, format_percent

WORDS = {"parameters": "parameters", "macs": "MACs", "flops": "FLOPs", "activations": "activations"}


def joined(parts: Iterable[str]) -> Safe:
    """``a``, ``a and b``, ``a, b and c``: of parts that are escaped already."""
    *most, last = [*parts] or [""]
    return Safe(f"{', '.join(most)} and {last}" if most else last)


def largest_component(report: Report) -> Safe:
    """Which component is the largest, by parameters and by MACs; empty when there is nothing to compare."""
    rows = [row for row in report.components if row.parameters or row.macs]
    if len(rows) < 2:
        return Safe("")
    claims = [_leading(report, rows, metric) for metric in ("parameters", "macs") if metric in metrics(report)]
    same = len(claims) == 2 and claims[0][0] == claims[1][0]
    if same:
        (names, verb, first), (_, _, second) = claims
        return Safe(f"{names} {verb} the largest part by parameters ({first}) and by MACs ({second}).")
    words = ("parameters", "MACs")
    parts = [
        f"{names} {verb} the largest part by {word} ({share})"
        for (names, verb, share), word in zip(claims, words, strict=False)
        if names
    ]
    return Safe(f"{joined(parts)}.") if parts else Safe("")


def _leading(report: Report, rows: Sequence[ComponentRow], metric: str) -> tuple[str, str, str]:
    """Names, verb and share of the component or components with the largest figure."""
    first = leaders(rows, metric)
    if not first:
        return "", "", ""
    share = format_percent(figure(first[0], metric) or 0, figure(report.totals, metric) or 0)
    return joined(markdown(row.name) for row in first), "are each" if len(first) > 1 else "is", share


def rounding(report: Report) -> Safe:
    """What the rounded shares add to, when that is not 100 %."""
    odd = []
    for metric in ("parameters", "macs"):
        whole = figure(report.totals, metric)
        if whole:
            shares = [format_percent(figure(row, metric) or 0, whole) for row in report.components]
            total = sum(Decimal(share.removesuffix(" %")) for share in shares)
            odd += [f"those of {WORDS[metric]} to {total:.2f} %"] if total != 100 else []
    if not odd:
        return Safe("Parts and shares add to the whole.")
    return Safe(f"The parts add to the whole exactly. Shares are rounded one by one: {joined(odd)}.")


def intensity(report: Report, row: ComponentRow) -> Safe:
    """How often a parameter of ``row`` is used, against the whole model."""
    if not row.parameters or not row.macs or not report.totals.macs or not report.totals.parameters:
        return Safe("")
    here = round(row.macs / row.parameters)
    whole = round(report.totals.macs / report.totals.parameters)
    return Safe(f"{format_integer(here)} MACs per parameter, against {format_integer(whole)} in the whole model.")


def kinds(report: Report, row: ComponentRow) -> Safe:
    """The instances of ``row`` that are alike: same type, same parameters."""
    by_path = {module.path: module for module in report.modules}
    alike = Counter((by_path[path].type, by_path[path].parameters) for path in row.modules)
    return joined(
        (f"{count} x " if count > 1 else "") + f"{code(kind)} of {format_integer(parameters)} parameters"
        for (kind, parameters), count in alike.items()
    )


def holders(report: Report, row: ComponentRow, count: int = 4) -> Safe:
    """The module types that hold the parameters of ``row`` themselves, the largest ``count`` of them."""
    sums: Counter[str] = Counter()
    for module in report.modules:
        if module.component == row.name:
            sums[module.type] += module.own_parameters
    ordered = sorted(((kind, value) for kind, value in sums.items() if value), key=lambda pair: (-pair[1], pair[0]))
    parts = [f"{code(kind)} {format_percent(value, row.parameters)}" for kind, value in ordered[:count]]
    rest = sum(value for _, value in ordered[count:])
    return joined([*parts, *([f"other types {format_percent(rest, row.parameters)}"] if rest else [])])


def reads(report: Report, name: str) -> Safe:
    """What the component ``name`` reads, and from which."""
    return _flows([(flow.source, flow.shape) for flow in report.flows if flow.target == name])


def feeds(report: Report, name: str) -> Safe:
    """Which components read what the component ``name`` makes."""
    return _flows([(flow.target, flow.shape) for flow in report.flows if flow.source == name])


def _flows(ends: Sequence[tuple[str, tuple[int, ...]]]) -> Safe:
    shapes: dict[str, list[str]] = {}
    for name, sizes in ends:
        shapes.setdefault(name, []).append(shape(sizes))
    parts = []
    for name, written in shapes.items():
        shown = ", ".join(written[:3]) + (f" and {len(written) - 3} more" if len(written) > 3 else "")
        parts.append(f"{markdown(name)} ({shown})")
    return joined(parts)


def top_modules(report: Report) -> tuple[ModuleRow, ...]:
    """The ten largest modules that do not overlap."""
    return ranked(blocks(report), "parameters")


def top_share(report: Report, rows: Sequence[ModuleRow]) -> Safe:
    """What the largest modules hold together."""
    parts = []
    for metric in ("parameters", "macs"):
        whole = figure(report.totals, metric)
        if whole:
            held = sum(figure(row, metric) or 0 for row in rows)
            parts.append(f"{format_percent(held, whole)} of the {WORDS[metric]}")
    return joined(parts)


def conclusion(report: Report) -> Safe:
    """The model in a few sentences."""
    totals = report.totals
    least = "" if totals.complete else "at least "
    run = "" if totals.macs is None else f" and {least}{format_count(totals.macs)} MACs"
    sentences = [f"{markdown(report.model.name)} has {format_integer(totals.parameters)} parameters{run}."]
    sentences += [largest_component(report), _most(report)]
    dense = [row for row in report.components if row.parameters and row.macs]
    if len(dense) > 1:
        ordered = sorted(dense, key=lambda row: (Fraction(row.macs or 0, row.parameters), row.name))
        low, high = ordered[0], ordered[-1]
        sentences.append(
            f"A parameter does the most work in {markdown(high.name)} ({_per(high)} MACs for each)"
            f" and the least in {markdown(low.name)} ({_per(low)})."
        )
    zero = [markdown(row.name) for row in report.components if row.parameters and row.macs == 0 and totals.complete]
    if zero:
        sentences.append(f"{joined(zero)} {'have' if len(zero) > 1 else 'has'} parameters and no MACs.")
    return Safe(" ".join(sentence for sentence in sentences if sentence))


def _most(report: Report) -> str:
    """The fewest components that hold three quarters of the parameters together, if two or more and not all of them."""
    whole, held = report.totals.parameters, 0
    ordered = sorted((row for row in report.components if row.parameters), key=lambda row: (-row.parameters, row.name))
    for count, row in enumerate(ordered, 1):
        held += row.parameters
        if 4 * held >= 3 * whole:
            names = joined(markdown(row.name) for row in ordered[:count])
            share = format_percent(held, whole)
            return f"{names} together hold {share} of the parameters." if 1 < count < len(ordered) else ""
    return ""


def _per(row: ComponentRow) -> str:
    return format_integer(round((row.macs or 0) / row.parameters))
