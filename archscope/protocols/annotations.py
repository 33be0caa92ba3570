"""A check as GitHub annotations: one workflow command for each finding, at the line of its budget.

GitHub shows at most ten annotations of a step, so the tenth says how many there are besides.
Escapes: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from archscope.documents.check import details, statement
from archscope.policy import FAILED, UNPROVEN, WARNED, BudgetResult, CheckResult, Fault
from archscope.render.names import plain
from archscope.render.names import safe_line as safe

MOST = 9
_LEVELS = {FAILED: "error", UNPROVEN: "error", WARNED: "warning"}


def render_annotations(result: CheckResult) -> str:
    """The worst first: what could not be checked, what failed, what is unproven, what is close to its limit."""
    commands = [_fault(fault) for fault in result.faults]
    for status in _LEVELS:
        commands += [_result(row) for row in result.results if row.status == status]
    shown = commands[:MOST]
    if len(commands) > MOST:
        shown.append(f"::notice title=archscope::{len(commands) - MOST} more: the log of this step shows them all")
    return "".join(f"{command}\n" for command in shown)


def _result(row: BudgetResult) -> str:
    words = "\n".join([safe(statement(row)), *map(safe, details(row))])
    return _command(_LEVELS[row.status], words, title=f"archscope: {safe(row.model)} {safe(row.name)}", row=row)


def _fault(fault: Fault) -> str:
    lines = [fault.what, f"at {fault.where}" if fault.where else "", fault.help]
    words = "\n".join(safe(line) for line in lines if line)
    return _command("error", words, title=f"archscope: {safe(fault.model)} was not checked")


def _command(level: str, words: str, *, title: str, row: BudgetResult | None = None) -> str:
    place = row.location if row else None
    properties = {"file": plain(place.file), "line": str(place.line)} if place else {}
    written = ",".join(f"{name}={_property(value)}" for name, value in (properties | {"title": title}).items())
    return f"::{level} {written}::{_data(words)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
