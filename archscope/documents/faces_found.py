"""The faces in one picture, as a table."""

from __future__ import annotations

from archscope.documents import document as doc
from archscope.results.detection import FacesFound
from archscope.serial import to_plain

_POINTS = ("left eye", "right eye", "nose", "mouth left", "mouth right")


def _document(result: FacesFound) -> doc.Document:
    found = len(result.faces)
    what = f"{found:,} {'face' if found == 1 else 'faces'} in {result.width:,} x {result.height:,} pixels"
    return doc.Document(title=result.picture, beside=what, blocks=(_table(result),) if found else ())


def _table(result: FacesFound) -> doc.Table:
    columns = (*doc.figures("score", "left", "top", "right", "bottom"), *doc.figures(*_POINTS, optional=True))
    return doc.table(
        columns,
        (
            (
                f"{face.score:.4f}",
                *(f"{side:.1f}" for side in face.box),
                *(f"{x:.1f} {y:.1f}" for x, y in face.landmarks),
            )
            for face in result.faces
        ),
    )


FACES_FOUND: doc.Telling[FacesFound] = doc.Telling(brief=_document, data=_table, record=to_plain)
