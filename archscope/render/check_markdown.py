"""A check as Markdown: for a pull request's comment or the summary of a CI job."""

from __future__ import annotations

from archscope.policy import STATUSES, BudgetResult, CheckResult
from archscope.render.check_text import MARKS, details, statement, tally
from archscope.render.names import markdown
from archscope.units import format_integer

_HEAD = "| | budget | model | metric | value | limit | over by |\n|---|---|---|---|---:|---:|---:|\n"
_RESERVE = 200  # bytes for the line that says what was left out


def render_check_markdown(result: CheckResult, most_bytes: int | None = None) -> str:
    """A heading, one row for each budget with the worst first, then what failed and why.

    With ``most_bytes``, rows and paragraphs that do not fit are counted instead of shown.
    """
    word = "passed" if result.passed else "failed"
    head = f"### archscope check {word}\n\n{markdown(tally(result))}\n\n"
    ordered = [row for status in reversed(STATUSES) for row in result.results if row.status == status]
    faults = [
        f"- **ERROR** {markdown(fault.model)}: {markdown(fault.what)} {markdown(fault.where)}\n"
        for fault in result.faults
    ]
    rows = [_row(row) for row in ordered]
    notes = [_note(row) for row in ordered if details(row)]
    budget = None if most_bytes is None else most_bytes - len((head + _HEAD).encode()) - _RESERVE
    shown: list[list[str]] = []
    for parts in (faults, rows, notes):
        kept = _fitting(parts, budget)
        budget = None if budget is None else budget - sum(len(part.encode()) for part in kept)
        shown.append(kept)
    left = len(faults) + len(rows) - len(shown[0]) - len(shown[1])
    more = f"\n{left} more results do not fit here: the log of this step shows them all.\n" if left else ""
    table = _HEAD + "".join(shown[1]) if shown[1] else ""
    return head + "".join(shown[0]) + ("\n" if shown[0] else "") + table + more + "".join(shown[2])


def _fitting(parts: list[str], most_bytes: int | None) -> list[str]:
    kept: list[str] = []
    size = 0
    for part in parts:
        size += len(part.encode())
        if most_bytes is not None and size > most_bytes:
            break
        kept.append(part)
    return kept


def _row(row: BudgetResult) -> str:
    metric = f"{row.component} {row.metric}" if row.component else row.metric
    value = f"{'>= ' if row.lower_bound and row.value is not None else ''}{format_integer(row.value)}"
    excess = f"+{format_integer(row.excess)}" if row.excess else ""
    cells = [MARKS[row.status], row.name, row.model, metric, value, format_integer(row.max), excess]
    return f"| {' | '.join(map(markdown, cells))} |\n"


def _note(row: BudgetResult) -> str:
    lines = "".join(f"  <br>{markdown(line)}\n" for line in details(row))
    return f"\n- **{MARKS[row.status]}** {markdown(row.name)}: {markdown(statement(row))}\n{lines}"
