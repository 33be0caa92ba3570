"""Claims and their verdicts: every claim, then what differs with its causes, then the tally."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.documents.document import (
    BAD,
    DOUBTFUL,
    PLAIN,
    Block,
    Column,
    Document,
    Finding,
    Findings,
    Heading,
    Inline,
    Paragraph,
    Row,
    Table,
    Telling,
    sentence,
)
from archscope.report_queries import describe_inputs
from archscope.results.claims import DIFFERS, HOLDS, ROUNDS, UNPROVEN, ClaimResult, ClaimsResult
from archscope.serial import to_plain

_TONES = {DIFFERS: BAD, UNPROVEN: DOUBTFUL}


def brief_document(result: ClaimsResult) -> Document:
    """What a terminal shows: the claims in the order of the file."""
    wrong = _wrong(result)
    columns = (
        Column(title="claim", names=True),
        Column(title="published", figures=True),
        Column(title="found", figures=True),
        Column(title="verdict"),
        Column(title="where it is said", names=True, optional=True),
    )
    rows = tuple(
        Row(
            cells=(row.claim.what, row.claim.value.text, _found(row), row.verdict, row.claim.where),
            tone=_TONES.get(row.verdict, PLAIN),
        )
        for row in result.results
    )
    inputs = f"input {describe_inputs(result.inputs)}" if result.inputs else "not run: parameters only"
    return Document(
        title=result.document or "claims",
        beside=f"held against {result.model.name}",
        blocks=(
            Paragraph(text=inputs, close=True),
            Table(columns=columns, rows=rows),
            *((Findings(findings=tuple(map(_finding, wrong)), spaced=True),) if wrong else ()),
            Paragraph(text=_tally(result)),
        ),
    )


def _finding(row: ClaimResult) -> Finding:
    causes = [f"{cause.kind}: {cause.text}" for cause in row.causes] or [_no_cause(row)]
    return Finding(
        mark=row.verdict.upper(),
        tone=_TONES[row.verdict],
        text=f"{row.claim.what}: published {row.claim.value.text}, found {_found(row)}",
        details=(*causes, *((str(row.claim.location),) if row.claim.location else ())),
    )


def _full_document(result: ClaimsResult) -> Document:
    return Document(title=f"Claims about {result.model.name}", blocks=tuple(_full(result)))


def _full(result: ClaimsResult) -> Iterator[Block]:
    """What differs, with its causes, then every claim."""
    inputs = describe_inputs(result.inputs) if result.inputs else "not run"
    document: Inline = f"{result.document}, held" if result.document else "Held"
    yield Paragraph(text=sentence(document, f" against the measured figures (input: {inputs}): {_tally(result)}."))
    wrong = _wrong(result)
    if wrong:
        yield Heading(text="What does not hold")
        yield Table(
            columns=(
                Column(title="claim"),
                Column(title="cause"),
                Column(title="published", figures=True),
                Column(title="true", figures=True),
            ),
            rows=tuple(
                Row(cells=(row.claim.what, _causes(row) or _no_cause(row), row.claim.value.text, _found(row)))
                for row in wrong
            ),
        )
    yield Heading(text="Every claim")
    yield Table(
        columns=(
            Column(title="claim"),
            Column(title="where"),
            Column(title="verdict"),
            Column(title="published", figures=True),
            Column(title="found", figures=True),
        ),
        rows=tuple(
            Row(cells=(row.claim.what, row.claim.where, row.verdict, row.claim.value.text, _found(row)))
            for row in result.results
        ),
    )


def _wrong(result: ClaimsResult) -> list[ClaimResult]:
    return [row for row in result.results if row.verdict in _TONES]


def _causes(row: ClaimResult) -> str:
    return "; ".join(cause.text for cause in row.causes)


def _found(row: ClaimResult) -> str:
    """What was measured or computed; ``-`` when nothing was."""
    if row.found is None:
        return "-"
    return f">= {row.found}" if row.lower_bound else str(row.found)


def _no_cause(row: ClaimResult) -> str:
    """What to say of a claim without a cause."""
    if row.found is None:
        return "not measured: the model was not run"
    if row.verdict == UNPROVEN:
        return "operators without a formula ran: what was found is a lower bound"
    return "no counting fault that archscope knows gives this figure"


def _tally(result: ClaimsResult) -> str:
    """``20 hold (7 rounded), 11 differ``."""
    held = result.count(HOLDS) + result.count(ROUNDS)
    parts = [f"{held} hold ({result.count(ROUNDS)} rounded)", f"{result.count(DIFFERS)} differ"]
    if result.count(UNPROVEN):
        parts.append(f"{result.count(UNPROVEN)} unproven")
    return ", ".join(parts)


def _data(result: ClaimsResult) -> Table:
    """A row per claim: what, where, published, found, verdict, causes."""
    keys = ("what", "where", "published", "found", "verdict", "causes")
    return Table(
        columns=tuple(Column(title=key) for key in keys),
        rows=tuple(
            Row(cells=(row.claim.what, row.claim.where, row.claim.value.text, _found(row), row.verdict, _causes(row)))
            for row in result.results
        ),
    )


CLAIMS: Telling[ClaimsResult] = Telling(brief=brief_document, full=_full_document, data=_data, record=to_plain)
