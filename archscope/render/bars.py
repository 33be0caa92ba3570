"""Drawing a report's bar charts with matplotlib: a sheet of four panels at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archscope.documents.pictures import Panel, Sheet
from archscope.render.names import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (11.0, 8.4)
_WIDE = 26  # characters of a label


def draw(drawn: Sheet) -> Figure:
    """The sheet, 11 x 8.4 inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, hspace=0.04, wspace=0.04)  # type: ignore[union-attr,call-arg]
    figure.suptitle(f"{label(drawn.title, 60)}\n{label(drawn.subtitle, 120)}", fontsize=13, fontweight="bold")
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
    axes.set_yticks(range(len(panel.bars)), [label(bar.label, _WIDE) for bar in panel.bars])
    axes.set_ylim(max(len(panel.bars), 5) - 0.5, -0.5)
    axes.set_xlim(0, longest * (1.62 if count == 1 else 1.2) or 1)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_title(label(panel.title[:1].upper() + panel.title[1:], 48), fontsize=11.5, fontweight="bold", loc="left")
    if count > 1:
        _legend(axes, panel)


def _legend(axes: Axes, panel: Panel) -> None:
    """Solid and hatched: which bar is which series."""
    from matplotlib.patches import Patch

    looks: list[dict[str, Any]] = [{}, {"hatch": "////", "alpha": 0.55}]
    handles = [
        Patch(facecolor="#555555", edgecolor="white", label=label(name, _WIDE), **look)
        for name, look in zip(panel.series, looks, strict=True)
    ]
    axes.legend(handles=handles, loc="upper right", bbox_to_anchor=(1, 0), ncols=2, frameon=False, fontsize=9.5)
