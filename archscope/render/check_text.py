"""A check in a terminal: what holds first, what fails last, then one tally and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from archscope.policy import (
    FAILED,
    METRICS,
    PASSED,
    STATUSES,
    UNPROVEN,
    WARNED,
    BudgetResult,
    CheckedModel,
    CheckResult,
    Growth,
)
from archscope.render.names import plain
from archscope.render.style import PLAIN, Style
from archscope.units import format_integer, format_percent

MARKS = {PASSED: "PASS", WARNED: "WARN", UNPROVEN: "UNPROVEN", FAILED: "FAIL"}
_COLOURS = {PASSED: "green", WARNED: "yellow", UNPROVEN: "yellow", FAILED: "red"}
LOCK_PREFIX = "lock:"  # of the names of results that hold a lock
MOST_GROWN = 5  # modules that a result names
_INDENT = " " * 9


def render_check_text(result: CheckResult, style: Style = PLAIN) -> str:
    """``result`` as text for people: exact integers, nothing cut."""
    ordered = [row for status in STATUSES for row in result.results if row.status == status]
    names = max((len(safe(row.name)) for row in ordered), default=0)
    lines: list[str] = []
    told: set[tuple[Growth, ...]] = set()  # a budget and the lock may fail for the same growth: it is told once
    for row in ordered:
        lines += _lines(replace(row, growth=()) if row.growth in told else row, names, style)
        told.add(row.growth)
    lines += [f" {style.paint('ERROR', 'red')}  {safe(fault.model)}   {safe(fault.what)}" for fault in result.faults]
    return "\n".join([*lines, tally(result), *_next(result)]) + "\n"


def safe(text: str) -> str:
    r"""``text`` on one line, spelled out where it does not print; ``##[`` and a first ``::`` are commands on GitHub."""
    return re.sub(r"^(?=\s*::)", r"\\", plain(text).replace("##[", r"##\["))


def subject(row: BudgetResult) -> str:
    """What is limited: ``parameters``, ``Neck macs``."""
    return f"{safe(row.component)} {row.metric}" if row.component else row.metric


def statement(row: BudgetResult) -> str:
    """The finding in one line of plain text: ``parameters 251,144 > max 249,999   over by 1,145 (+0.46 %)``."""
    if row.value is None:
        return f"{subject(row)} not measured"
    value = f"{'>= ' if row.lower_bound else ''}{format_integer(row.value)}"
    if row.max is None:
        return f"{subject(row)} {value}, and no limit to hold it against"
    if row.status == FAILED and row.excess:
        return f"{subject(row)} {value} > max {format_integer(row.max)}   over by {_excess(row)}"
    if row.status == UNPROVEN:
        return f"{subject(row)} {value}, max {format_integer(row.max)}   not proven"
    if row.status == FAILED:
        return f"{subject(row)} {value} (max {format_integer(row.max)})"
    left = f"{format_integer(row.max - row.value)} left"
    return f"{subject(row)} {value} <= max {format_integer(row.max)}   {left}"


def _excess(row: BudgetResult) -> str:
    if not row.excess or not row.max:
        return format_integer(row.excess)
    return f"{format_integer(row.excess)} (+{_percent(row.excess, row.max)})"


def _percent(part: int, whole: int) -> str:
    text = format_percent(part, whole)
    return "< 0.01 %" if text == "0.00 %" else text


def details(row: BudgetResult) -> tuple[str, ...]:
    """Further lines of a result that does not simply pass: its largest parts, notes, where the limit stands and why."""
    lines: list[str] = []
    if row.status == FAILED and row.largest:
        parts = " · ".join(f"{safe(share.name)} {format_integer(share.value)}" for share in row.largest)
        lines.append(f"largest: {parts}")
    lines += _growth(row)
    lines += [safe(note) for note in row.notes]
    origin = "   ".join(part for part in (safe(row.source), f'"{safe(row.message)}"' if row.message else "") if part)
    if origin and row.status != PASSED:
        lines.append(origin)
    return tuple(lines)


def _growth(row: BudgetResult) -> Iterator[str]:
    """What grew since the lock: more modules or wider ones, then the first of them, with their shapes."""
    if not row.growth:
        return
    kinds = dict.fromkeys(item.kind for item in row.growth)
    sums = {kind: [item.delta for item in row.growth if item.kind == kind] for kind in kinds}
    parts = [f"{sum(deltas):+,} in {_modules(len(deltas), kind)}" for kind, deltas in sums.items()]
    yield f"since the lock: {' · '.join(parts)}"
    for item in row.growth[:MOST_GROWN]:
        yield f"  {item.delta:+,}  {_grown(item)}"
    if len(row.growth) > MOST_GROWN:
        rest = sum(item.delta for item in row.growth[MOST_GROWN:])
        yield f"  {rest:+,}  in {_modules(len(row.growth) - MOST_GROWN, 'more')}"


def _modules(count: int, kind: str) -> str:
    return f"{count} {kind} module{'s' if count != 1 else ''}"


def _grown(item: Growth) -> str:
    name = f"{safe(item.path) or '(the model itself)'} {safe(item.type)}"
    if item.kind == "new":
        return f"{name}: new, {item.shapes_after or 'not run'}"
    if item.kind == "removed":
        return f"{name}: removed"
    shapes = f"{item.shapes_after}, before {item.shapes_before}" if item.kind == "wider" else item.shapes_after
    return f"{name}: {item.kind}, {format_integer(item.before)} to {format_integer(item.after)}, {shapes or 'not run'}"


def tally(result: CheckResult) -> str:
    """``1 failed, 3 passed  (2 models, input 1x3x640x640 float32)``; what could not be checked comes first."""
    counts = [f"{len(result.faults)} not checked"] if result.faults else []
    counts += [f"{result.count(status)} {status}" for status in reversed(STATUSES) if result.count(status)]
    models = len({row.name for row in result.models} | {row.model for row in result.faults})
    scope = [f"{models} model{'s' if models != 1 else ''}", *_inputs(result.models)]
    return f"{', '.join(counts)}  ({', '.join(scope)})"


def _inputs(models: tuple[CheckedModel, ...]) -> Iterator[str]:
    shown = dict.fromkeys(
        " and ".join(f"{'x'.join(map(str, record.shape))} {record.dtype}" for record in model.inputs)
        for model in models
        if model.inputs
    )
    if len(shown) == 1:
        yield f"input {next(iter(shown))}"
    elif shown:
        yield f"inputs {' | '.join(shown)}"


def _lines(row: BudgetResult, width: int, style: Style) -> Iterator[str]:
    mark = style.paint(MARKS[row.status], _COLOURS[row.status])
    name = safe(row.name)
    yield f" {mark}  {name}{' ' * (width - len(name))}   {statement(row)}"
    for line in details(row):
        yield f"{_INDENT}{line}"


def _next(result: CheckResult) -> Iterator[str]:
    failed = [row for row in result.results if row.status == FAILED]
    if failed:
        first = failed[0]
        metric = METRICS[first.metric]
        sort = f" --sort {metric.name}" if metric.additive else ""
        yield f"next: `archscope analyze {safe(first.model)}{sort}` shows where they are"
    if any(row.name.startswith(LOCK_PREFIX) and row.excess for row in failed):
        yield 'next: `archscope lock --allow-increase MODEL --reason "..."` locks the growth that is meant'
    unproven = [row for row in result.results if row.status == UNPROVEN]
    if any(row.value is None and not METRICS[row.metric].of_training for row in unproven):
        yield "next: give it an input, --input 1x3x224x224 here or inputs = [...] in the config: then it can be run"
    if any(row.value is not None for row in unproven):
        yield "next: `archscope formulas` lists what is counted; a formula for the operators above makes this provable"
