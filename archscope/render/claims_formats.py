"""The formats of claims: what ``archscope claims --<key> FILE`` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from types import MappingProxyType

from archscope.render import Format
from archscope.render.claims_text import found
from archscope.render.names import cell
from archscope.results.claims import ClaimsResult

CLAIMS_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.render.claims_formats:render_claims_json"),
        "md": Format(title="Markdown", renderer="archscope.render.claims_markdown:render_claims_markdown"),
        "csv": Format(title="CSV", renderer="archscope.render.claims_formats:render_claims_csv"),
    }
)


def render_claims_json(result: ClaimsResult) -> str:
    """``result`` as JSON."""
    return result.to_json()


def render_claims_csv(result: ClaimsResult) -> str:
    """A row per claim: what, where, published, found, verdict, causes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("what", "where", "published", "found", "verdict", "causes"))
    for row in result.results:
        causes = "; ".join(cause.text for cause in row.causes)
        texts = (row.claim.what, row.claim.where, row.claim.value.text, found(row), row.verdict, causes)
        writer.writerow([cell(text) for text in texts])
    return out.getvalue()
