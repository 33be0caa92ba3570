"""A check: what holds first, what fails last, then one tally and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from shlex import quote
from typing import Any

from archscope.documents.document import (
    BAD,
    DOUBTFUL,
    GOOD,
    Block,
    Column,
    Count,
    Document,
    Finding,
    Findings,
    Paragraph,
    Row,
    Table,
    Telling,
)
from archscope.metrics import METRICS
from archscope.policy import (
    FAILED,
    PASSED,
    STATUSES,
    UNPROVEN,
    WARNED,
    BudgetResult,
    CheckedModel,
    CheckResult,
    Growth,
)
from archscope.report_queries import shape
from archscope.serial import to_plain
from archscope.units import format_integer, format_percent

MARKS = {PASSED: "PASS", WARNED: "WARN", UNPROVEN: "UNPROVEN", FAILED: "FAIL"}
_TONES = {PASSED: GOOD, WARNED: DOUBTFUL, UNPROVEN: DOUBTFUL, FAILED: BAD}
LOCK_PREFIX = "lock:"  # of the names of results that hold a lock
_GROWN = 5  # modules that a result names


def brief_document(result: CheckResult) -> Document:
    """What a terminal shows: exact integers, the failures last."""
    ordered = [row for status in STATUSES for row in result.results if row.status == status]
    findings = []
    told: set[tuple[Growth, ...]] = set()  # a budget and the lock may fail for the same growth: it is told once
    for row in ordered:
        findings.append(_finding(replace(row, growth=()) if row.growth in told else row))
        told.add(row.growth)
    faults = [Finding(mark="ERROR", tone=BAD, title=fault.model, text=fault.what) for fault in result.faults]
    ending = [_tally(result), *_next(result)]
    return Document(
        title="",
        blocks=(
            Findings(findings=tuple(findings)),
            Findings(findings=tuple(faults), close=True),
            *(Paragraph(text=line, close=True) for line in ending),
        ),
    )


def full_document(result: CheckResult, most: int | None = None) -> Document:
    """A table with the worst first, then what failed and why; ``most`` results at most (None: all)."""
    word = "passed" if result.passed else "failed"
    ordered = [row for status in reversed(STATUSES) for row in result.results if row.status == status]
    shown = ordered[:most]
    faults = result.faults[:most]
    blocks: list[Block] = [Paragraph(text=_tally(result))]
    if faults:
        rows = (Finding(mark="ERROR", title=fault.model, text=f"{fault.what} {fault.where}") for fault in faults)
        blocks.append(Findings(findings=tuple(rows)))
    if shown:
        blocks.append(_table(shown))
    left = len(ordered) + len(result.faults) - len(shown) - len(faults)
    if left:
        blocks.append(Paragraph(text=f"{left} more results do not fit here: the log of this step shows them all."))
    told = [_finding(row) for row in shown if details(row)]
    blocks += [Findings(findings=tuple(told))] if told else []
    return Document(title=f"archscope check {word}", blocks=tuple(blocks), level=3)


def _table(rows: Sequence[BudgetResult]) -> Table:
    return Table(
        columns=(
            *(Column(title=title) for title in ("", "budget", "model", "metric")),
            *(Column(title=title, figures=True) for title in ("value", "limit", "over by")),
        ),
        rows=tuple(
            Row(
                cells=(
                    MARKS[row.status],
                    row.name,
                    row.model,
                    _subject(row),
                    Count(row.value, least=row.lower_bound),
                    Count(row.max),
                    Count(row.excess, sign=True) if row.excess else "",
                )
            )
            for row in rows
        ),
    )


def _finding(row: BudgetResult) -> Finding:
    return Finding(
        mark=MARKS[row.status], tone=_TONES[row.status], title=row.name, text=statement(row), details=details(row)
    )


def _subject(row: BudgetResult) -> str:
    """What is limited: ``parameters``, ``Neck macs``."""
    return f"{row.component} {row.metric}" if row.component else row.metric


def statement(row: BudgetResult) -> str:
    """The finding in one line: ``parameters 251,144 > max 249,999   over by 1,145 (+0.46 %)``."""
    subject, value = _subject(row), str(Count(row.value, least=row.lower_bound))
    if row.value is None:
        return f"{subject} not measured"
    if row.max is None:
        return f"{subject} {value}, and no limit to hold it against"
    if row.status == FAILED and row.excess:
        return f"{subject} {value} > max {row.max:,}   over by {_excess(row.excess, row.max)}"
    if row.status == UNPROVEN:
        return f"{subject} {value}, max {row.max:,}   not proven"
    if row.status == FAILED:
        return f"{subject} {value} (max {row.max:,})"
    return f"{subject} {value} <= max {row.max:,}   {row.max - row.value:,} left"


def _excess(excess: int, most: int) -> str:
    if not most:
        return format_integer(excess)
    share = format_percent(excess, most)
    return f"{excess:,} (+{'< 0.01 %' if share == '0.00 %' else share})"


def details(row: BudgetResult) -> tuple[str, ...]:
    """Further lines of a result that does not simply pass: its largest parts, notes, where the limit stands and why."""
    lines: list[str] = []
    if row.status == FAILED and row.largest:
        lines.append(f"largest: {' · '.join(f'{share.name} {share.value:,}' for share in row.largest)}")
    lines += [*_growth(row), *row.notes]
    origin = "   ".join(part for part in (row.source, f'"{row.message}"' if row.message else "") if part)
    return (*lines, origin) if origin and row.status != PASSED else tuple(lines)


def _growth(row: BudgetResult) -> Iterator[str]:
    """What grew since the lock: more modules or wider ones, then the first of them, with their shapes."""
    if not row.growth:
        return
    kinds = dict.fromkeys(item.kind for item in row.growth)
    sums = {kind: [item.delta for item in row.growth if item.kind == kind] for kind in kinds}
    parts = [f"{sum(deltas):+,} in {_modules(len(deltas), kind)}" for kind, deltas in sums.items()]
    yield f"since the lock: {' · '.join(parts)}"
    for item in row.growth[:_GROWN]:
        yield f"  {item.delta:+,}  {_grown(item)}"
    if len(row.growth) > _GROWN:
        rest = sum(item.delta for item in row.growth[_GROWN:])
        yield f"  {rest:+,}  in {_modules(len(row.growth) - _GROWN, 'more')}"


def _modules(count: int, kind: str) -> str:
    return f"{count} {kind} module{'s' if count != 1 else ''}"


def _grown(item: Growth) -> str:
    name = f"{item.path or '(the model itself)'} {item.type}"
    if item.kind == "new":
        return f"{name}: new, {item.shapes_after or 'not run'}"
    if item.kind == "removed":
        return f"{name}: removed"
    shapes = f"{item.shapes_after}, before {item.shapes_before}" if item.kind == "wider" else item.shapes_after
    return f"{name}: {item.kind}, {item.before:,} to {item.after:,}, {shapes or 'not run'}"


def _tally(result: CheckResult) -> str:
    """``1 failed, 3 passed  (2 models, input 1x3x640x640 float32)``; what could not be checked comes first."""
    counts = [f"{len(result.faults)} not checked"] if result.faults else []
    counts += [f"{result.count(status)} {status}" for status in reversed(STATUSES) if result.count(status)]
    models = len({row.name for row in result.models} | {row.model for row in result.faults})
    scope = [f"{models} model{'s' if models != 1 else ''}", *_inputs(result.models)]
    return f"{', '.join(counts)}  ({', '.join(scope)})"


def _inputs(models: tuple[CheckedModel, ...]) -> Iterator[str]:
    shown = dict.fromkeys(
        " and ".join(f"{shape(record.shape)} {record.dtype}" for record in model.inputs)
        for model in models
        if model.inputs
    )
    if shown:
        yield f"input{'s' if len(shown) > 1 else ''} {' | '.join(shown)}"


def _next(result: CheckResult) -> Iterator[str]:
    failed = [row for row in result.results if row.status == FAILED]
    if failed:
        first = failed[0]
        sort = f" --sort {first.metric}" if METRICS[first.metric].additive else ""
        yield f"next: `archscope analyze {quote(first.model)}{sort}` shows where they are"
    if any(row.name.startswith(LOCK_PREFIX) and row.excess for row in failed):
        yield 'next: `archscope lock --allow-increase MODEL --reason "..."` locks the growth that is meant'
    unproven = [row for row in result.results if row.status == UNPROVEN]
    if any(row.value is None and not METRICS[row.metric].of_training for row in unproven):
        yield "next: give it an input, --input 1x3x224x224 here or inputs = [...] in the config: then it can be run"
    if any(row.value is not None for row in unproven):
        yield "next: `archscope formulas` lists what is counted; a formula for the operators above makes this provable"


def _record(result: CheckResult) -> dict[str, Any]:
    """``{"passed", "results": [...], "errors": [...]}``; empty texts are null."""
    return {
        "passed": result.passed,
        "results": [
            _nulls(
                {name: value for name, value in to_plain(row).items() if name != "location"}
                | {
                    "source": row.source,
                    "growth": [_nulls(to_plain(item) | {"delta": item.delta}) for item in row.growth],
                }
            )
            for row in result.results
        ],
        "errors": [_nulls(to_plain(fault)) for fault in result.faults],
    }


def _nulls(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value == "" and name != "path" else value for name, value in plain.items()}


CHECK: Telling[CheckResult] = Telling(
    brief=brief_document,
    full=full_document,
    record=_record,
    protocols={
        "junit": ("JUnit XML", "archscope.protocols.junit:render_junit"),
        "sarif": ("SARIF 2.1.0", "archscope.protocols.sarif:render_sarif"),
        "github": ("GitHub annotations", "archscope.protocols.annotations:render_annotations"),
    },
)
