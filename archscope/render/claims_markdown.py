"""Claims and their verdicts as Markdown."""

from __future__ import annotations

from archscope.render.claims_text import found, no_cause, tally
from archscope.render.facts import describe_inputs
from archscope.render.markdown_table import markdown_table
from archscope.render.names import markdown
from archscope.results.claims import DIFFERS, UNPROVEN, ClaimsResult


def render_claims_markdown(result: ClaimsResult) -> str:
    """What differs, with its causes, then every claim."""
    return "\n\n".join([f"# Claims about {markdown(result.model.name)}", *claims_sections(result)]) + "\n"


def claims_sections(result: ClaimsResult, level: int = 2) -> list[str]:
    """The paragraphs below the title: for a page of their own or as part of a report; ``level`` is their heading's."""
    inputs = describe_inputs(result.inputs) if result.inputs else "not run"
    document = f"{markdown(result.document)}, held" if result.document else "Held"
    parts = [f"{document} against the measured figures (input: {markdown(inputs)}): {tally(result)}."]
    wrong = [row for row in result.results if row.verdict in {DIFFERS, UNPROVEN}]
    if wrong:
        rows = [
            (
                row.claim.what,
                markdown("; ".join(cause.text for cause in row.causes) or no_cause(row)),
                row.claim.value.text,
                found(row),
            )
            for row in wrong
        ]
        parts += [
            f"{'#' * level} What does not hold",
            markdown_table(("claim", "cause", "published", "true"), rows, left=2),
        ]
    every = [(row.claim.what, row.claim.where, row.verdict, row.claim.value.text, found(row)) for row in result.results]
    parts += [
        f"{'#' * level} Every claim",
        markdown_table(("claim", "where", "verdict", "published", "found"), every, left=3),
    ]
    return parts
