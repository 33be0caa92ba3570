"""A picture as PNG or SVG: the same bytes for the same data (no dates, no versions, fixed hash salt)."""

from __future__ import annotations

import importlib
import io
import struct
from collections.abc import Iterator
from typing import Any

from archscope.documents.pictures import Drawing
from archscope.render import Format

_DPI = 150  # 1650 pixels across: sharp, and still readable when a page shows it at 800
_KEY = "archscope-data"
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib
    "font.size": 10.0,
    "text.parse_math": False,  # a $ in a name is a $
    "svg.hashsalt": "archscope",
    "svg.fonttype": "path",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.bottom": False,
}


def render_png(drawing: Drawing) -> bytes:
    """``drawing`` as PNG, 1650 pixels across; a text chunk holds the digest of its data."""
    return _save(drawing, "png", {"Software": None, _KEY: drawing.digest})


def render_svg(drawing: Drawing) -> bytes:
    """``drawing`` as SVG, text as paths."""
    metadata = {"Creator": None, "Date": None, "Format": None, "Type": None, "Identifier": drawing.digest}
    return _save(drawing, "svg", metadata)


def _save(drawing: Drawing, form: str, metadata: dict[str, str | None]) -> bytes:
    """The file, whatever the user's matplotlibrc says."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        buffer = io.BytesIO()
        figure = importlib.import_module(f"archscope.render.{drawing.kind}").draw(drawing)
        figure.savefig(buffer, format=form, dpi=_DPI, metadata=metadata)
    return buffer.getvalue()


def drawn_from(png: bytes) -> str:
    """The digest of the data that a PNG of ours was drawn from; empty for any other file."""
    for kind, content in _chunks(png):
        key, _, value = content.partition(b"\0")
        if kind == b"tEXt" and key == _KEY.encode():
            return value.decode("latin-1")
    return ""


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each chunk; ends where the file stops being a PNG."""
    position = 8
    while png.startswith(b"\x89PNG\r\n\x1a\n") and position + 8 <= len(png):
        length, kind = struct.unpack(">I4s", png[position : position + 8])
        yield kind, png[position + 8 : position + 8 + length]
        position += length + 12


FORMATS = (
    Format(key="png", title="a PNG figure", part="picture", render=render_png),
    Format(key="svg", title="the figure as vectors", part="picture", render=render_svg),
)
