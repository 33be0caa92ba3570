"""Reports as text, Markdown, JSON, CSV and figures: one file per format, and nothing here measures.

Every renderer is pure: the same report gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from archscope.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A way to write something down: ``renderer`` is ``module:function``, imported when it is used.

    The function takes the one object to write and returns str or bytes. Only a format with ``calls`` gets the calls
    of a report, so that every other one is the same whatever is written beside it.
    """

    title: str
    renderer: str
    calls: bool = False

    def render(self, subject: Any) -> bytes:
        """``subject`` in this format; text comes as UTF-8."""
        if not self.calls and isinstance(subject, Report):
            subject = dataclasses.replace(subject, calls=None)
        module, _, name = self.renderer.partition(":")
        made = cast("Callable[[Any], str | bytes]", getattr(importlib.import_module(module), name))(subject)
        # A lone surrogate in a name is no UTF-8. Only JSON can hold one by now, where \udxxx is its right spelling.
        return made if isinstance(made, bytes) else made.encode("utf-8", "backslashreplace")


#: The formats of a report: what ``archscope analyze --<key> FILE`` writes.
REPORT_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.serial:to_json"),
        "md": Format(title="Markdown", renderer="archscope.render.markdown:render_markdown"),
        "csv": Format(title="CSV, a row per module,", renderer="archscope.render.table:render_csv"),
        "png": Format(title="the figure", renderer="archscope.render.figures:render_png"),
        "svg": Format(title="the figure as vectors", renderer="archscope.render.figures:render_svg"),
        "html": Format(title="the page", renderer="archscope.render.html:render_html", calls=True),
        "graph": Format(title="the component graph as SVG", renderer="archscope.render.graph:component_graph"),
        "latex": Format(title="the components as a LaTeX table", renderer="archscope.render.latex:render_latex"),
    }
)
