"""A cross-check: the counters side by side, what makes each differ, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from archscope.documents import document as doc
from archscope.report_queries import describe_inputs
from archscope.results.crosscheck import COUNTED, Crosscheck, Difference, PeerResult
from archscope.serial import to_plain

_SHOWN = 6


def brief_document(result: Crosscheck) -> doc.Document:
    """What a terminal shows: the largest differences of each counter."""
    blocks: list[doc.Block] = [_counters(result)]
    for peer in result.results:
        blocks += _explained(peer)
    blocks.append(doc.Paragraph(result.verdict))
    return doc.Document(title=result.model, beside=f"input {describe_inputs(result.inputs)}", blocks=tuple(blocks))


def _full_document(result: Crosscheck) -> doc.Document:
    said = f"Input: {describe_inputs(result.inputs)}. Verdict: {result.verdict}."
    blocks: list[doc.Block] = [doc.Paragraph(said), _counters(result)]
    columns = doc.texts("figure", "operator or module type", "where") + doc.figures("difference")
    for peer in result.results:
        if found := _differences(peer):
            rows = ((kind, d.what, _times(kind, d), doc.Count(d.amount, sign=True)) for kind, d in found)
            blocks += [doc.Heading(peer.peer), doc.table(columns, rows)]
    return doc.Document(title=f"{result.model}: other counters on the same model", blocks=tuple(blocks))


def _counters(result: Crosscheck) -> doc.Table:
    return doc.table(doc.texts("counter", "version") + doc.figures("parameters", "MACs", "ratio", "ms"), _rows(result))


def _rows(result: Crosscheck) -> Iterator[tuple[doc.Cell, ...]]:
    macs = doc.Count(result.macs, least=not result.complete)
    yield "archscope", "", doc.Count(result.parameters), macs, "1.0000", doc.Count(result.milliseconds)
    for peer in result.results:
        if peer.status == COUNTED:
            figures = (doc.Count(peer.parameters), doc.Count(peer.macs), _ratio(peer.macs, result.macs))
            yield peer.peer, peer.version, *figures, doc.Count(peer.milliseconds)
        else:
            yield peer.peer, f"{peer.status}: {peer.detail}", "-", "-", "-", "-"


def _ratio(theirs: int | None, ours: int) -> str:
    return "-" if theirs is None or not ours else f"{Decimal(theirs) / ours:.4f}"


def _differences(peer: PeerResult) -> list[tuple[str, Difference]]:
    return [
        *(("MACs", difference) for difference in peer.macs_differences),
        *(("parameters", difference) for difference in peer.parameter_differences),
    ]


def _explained(peer: PeerResult) -> Iterator[doc.Block]:
    found = _differences(peer)
    if peer.status != COUNTED:
        yield doc.Paragraph(f"{peer.peer}: {peer.status}: {peer.detail}")
    elif not found:
        yield doc.Paragraph(f"{peer.peer} agrees to the unit")
    else:
        yield doc.Paragraph(f"{peer.peer} differs by")
        yield doc.table(
            doc.figures("difference") + doc.texts("of", "by", "calls"),
            ((doc.Count(d.amount, sign=True), kind, d.what, _times(kind, d)) for kind, d in found[:_SHOWN]),
            header=False,
            close=True,
        )
        if len(found) > _SHOWN:
            yield from doc.lines(f"  and {len(found) - _SHOWN} smaller ones (--json - shows them)")


def _times(kind: str, difference: Difference) -> str:
    word = "calls" if kind == "MACs" else "tensors"
    return f"{difference.calls} {word}" if difference.calls else ""


CROSSCHECK: doc.Telling[Crosscheck] = doc.Telling(brief=brief_document, full=_full_document, record=to_plain)
