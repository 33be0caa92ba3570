"""Claims and their verdicts: every claim, then what differs with its causes, then the tally."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.documents import document as doc
from archscope.report_queries import describe_inputs
from archscope.results.claims import DIFFERS, HOLDS, ROUNDS, UNPROVEN, ClaimResult, ClaimsResult
from archscope.serial import to_plain

_TONES = {DIFFERS: doc.BAD, UNPROVEN: doc.DOUBTFUL}


def brief_document(result: ClaimsResult) -> doc.Document:
    """What a terminal shows: the claims in the order of the file."""
    title, beside = result.document or "claims", f"held against {result.model.name}"
    return doc.Document(title=title, beside=beside, blocks=tuple(_brief(result)))


def _brief(result: ClaimsResult) -> Iterator[doc.Block]:
    yield from doc.lines(f"input {describe_inputs(result.inputs)}" if result.inputs else "not run: parameters only")
    columns = doc.names("claim") + doc.figures("published", "found") + doc.texts("verdict")
    told = [(_cells(row, "what", "published", "found", "verdict", "where"), row.verdict) for row in result.results]
    rows = (doc.Row(cells, tone=_TONES.get(verdict, doc.PLAIN)) for cells, verdict in told)
    yield doc.table(columns + doc.names("where it is said", optional=True), rows)
    if wrong := _wrong(result):
        yield doc.Findings(tuple(map(_finding, wrong)), spaced=True)
    yield doc.Paragraph(_tally(result))


def _finding(row: ClaimResult) -> doc.Finding:
    causes = [f"{cause.kind}: {cause.text}" for cause in row.causes] or [_no_cause(row)]
    return doc.Finding(
        mark=row.verdict.upper(),
        tone=_TONES[row.verdict],
        text=f"{row.claim.what}: published {row.claim.value.text}, found {_found(row)}",
        details=(*causes, *((str(row.claim.location),) if row.claim.location else ())),
    )


def _full_document(result: ClaimsResult) -> doc.Document:
    return doc.Document(title=f"Claims about {result.model.name}", blocks=tuple(_full(result)))


def _full(result: ClaimsResult) -> Iterator[doc.Block]:
    """What differs, with its causes, then every claim."""
    inputs = describe_inputs(result.inputs) if result.inputs else "not run"
    held = f"{result.document}, held" if result.document else "Held"
    yield doc.Paragraph((held, f" against the measured figures (input: {inputs}): {_tally(result)}."))
    wrong = _wrong(result)
    if wrong:
        yield doc.Heading("What does not hold")
        yield doc.table(
            doc.texts("claim", "cause") + doc.figures("published", "true"),
            (_cells(row, "what", "why", "published", "found") for row in wrong),
        )
    yield doc.Heading("Every claim")
    yield doc.table(
        doc.texts("claim", "where", "verdict") + doc.figures("published", "found"),
        (_cells(row, "what", "where", "verdict", "published", "found") for row in result.results),
    )


def _wrong(result: ClaimsResult) -> list[ClaimResult]:
    return [row for row in result.results if row.verdict in _TONES]


def _cells(row: ClaimResult, *names: str) -> tuple[str, ...]:
    """What the columns of these names say of a claim."""
    causes = "; ".join(cause.text for cause in row.causes)
    said = {"what": row.claim.what, "where": row.claim.where, "published": row.claim.value.text, "found": _found(row)}
    said |= {"verdict": row.verdict, "causes": causes, "why": causes or _no_cause(row)}
    return tuple(said[name] for name in names)


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


def _data(result: ClaimsResult) -> doc.Table:
    """A row per claim: what, where, published, found, verdict, causes."""
    keys = ("what", "where", "published", "found", "verdict", "causes")
    return doc.table(doc.texts(*keys), (_cells(row, *keys) for row in result.results))


CLAIMS: doc.Telling[ClaimsResult] = doc.Telling(brief=brief_document, full=_full_document, data=_data, record=to_plain)
