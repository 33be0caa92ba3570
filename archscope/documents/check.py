"""A check: what holds first, what fails last, then one tally and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from shlex import quote
from typing import Any

from archscope.documents import document as doc
from archscope.metrics import METRICS
from archscope.policy import FAILED, PASSED, STATUSES, UNPROVEN, WARNED, BudgetResult, CheckResult, Growth
from archscope.report import UNASSIGNED
from archscope.report_queries import shape
from archscope.serial import to_plain
from archscope.units import format_integer, format_percent

MARKS = {PASSED: "PASS", WARNED: "WARN", UNPROVEN: "UNPROVEN", FAILED: "FAIL"}
_TONES = {PASSED: doc.GOOD, WARNED: doc.DOUBTFUL, UNPROVEN: doc.DOUBTFUL, FAILED: doc.BAD}
LOCK_PREFIX = "lock:"  # of the names of results that hold a lock
_COLUMNS = doc.texts("", "budget", "model", "metric") + doc.figures("value", "limit", "over by")
_GROWN = 5  # modules that a result names


def brief_document(result: CheckResult) -> doc.Document:
    """What a terminal shows: exact integers, the failures last."""
    ordered = [row for status in STATUSES for row in result.results if row.status == status]
    findings = []
    told: set[tuple[Growth, ...]] = set()  # a budget and the lock may fail for the same growth: it is told once
    for row in ordered:
        findings.append(_finding(replace(row, growth=()) if row.growth in told else row))
        told.add(row.growth)
    faults = [doc.Finding(mark="ERROR", tone=doc.BAD, title=fault.model, text=fault.what) for fault in result.faults]
    verdicts = (doc.Findings(tuple(findings)), doc.Findings(tuple(faults), close=True))
    return doc.Document(title="", blocks=(*verdicts, *doc.lines(_tally(result), *_next(result))))


def full_document(result: CheckResult, most: int | None = None) -> doc.Document:
    """A table with the worst first, then what failed and why; ``most`` results at most (None: all)."""
    ordered = [row for status in reversed(STATUSES) for row in result.results if row.status == status]
    shown, faults = ordered[:most], result.faults[:most]
    blocks: list[doc.Block] = [doc.Paragraph(_tally(result))]
    wrong = (doc.Finding(mark="ERROR", title=fault.model, text=f"{fault.what} {fault.where}") for fault in faults)
    blocks += [doc.Findings(tuple(wrong))] if faults else []
    blocks += [doc.table(_COLUMNS, map(_cells, shown))] if shown else []
    left = len(ordered) + len(result.faults) - len(shown) - len(faults)
    if left:
        blocks.append(doc.Paragraph(f"{left} more results do not fit here: the log of this step shows them all."))
    told = [_finding(row) for row in shown if details(row)]
    blocks += [doc.Findings(tuple(told))] if told else []
    word = "passed" if result.passed else "failed"
    return doc.Document(title=f"archscope check {word}", blocks=tuple(blocks), level=3)


def drawn_blocks(result: CheckResult) -> Iterator[doc.Block]:
    """For a page: every budget with a bar of how much of its limit is used, then what does not hold and why."""
    columns = _COLUMNS + doc.figures("used") + doc.texts("", "why", optional=True)
    rows = (doc.Row((*_cells(row), *_use(row), row.message), tone=_TONES[row.status]) for row in result.results)
    yield doc.table(columns, rows)
    yield doc.Findings(tuple(_finding(row) for row in result.results if details(row)))


def _use(row: BudgetResult) -> tuple[doc.Cell, doc.Cell]:
    """How much of the limit is used, in percent and as a bar."""
    share = doc.Share(row.value, row.max)
    return (share, doc.Bar(row.value, row.max)) if row.value is not None and row.max else (share, "")


def _cells(row: BudgetResult) -> tuple[doc.Cell, ...]:
    over = doc.Count(row.excess, sign=True) if row.excess else ""
    return (MARKS[row.status], row.name, row.model, _subject(row), value(row), doc.Count(row.max), over)


def value(row: BudgetResult) -> doc.Count:
    """What was found, with its bound."""
    return doc.Count(row.value, least=row.lower_bound)


def _finding(row: BudgetResult) -> doc.Finding:
    mark, tone = MARKS[row.status], _TONES[row.status]
    return doc.Finding(mark=mark, tone=tone, title=row.name, text=statement(row), details=details(row))


def _subject(row: BudgetResult) -> str:
    """What is limited: ``parameters``, ``Neck macs``."""
    return f"{row.component} {row.metric}" if row.component else row.metric


def statement(row: BudgetResult) -> str:
    """The finding in one line: ``parameters 251,144 > max 249,999   over by 1,145 (+0.46 %)``."""
    found = f"{_subject(row)} {value(row)}"
    if row.value is None:
        return f"{_subject(row)} not measured"
    if row.max is None:
        return f"{found}, and no limit to hold it against"
    if row.status == FAILED and row.excess:
        return f"{found} > max {row.max:,}   over by {_excess(row.excess, row.max)}"
    if row.status == UNPROVEN:
        return f"{found}, max {row.max:,}   not proven"
    if row.status == FAILED:
        return f"{found} (max {row.max:,})"
    return f"{found} <= max {row.max:,}   {row.max - row.value:,} left"


def _excess(excess: int, most: int) -> str:
    if not most:
        return format_integer(excess)
    share = format_percent(excess, most)
    return f"{excess:,} (+{'< 0.01 %' if share == '0.00 %' else share})"


def details(row: BudgetResult) -> tuple[str, ...]:
    """Further lines of a result that does not simply pass: its largest parts, notes, where the limit stands and why."""
    lines: list[str] = []
    if row.status == FAILED and [share.name for share in row.largest] not in ([], [UNASSIGNED]):
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
    inputs = dict.fromkeys(
        " and ".join(f"{shape(record.shape)} {record.dtype}" for record in model.inputs)
        for model in result.models
        if model.inputs
    )
    scope = [f"{models} model{'s' if models != 1 else ''}"]
    scope += [f"input{'s' if len(inputs) > 1 else ''} {' | '.join(inputs)}"] if inputs else []
    return f"{', '.join(counts)}  ({', '.join(scope)})"


def _next(result: CheckResult) -> Iterator[str]:
    failed = [row for row in result.results if row.status == FAILED]
    over = [row for row in failed if row.excess]
    if over:
        first = over[0]
        sort = f" --sort {first.metric}" if METRICS[first.metric].additive else ""
        yield f"next: `archscope analyze {quote(first.model)}{sort}` shows where they are"
    if stale := [row.model for row in failed if row.name.startswith(LOCK_PREFIX) and not row.excess]:
        yield f"next: `archscope lock {' '.join(map(quote, dict.fromkeys(stale)))}` writes down what they cost now"
    if any(row.name.startswith(LOCK_PREFIX) and row.excess for row in failed):
        yield 'next: `archscope lock --allow-increase MODEL --reason "..."` locks the growth that is meant'
    unproven = [row for row in result.results if row.status == UNPROVEN]
    if any(row.value is None and not METRICS[row.metric].of_training for row in unproven):
        yield "next: give it an input, --input 1x3x224x224 here or inputs = [...] in the config: then it can be run"
    if any(row.value is not None for row in unproven):
        yield "next: `archscope formulas` lists what is counted; a formula for the operators above makes this provable"


def _record(result: CheckResult) -> dict[str, Any]:
    """``{"passed", "results": [...], "errors": [...]}``; empty texts are null."""
    results = [_row_record(row) for row in result.results]
    return {
        "passed": result.passed,
        "results": results,
        "errors": [_nulls(to_plain(fault)) for fault in result.faults],
    }


def _row_record(row: BudgetResult) -> dict[str, Any]:
    plain = {name: item for name, item in to_plain(row).items() if name != "location"}
    growth = [_nulls(to_plain(item) | {"delta": item.delta}) for item in row.growth]
    return _nulls(plain | {"source": row.source, "growth": growth})


def _nulls(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: None if item == "" and name != "path" else item for name, item in plain.items()}


CHECK: doc.Telling[CheckResult] = doc.Telling(
    brief=brief_document,
    full=full_document,
    record=_record,
    protocols={
        "junit": ("JUnit XML", "archscope.protocols.junit:render_junit"),
        "sarif": ("SARIF 2.1.0", "archscope.protocols.sarif:render_sarif"),
        "github": ("GitHub annotations", "archscope.protocols.annotations:render_annotations"),
    },
)
