"""A table as CSV, and as a DataFrame: raw integers, an empty cell for what is not known."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from archscope.documents import document as doc
from archscope.render import Format
from archscope.render.names import cell as safe

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def render_csv(table: doc.Table) -> str:
    """A line of keys, then the rows. A name that a spreadsheet would take for a formula gets a quote before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe(column.key or doc.words(column.title)) for column in table.columns])
    writer.writerows([_safe(cell) for cell in row.cells] for row in table.rows)
    return out.getvalue()


def to_frame(table: doc.Table) -> pd.DataFrame:
    """``table`` as a DataFrame: columns of counts are of dtype Int64, ``<NA>`` where nothing is known, others text."""
    import pandas as pd

    keys = [column.key or doc.words(column.title) for column in table.columns]
    counts = {key: any(isinstance(row.cells[place], doc.Count) for row in table.rows) for place, key in enumerate(keys)}
    rows = [list(map(_raw, row.cells)) for row in table.rows]
    frame = pd.DataFrame(rows, columns=pd.Index(keys))
    return frame.astype({key: "Int64" if counted else "string" for key, counted in counts.items()})


def _raw(cell: doc.Cell) -> str | int | None:
    match cell:
        case doc.Count():
            return cell.value
        case doc.Share() | doc.Bar():
            return cell.part
        case _:
            return doc.words(cell)


def _safe(cell: doc.Cell) -> str | int | None:
    raw = _raw(cell)
    return safe(raw) if isinstance(raw, str) and not _NUMBER.fullmatch(raw) else raw


FORMATS = (Format(key="csv", title="CSV", part="data", render=render_csv),)
