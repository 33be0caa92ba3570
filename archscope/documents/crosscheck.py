"""A cross-check: the counters side by side, what makes each differ, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from archscope.documents.document import (
    Block,
    Cell,
    Column,
    Count,
    Document,
    Heading,
    Paragraph,
    Row,
    Table,
    Telling,
)
from archscope.report_queries import describe_inputs
from archscope.results.crosscheck import COUNTED, Crosscheck, Difference, PeerResult
from archscope.serial import to_plain

_TITLES = ("counter", "version", "parameters", "MACs", "ratio", "ms")
_SHOWN = 6


def brief_document(result: Crosscheck) -> Document:
    """What a terminal shows: the largest differences of each counter."""
    blocks: list[Block] = [_counters(result)]
    for peer in result.results:
        blocks += _explained(peer)
    blocks.append(Paragraph(text=result.verdict))
    return Document(title=result.model, beside=f"input {describe_inputs(result.inputs)}", blocks=tuple(blocks))


def _full_document(result: Crosscheck) -> Document:
    blocks: list[Block] = [
        Paragraph(text=f"Input: {describe_inputs(result.inputs)}. Verdict: {result.verdict}."),
        _counters(result),
    ]
    for peer in result.results:
        found = _differences(peer)
        if found:
            titles = ("figure", "operator or module type", "where", "difference")
            blocks += [
                Heading(text=peer.peer),
                Table(
                    columns=tuple(Column(title=title, figures=title == "difference") for title in titles),
                    rows=tuple(
                        Row(cells=(kind, d.what, _times(kind, d), Count(d.amount, sign=True))) for kind, d in found
                    ),
                ),
            ]
    return Document(title=f"{result.model}: other counters on the same model", blocks=tuple(blocks))


def _counters(result: Crosscheck) -> Table:
    return Table(
        columns=tuple(Column(title=title, figures=title not in {"counter", "version"}) for title in _TITLES),
        rows=tuple(Row(cells=cells) for cells in _rows(result)),
    )


def _rows(result: Crosscheck) -> Iterator[tuple[Cell, ...]]:
    macs = Count(result.macs, least=not result.complete)
    yield "archscope", "", Count(result.parameters), macs, "1.0000", Count(result.milliseconds)
    for peer in result.results:
        if peer.status == COUNTED:
            figures = (Count(peer.parameters), Count(peer.macs), _ratio(peer.macs, result.macs))
            yield peer.peer, peer.version, *figures, Count(peer.milliseconds)
        else:
            yield peer.peer, f"{peer.status}: {peer.detail}", "-", "-", "-", "-"


def _ratio(theirs: int | None, ours: int) -> str:
    return "-" if theirs is None or not ours else f"{round(Decimal(theirs) / ours, 4):.4f}"


def _differences(peer: PeerResult) -> list[tuple[str, Difference]]:
    return [
        *(("MACs", difference) for difference in peer.macs_differences),
        *(("parameters", difference) for difference in peer.parameter_differences),
    ]


def _explained(peer: PeerResult) -> Iterator[Block]:
    found = _differences(peer)
    if peer.status != COUNTED:
        yield Paragraph(text=f"{peer.peer}: {peer.status}: {peer.detail}")
    elif not found:
        yield Paragraph(text=f"{peer.peer} agrees to the unit")
    else:
        yield Paragraph(text=f"{peer.peer} differs by")
        yield Table(
            columns=(
                Column(title="difference", figures=True),
                Column(title="of"),
                Column(title="by"),
                Column(title="calls"),
            ),
            rows=tuple(
                Row(cells=(Count(d.amount, sign=True), kind, d.what, _times(kind, d))) for kind, d in found[:_SHOWN]
            ),
            header=False,
            close=True,
        )
        if len(found) > _SHOWN:
            yield Paragraph(text=f"  and {len(found) - _SHOWN} smaller ones (--json - shows them)", close=True)


def _times(kind: str, difference: Difference) -> str:
    word = "calls" if kind == "MACs" else "tensors"
    return f"{difference.calls} {word}" if difference.calls else ""


CROSSCHECK: Telling[Crosscheck] = Telling(brief=brief_document, full=_full_document, record=to_plain)
