"""The figure: one sheet of four panels, the same bytes for the same data (no dates, no versions, fixed hash salt)."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from archscope.render.panels import Panel, Sheet, sheet
from archscope.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (11.0, 8.4)
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


def render_png(report: Report) -> bytes:
    """The sheet of ``report`` as PNG, 1650 x 1260 pixels; a text chunk holds the digest of its data."""
    return sheet_png(sheet(report))


def sheet_png(drawn: Sheet) -> bytes:
    """``drawn`` as PNG, with the digest of its data."""
    return png(lambda: _draw(drawn), drawn.digest)


def png(draw: Callable[[], Figure], digest: str) -> bytes:
    """What ``draw`` draws as PNG; ``digest`` stands for the data it was drawn from."""
    return save(draw, "png", {"Software": None, _KEY: digest})


def render_svg(report: Report) -> bytes:
    """The sheet of ``report`` as SVG, text as paths."""
    drawn = sheet(report)
    metadata = {"Creator": None, "Date": None, "Format": None, "Type": None, "Identifier": drawn.digest}
    return save(lambda: _draw(drawn), "svg", metadata)


def save(draw: Callable[[], Figure], form: str, metadata: dict[str, str | None]) -> bytes:
    """What ``draw`` draws as a file, whatever the user's matplotlibrc says."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        buffer = io.BytesIO()
        draw().savefig(buffer, format=form, dpi=_DPI, metadata=metadata)
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


def _draw(drawn: Sheet) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, hspace=0.04, wspace=0.04)  # type: ignore[union-attr,call-arg]
    figure.suptitle(f"{drawn.title}\n{drawn.subtitle}", fontsize=13, fontweight="bold")
    columns = 2 if len(drawn.panels) > 1 else 1
    rows = -(-len(drawn.panels) // columns)
    for index, panel in enumerate(drawn.panels):
        _draw_panel(figure.add_subplot(rows, columns, index + 1), panel)
    return figure


def _draw_panel(axes: Axes, panel: Panel) -> None:
    count = len(panel.series)
    height = 0.8 / count
    shares = [
        [100 * bar.values[index] / whole if whole else 0.0 for bar in panel.bars]
        for index, whole in enumerate(panel.wholes)
    ]
    longest = max((share for series in shares for share in series), default=0.0)
    for index, series in enumerate(shares):
        places = [row + (index - (count - 1) / 2) * height for row in range(len(panel.bars))]
        look: dict[str, Any] = {"hatch": "////", "alpha": 0.55} if index else {}
        colors = [bar.color for bar in panel.bars]
        bars = axes.barh(places, series, height * 0.92, color=colors, edgecolor="white", linewidth=0.5, **look)
        axes.bar_label(bars, [bar.notes[index] for bar in panel.bars], padding=4, fontsize=9 if count == 1 else 8.5)
    axes.set_yticks(range(len(panel.bars)), [bar.label for bar in panel.bars])
    axes.set_ylim(max(len(panel.bars), 5) - 0.5, -0.5)
    axes.set_xlim(0, longest * 1.62 if count == 1 else longest * 1.2 or 1)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_title(panel.title[:1].upper() + panel.title[1:], fontsize=11.5, fontweight="bold", loc="left")
    if count > 1:
        _legend(axes, panel)


def _legend(axes: Axes, panel: Panel) -> None:
    """Solid and hatched: which bar is which series."""
    from matplotlib.patches import Patch

    looks: list[dict[str, Any]] = [{}, {"hatch": "////", "alpha": 0.55}]
    handles = [
        Patch(facecolor="#555555", edgecolor="white", label=name, **look)
        for name, look in zip(panel.series, looks, strict=True)
    ]
    axes.legend(handles=handles, loc="upper right", bbox_to_anchor=(1, 0), ncols=2, frameon=False, fontsize=9.5)
