"""Claims and their verdicts in a terminal: what holds first, then what differs with its causes, then the tally."""

from __future__ import annotations

from archscope.render.facts import describe_inputs
from archscope.render.names import plain
from archscope.render.style import PLAIN, Column, Style, lay_out
from archscope.results.claims import DIFFERS, HOLDS, ROUNDS, UNPROVEN, ClaimResult, ClaimsResult

_COLOURS = {HOLDS: "green", ROUNDS: "green", DIFFERS: "red", UNPROVEN: "yellow"}


def render_claims_text(result: ClaimsResult, style: Style = PLAIN) -> str:
    """``result`` as text for people, in the order of the file."""
    lines = [
        f"{style.bold(plain(result.document or 'claims'))}  held against {plain(result.model.name)}",
        plain(f"input {describe_inputs(result.inputs)}" if result.inputs else "not run: parameters only"),
        "",
    ]
    columns = (
        Column(title="claim", names=True),
        Column(title="published", right=True),
        Column(title="found", right=True),
        Column(title="verdict"),
        Column(title="where it is said", names=True, optional=True),
    )
    rows = [(row.claim.what, row.claim.value.text, found(row), row.verdict, row.claim.where) for row in result.results]
    table = lay_out(columns, rows, style)
    lines.append(table[0])
    for row, line in zip(result.results, table[1:], strict=True):
        lines.append(style.paint(line, _COLOURS[row.verdict]) if row.verdict in {DIFFERS, UNPROVEN} else line)
    wrong = [row for row in result.results if row.verdict in {DIFFERS, UNPROVEN}]
    for row in wrong:
        lines += ["", f"{style.paint(row.verdict.upper(), _COLOURS[row.verdict])}  {plain(_sentence(row))}"]
        lines += [f"  {cause.kind}: {plain(cause.text)}" for cause in row.causes]
        lines += [f"  {no_cause(row)}"] if not row.causes else []
        lines += [f"  {plain(str(row.claim.location))}"] if row.claim.location else []
    lines += ["", tally(result)]
    return "\n".join(lines) + "\n"


def found(row: ClaimResult) -> str:
    """What was measured or computed; ``-`` when nothing was."""
    if row.found is None:
        return "-"
    return f">= {row.found}" if row.lower_bound else str(row.found)


def _sentence(row: ClaimResult) -> str:
    return f"{row.claim.what}: published {row.claim.value.text}, found {found(row)}"


def no_cause(row: ClaimResult) -> str:
    """What to say of a claim without a cause."""
    if row.found is None:
        return "not measured: the model was not run"
    if row.verdict == UNPROVEN:
        return "operators without a formula ran: what was found is a lower bound"
    return "no counting fault that archscope knows gives this figure"


def tally(result: ClaimsResult) -> str:
    """``20 hold (7 rounded), 11 differ``."""
    held = result.count(HOLDS) + result.count(ROUNDS)
    parts = [f"{held} hold ({result.count(ROUNDS)} rounded)", f"{result.count(DIFFERS)} differ"]
    if result.count(UNPROVEN):
        parts.append(f"{result.count(UNPROVEN)} unproven")
    return ", ".join(parts)
