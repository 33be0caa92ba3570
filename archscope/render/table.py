"""The modules of a report as a table: CSV for spreadsheets, a DataFrame for notebooks."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from typing import TYPE_CHECKING

from archscope.render.facts import shape
from archscope.render.names import cell
from archscope.report import ModuleRow, Report

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = tuple(field.name for field in fields(ModuleRow))
_TEXT = frozenset({"path", "type", "component"})
_SHAPES = frozenset({"input_shapes", "output_shapes"})


def render_csv(report: Report) -> str:
    """A row per module, the root first with the empty path: raw integers; an empty cell is not measured.

    Several shapes or aliases stand in one cell with spaces between. A name that a spreadsheet would take for a formula
    gets a quote before it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in report.modules:
        values = _values(row)
        writer.writerow([cell(value) if isinstance(value, str) else value for value in values])
    return out.getvalue()


def to_frame(report: Report) -> pd.DataFrame:
    """The modules as a DataFrame: a row per module, the columns of ``ModuleRow``.

    Figures are of dtype Int64, ``<NA>`` where they were not measured.
    """
    import pandas as pd

    frame = pd.DataFrame([_values(row) for row in report.modules], columns=pd.Index(_COLUMNS))
    words = {*_TEXT, *_SHAPES, "aliases"}
    return frame.astype({name: "string" if name in words else "Int64" for name in _COLUMNS})


def _values(row: ModuleRow) -> list[str | int | None]:
    return [_value(name, getattr(row, name)) for name in _COLUMNS]


def _value(name: str, value: object) -> str | int | None:
    if isinstance(value, tuple):
        return " ".join(shape(item) if name in _SHAPES else item for item in value)
    return value if isinstance(value, (str, int)) else None
