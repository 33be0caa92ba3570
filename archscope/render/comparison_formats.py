"""The formats of a comparison: what ``archscope compare --<key> FILE`` writes, and the files of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archscope.render import Format
from archscope.render.folder import folder_name
from archscope.results.comparison import Comparison

COMPARISON_FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format(title="JSON", renderer="archscope.render.comparison_formats:render_comparison_json"),
        "md": Format(title="Markdown", renderer="archscope.render.comparison_markdown:render_comparison_markdown"),
        "csv": Format(title="CSV", renderer="archscope.render.comparison_table:render_comparison_csv"),
        "html": Format(title="the page of both models", renderer="archscope.render.html:render_html"),
        "latex": Format(
            title="the components as a LaTeX table", renderer="archscope.render.latex:render_latex_comparison"
        ),
        "png": Format(title="a PNG figure", renderer="archscope.render.comparison_formats:render_comparison_png"),
    }
)
FIGURE = "components.png"


def render_comparison_json(comparison: Comparison) -> str:
    """``comparison`` as JSON."""
    return comparison.to_json()


def render_comparison_png(comparison: Comparison) -> bytes:
    """Paired bars by component as PNG."""
    from archscope.render.comparison_panels import comparison_sheet
    from archscope.render.figures import sheet_png

    return sheet_png(comparison_sheet(comparison))


def comparison_folder(comparison: Comparison) -> str:
    """A safe name for the folder of ``comparison``."""
    return f"{folder_name(comparison.base.model.name)}-vs-{folder_name(comparison.head.model.name)}"


def comparison_files(comparison: Comparison) -> dict[str, bytes]:
    """What the folder of ``comparison`` holds, by file name."""
    from archscope.render.comparison_markdown import render_comparison_markdown

    return {
        "comparison.md": render_comparison_markdown(comparison, FIGURE).encode("utf-8", "backslashreplace"),
        "comparison.json": COMPARISON_FORMATS["json"].render(comparison),
        "comparison.csv": COMPARISON_FORMATS["csv"].render(comparison),
        FIGURE: COMPARISON_FORMATS["png"].render(comparison),
    }
