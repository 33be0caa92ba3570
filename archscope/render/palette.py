"""One palette for every figure and for the page: Okabe and Ito's, told apart by colour-blind readers too.

Source of the colours: M. Okabe and K. Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections.abc import Iterable

from archscope.report import UNASSIGNED

# Blue first and yellow late: the first few stand apart best on white and on black. After these, they repeat.
COLORS = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#56B4E9",  # sky blue
    "#D55E00",  # vermillion
    "#F0E442",  # yellow
)
GREY = "#9A9A9A"
LESS = "#0072B2"  # a saving
MORE = "#D55E00"  # an increase


def component_colors(names: Iterable[str]) -> dict[str, str]:
    """The colour of each component by its place in the report; ``[unassigned]`` is grey and takes no place."""
    claimed = [name for name in names if name != UNASSIGNED]
    return {name: COLORS[index % len(COLORS)] for index, name in enumerate(claimed)} | {UNASSIGNED: GREY}
