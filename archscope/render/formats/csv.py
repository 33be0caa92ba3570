"""A table as CSV, and as a DataFrame: raw integers, an empty cell for what is not known."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from archscope.documents.document import Bar, Cell, Count, Share, Table, words
from archscope.render import Format
from archscope.render.names import cell as safe

if TYPE_CHECKING:
    import pandas as pd

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def render_csv(table: Table) -> str:
    """A line of keys, then the rows. A name that a spreadsheet would take for a formula gets a quote before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe(column.key or words(column.title)) for column in table.columns])
    writer.writerows([_value(cell) for cell in row.cells] for row in table.rows)
    return out.getvalue()


def to_frame(table: Table) -> pd.DataFrame:
    """``table`` as a DataFrame: columns of counts are of dtype Int64, ``<NA>`` where nothing is known, others text."""
    import pandas as pd

    keys = [column.key or words(column.title) for column in table.columns]
    counts = {key: any(isinstance(row.cells[place], Count) for row in table.rows) for place, key in enumerate(keys)}
    frame = pd.DataFrame([[_plain(cell) for cell in row.cells] for row in table.rows], columns=pd.Index(keys))
    return frame.astype({key: "Int64" if counted else "string" for key, counted in counts.items()})


def _plain(cell: Cell) -> str | int | None:
    match cell:
        case Count():
            return cell.value
        case Share() | Bar():
            return cell.part
    return words(cell)


def _value(cell: Cell) -> str | int | None:
    text = _plain(cell)
    return text if not isinstance(text, str) or _NUMBER.fullmatch(text) else safe(text)


FORMATS = (Format(key="csv", title="CSV", part="data", render=render_csv),)
