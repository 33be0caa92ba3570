"""How a text may look: colour, width and characters, three decisions that do not touch what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archscope.render.names import plain, shorten

_BLOCKS = " ▏▎▍▌▋▊▉█"
_NARROW = dict.fromkeys(map(ord, _BLOCKS + "…"), " ")
_LEAST = 12  # characters of a name that stay, however narrow the terminal is


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """``width`` None never cuts anything; ``blocks`` False draws bars of ``#``."""

    colour: bool = False
    width: int | None = None
    blocks: bool = True

    def bold(self, text: str) -> str:
        """``text``, bold where colour is wanted."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour and text else text

    def paint(self, text: str, colour: str) -> str:
        """``text`` in ``red``, ``green``, ``yellow`` or ``dim`` where colour is wanted."""
        code = {"red": 31, "green": 32, "yellow": 33, "dim": 2}[colour]
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def bar(self, part: int, whole: int, cells: int = 8) -> str:
        """A bar of ``cells`` characters for the share of ``part`` in ``whole``."""
        if whole <= 0:
            return ""
        eighths = max(0, min(part, whole)) * cells * 8 // whole
        full, rest = divmod(eighths, 8)
        if self.blocks:
            return ("█" * full + _BLOCKS[rest]).rstrip()
        return "#" * full


PLAIN = Style()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a text table. On a narrow terminal ``optional`` columns go and those of ``names`` shrink."""

    title: str
    right: bool = False
    names: bool = False
    optional: bool = False


def lay_out(
    columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]], style: Style = PLAIN, *, total: bool = False
) -> list[str]:
    """A text table with a header, two spaces between columns; ``total`` makes the last row bold.

    Cells and titles are untrusted: what does not print is spelled out. Numbers are never cut.
    """
    table = [tuple(plain(column.title) for column in columns), *(tuple(map(plain, row)) for row in rows)]
    kept = [index for index in range(len(columns)) if any(row[index] for row in table[1:]) or not rows]
    widths = {index: max(cell_width(row[index]) for row in table) for index in kept}
    if style.width is not None:
        _narrow(columns, kept, widths, style.width)
    lines = []
    for number, row in enumerate(table):
        cells = [_fit(row[index], widths[index], columns[index]) for index in kept]
        line = "  ".join(cells).rstrip()
        lines.append(style.bold(line) if number == 0 or (total and number == len(table) - 1) else line)
    return lines


def _narrow(columns: tuple[Column, ...], kept: list[int], widths: dict[int, int], width: int) -> None:
    """Drop optional columns from the right, then shrink those of names, the widest first, until all fit."""
    for index in [index for index in reversed(kept) if columns[index].optional]:
        if _line(kept, widths) > width:
            kept.remove(index)
    names = [index for index in kept if columns[index].names]
    while names and _line(kept, widths) > width:
        widest = max(names, key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            return
        others = [widths[index] for index in names if index != widest]
        floor = max(_LEAST, widths[widest] - (_line(kept, widths) - width), *others)
        widths[widest] = min(floor, widths[widest] - 1)


def _line(kept: list[int], widths: dict[int, int]) -> int:
    return sum(widths[index] for index in kept) + 2 * (len(kept) - 1)


def _fit(text: str, width: int, column: Column) -> str:
    if cell_width(text) > width and column.names:
        indent = len(text) - len(text.lstrip(" "))
        text = " " * indent + shorten(text.lstrip(" "), max(width - indent, 2), "…")
    padding = " " * (width - cell_width(text))
    return padding + text if column.right else text + padding


def cell_width(text: str) -> int:
    """Terminal cells that ``text`` takes: two for a wide character."""
    if text.isascii() or text.translate(_NARROW).isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
