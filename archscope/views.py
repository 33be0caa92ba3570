"""How a result shows itself where people work: a line, the text view, HTML in a notebook, a file, a table.

What draws it lies on upper floors and is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from archscope.report import ComponentRow, ModuleRow


def _draw(name: str, result: object, *arguments: Any) -> Any:
    return getattr(importlib.import_module("archscope.api.showing"), name)(result, *arguments)


class View:
    """A result that can be looked at: ``repr`` is one line, ``print`` the text view, a notebook shows HTML."""

    __slots__ = ()

    def __repr__(self) -> str:
        line: str = _draw("line", self)
        return line

    def __str__(self) -> str:
        text: str = _draw("text", self)
        return text

    def _repr_html_(self) -> str:
        html: str = _draw("fragment", self)
        return html

    def save(self, path: str | Path) -> Path:
        """Write the result to ``path`` and return it; the ending says in which format (.json, .md, .csv, .png, ...).

        Raises UsageError for an ending that this result has no format for, and when it cannot be written.
        """
        written: Path = _draw("save", self, path)
        return written


class ReportView(View):
    """What a report shows besides: its rows by name, its tables, its page."""

    __slots__ = ()

    def __getitem__(self, path: str) -> ModuleRow:
        """The module at ``path``, by any of its paths; "" is the model itself. Raises SpecError, a KeyError too."""
        row: ModuleRow = _draw("module", self, path)
        return row

    def component(self, name: str) -> ComponentRow:
        """The component called ``name``. Raises SpecError, a KeyError too, with the nearest names."""
        row: ComponentRow = _draw("component", self, name)
        return row

    def to_frame(self, rows: str = "modules") -> pd.DataFrame:
        """A DataFrame of ``modules``, ``components``, ``operators`` or ``parameters``: raw integers, <NA> unknown."""
        frame: pd.DataFrame = _draw("frame", self, rows)
        return frame

    def show(self, path: str | Path | None = None) -> Any:
        """The whole page: inside of a notebook where one runs, else in the browser.

        The page is one file, at ``path`` or in a temporary folder.
        """
        return _draw("show", self, path)
