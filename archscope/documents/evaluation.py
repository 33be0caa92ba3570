"""An evaluation by the WIDER FACE protocol: the average precisions, the curves behind them, what was missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archscope.documents import document as doc
from archscope.documents.curves import Curve, Curves
from archscope.documents.pictures import COLORS
from archscope.results.detection import Difficulty, Evaluation
from archscope.serial import to_plain

_ORDERS = {
    "sorted": "predictions sorted by score, as the official code does",
    "input": "predictions in the order of their files, as a common Python port takes them",
}


def _document(result: Evaluation) -> doc.Document:
    rows = ((one.name, doc.Count(one.faces), _ap(one), doc.Count(one.hits[-1])) for one in result.difficulties)
    columns = (*doc.texts("list"), *doc.figures("faces", "AP", "faces found"))
    blocks: tuple[doc.Block, ...] = (doc.table(columns, rows), *doc.together(map(doc.Paragraph, _notes(result))))
    return doc.Document(title=result.subject, beside="WIDER FACE protocol", blocks=blocks)


def _ap(one: Difficulty) -> str:
    return "-" if one.ap is None else f"{100 * one.ap:.2f} %"


def _notes(result: Evaluation) -> Iterator[str]:
    yield f"{result.predictions:,} predictions on {result.pictures:,} pictures; {_ORDERS[result.order]}"
    if result.missing:
        yield f"{result.missing:,} pictures have no prediction file: they count as empty"
    if result.strangers:
        yield f"{result.strangers:,} prediction files belong to no picture: they do not count"
    if any(one.ap is None for one in result.difficulties):
        yield "a list without faces has no average precision"


def _record(result: Evaluation) -> Any:
    """The fields of the result, with each list under its name."""
    plain = to_plain(result)
    return plain | {one.pop("name"): one for one in plain.pop("difficulties")}


def _data(result: Evaluation) -> doc.Table:
    """A row for each list and threshold."""
    return doc.table(
        doc.texts("list", "threshold", "faces", "proposals", "hits"),
        (
            (one.name, f"{1 - (place + 1) / len(one.hits):.3f}", *map(doc.Count, (one.faces, proposals, hits)))
            for one in result.difficulties
            for place, (proposals, hits) in enumerate(zip(one.proposals, one.hits, strict=True))
        ),
    )


def _picture(result: Evaluation) -> Curves:
    curves = []
    for color, one in zip(COLORS, result.difficulties, strict=False):
        points = [
            (hits / one.faces, hits / proposals)
            for proposals, hits in zip(one.proposals, one.hits, strict=True)
            if proposals and one.faces
        ]
        x, y = zip(*points, strict=True) if points else ((), ())
        curves.append(Curve(label=f"{one.name}: AP {_ap(one)}", color=color, x=x, y=y))
    return Curves(
        title=result.subject,
        subtitle=f"WIDER FACE protocol, {result.pictures:,} pictures",
        axes=("recall", "precision"),
        curves=tuple(curves),
    )


EVALUATION: doc.Telling[Evaluation] = doc.Telling(
    brief=_document, data=_data, record=_record, picture=_picture, titles={"png": "the curves as PNG"}
)
