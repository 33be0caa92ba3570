"""Blocks of a README or a model card that say what a model costs, between comments that name the model."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from archscope.documents.columns import rounded, was_run
from archscope.documents.document import Document
from archscope.documents.report_tables import largest_table
from archscope.errors import UsageError, did_you_mean
from archscope.metrics import METRICS, Rows, carried_by
from archscope.protocols.badge import badge_link
from archscope.render.formats.markdown import render_markdown
from archscope.report import Report
from archscope.report_queries import describe_inputs

KINDS = ("table", "badge", "line", "metadata")
_OPEN = re.compile(r"(?:<!--\s*archscope:(?P<html>.*)-->|#\s*archscope:(?P<yaml>.*))", re.DOTALL)
_CLOSE = re.compile(r"(?:<!--\s*/archscope\s*-->|#\s*/archscope)")
_LONGEST = 10_000  # characters of a mark
_FENCE = re.compile(r"(```|~~~)")
_FIGURES = ("parameters", "macs", "flops")
_COMPONENTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the comment before a block asks for: ``MODEL KIND [METRIC] [--input ...] [--set ...]``."""

    model: str
    kind: str
    metric: str
    inputs: tuple[str, ...]
    settings: tuple[str, ...]
    yaml: bool


def refreshed(text: str, file: str, measure: Callable[[Mark], Report]) -> str:
    """``text`` with every marked block saying what ``measure`` finds now; marks inside of code fences are text.

    Raises UsageError with the line for a mark that cannot be read and for a block without an end.
    """
    lines = text.splitlines(keepends=True)
    bare = [line.strip() for line in lines]
    made: list[str] = []
    fence = ""
    at = 0
    while at < len(lines):
        line, found, opened = lines[at], _FENCE.match(bare[at]), None
        if found and (not fence or found[1] == fence):
            fence = "" if fence else found[1]
        elif not fence:
            opened = _OPEN.fullmatch(bare[at])
        made.append(line)
        at += 1
        if opened is None:
            continue
        mark = _mark((opened["html"] or opened["yaml"] or "").strip(), f"{file}:{at}", yaml=opened["html"] is None)
        end = next((place for place in range(at, len(lines)) if _CLOSE.fullmatch(bare[place])), None)
        again = next((place for place in range(at, len(lines)) if _OPEN.fullmatch(bare[place])), len(lines))
        if end is None or again < end:
            close = "# /archscope" if mark.yaml else "<!-- /archscope -->"
            raise UsageError("the block has no end", where=f"{file}:{at}", help=f"add a line {close} below it")
        ending = "\r\n" if line.endswith("\r\n") else "\n"
        made += [f"{part}{ending}" for part in content(mark, measure(mark)).splitlines()]
        at = end
    return "".join(made)


def content(mark: Mark, report: Report) -> str:
    """What a block says of ``report``."""
    if mark.kind == "badge":
        return badge_link(report, mark.metric)
    if mark.kind == "metadata":
        told = [name for name in carried_by(Rows.TOTALS) if name in _FIGURES and report.totals[name] is not None]
        return "\n".join(f"{name}: {report.totals[name]}" for name in told)
    if mark.kind == "table":
        shown = _FIGURES if was_run(report) else _FIGURES[:1]
        table = largest_table(report, shown, _COMPONENTS, "")
        return f"\n{render_markdown(Document(title='', blocks=(table,))).strip()}\n"
    figures = [
        f"{'>= ' * (METRICS[name].lower_bound and not report.totals.complete)}{rounded(report.totals, name)} "
        f"{METRICS[name].label}"
        for name in _FIGURES
        if report.totals[name] is not None
    ]
    inputs = f" for {describe_inputs(report.inputs)}" if report.inputs else ""
    return f"{', '.join(figures)}{inputs}"


def _mark(text: str, where: str, *, yaml: bool) -> Mark:
    if len(text) > _LONGEST:
        raise UsageError(f"the mark has {len(text):,} characters", where=where, help=_HELP)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"the mark cannot be read: {error}", where=where, help=_HELP) from error
    given: dict[str, list[str]] = {"--input": [], "--set": []}
    rest: list[str] = []
    while words:
        word = words.pop(0)
        if word in given and words:
            given[word].append(words.pop(0))
        else:
            rest.append(word)
    model, kind, metric, *more = [*rest, *[""] * (3 - len(rest))]
    if not model or kind not in KINDS or more:
        raise UsageError(f"the mark says {text!r}", where=where, help=f"{did_you_mean(kind, KINDS)}{_HELP}")
    if metric and metric not in carried_by(Rows.TOTALS):
        raise UsageError(f"there is no metric {metric!r}", where=where, help=did_you_mean(metric, METRICS) or _HELP)
    return Mark(
        model=model,
        kind=kind,
        metric=metric or "parameters",
        inputs=tuple(given["--input"]),
        settings=tuple(given["--set"]),
        yaml=yaml,
    )


_HELP = "write <!-- archscope: MODEL table|badge|line|metadata [METRIC] [--input 1x3x224x224] -->"
