"""A document in a terminal. Colour, width and characters are three decisions that do not touch what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archscope.documents import document as doc
from archscope.render.names import plain, safe_line, shorten

_BLOCKS = " ▏▎▍▌▋▊▉█"
_NARROW = dict.fromkeys(map(ord, _BLOCKS + "…"), " ")
_LEAST = 12  # characters of a name that stay, however narrow the terminal is
_COLOURS = {doc.BAD: 31, doc.GOOD: 32, doc.DOUBTFUL: 33, doc.ASIDE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """``width`` None never cuts anything; ``blocks`` False draws bars of ``#``."""

    colour: bool = False
    width: int | None = None
    blocks: bool = True

    def bold(self, text: str) -> str:
        """``text``, bold where colour is wanted."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour and text else text

    def paint(self, text: str, tone: str) -> str:
        """``text`` in the colour of a tone, where colour is wanted."""
        return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if self.colour and text and tone else text

    def bar(self, part: int, whole: int, cells: int = 8) -> str:
        """A bar of ``cells`` characters for the share of ``part`` in ``whole``."""
        if whole <= 0:
            return ""
        eighths = max(0, min(part, whole)) * cells * 8 // whole
        full, rest = divmod(eighths, 8)
        return ("█" * full + _BLOCKS[rest]).rstrip() if self.blocks else "#" * full


PLAIN = Style()


def render_text(document: doc.Document, style: Style = PLAIN) -> str:
    """``document`` as text for people; nothing is cut unless ``style`` has a width."""
    sections: list[list[str]] = []
    title = style.bold(_text(document.title))
    if title:
        sections.append([f"{title}  {_text(document.beside)}".rstrip()])
    for block in document.blocks:
        lines = _block(block, style)
        if getattr(block, "close", False) and sections:
            sections[-1] += lines
        elif lines:
            sections.append(lines)
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _text(text: doc.Inline) -> str:
    return safe_line(doc.words(text))


def _block(block: doc.Block, style: Style) -> list[str]:  # noqa: PLR0911 - one for each kind of block
    match block:
        case doc.Paragraph():
            text = _text(block.text)
            return [style.paint(style.bold(text) if block.strong else text, block.tone)]
        case doc.Heading():
            return [style.bold(_text(block.text))]
        case doc.Facts():
            return _facts(block, style)
        case doc.Table():
            return _table(block, style)
        case doc.Items():
            return [f"- {_text(item)}" for item in block.items]
        case doc.Findings():
            return [*_findings(block, style)]
        case doc.Picture():
            return []


def _facts(block: doc.Facts, style: Style) -> list[str]:
    rows = [(plain(fact.label), _cell(fact.value, style), _text(fact.note)) for fact in block.facts]
    label = max((len(name) for name, _, _ in rows), default=0)
    width = max((len(value) for _, value, _ in rows), default=0)
    left = not any(isinstance(fact.value, doc.Count) for fact in block.facts)
    lines = [
        f"{name:{label}}  {value if left else value.rjust(width)}  {other}".rstrip() for name, value, other in rows
    ]
    return [style.bold(plain(block.title)), *lines] if block.title else lines


def _findings(block: doc.Findings, style: Style) -> Iterator[str]:
    wide = max((len(_text(finding.title)) for finding in block.findings), default=0)
    for place, finding in enumerate(block.findings):
        mark = style.paint(finding.mark, finding.tone)
        if block.spaced:
            yield from [""] if place else []
            yield f"{mark}  {_text(finding.text)}" if mark else _text(finding.text)
        elif mark:
            title = _text(finding.title)
            yield f" {mark}  {title}{' ' * (wide - len(title))}   {_text(finding.text)}"
        else:
            yield f"{'  ' * block.close}{style.bold(_text(finding.title))}{_text(finding.text)}"
        yield from _details(finding, style, " " * (9 if mark and not block.spaced else 2 + 2 * block.close))


def _details(finding: doc.Finding, style: Style, indent: str) -> Iterator[str]:
    for line in finding.details:
        yield f"{indent}{_text(line)}"
    for fine in finding.fine:
        yield style.paint(f"{indent}| {plain(fine)}".rstrip(), doc.ASIDE)


def _table(block: doc.Table, style: Style) -> list[str]:
    rows = [*block.rows, *([block.total] if block.total else [])]
    cells = [[_cell(cell, style) for cell in row.cells] for row in rows]
    for row, line in zip(rows, cells, strict=True):
        line[0] = "  " * row.indent + line[0]
    lines = _lay_out(block.columns, cells, style, total=block.total is not None)
    painted = [lines[0]] + [style.paint(line, row.tone) for row, line in zip(rows, lines[1:], strict=True)]
    if block.left_out:
        painted.insert(len(painted) - (block.total is not None), style.paint(plain(block.left_out), doc.ASIDE))
    return painted if block.header else [f"  {line}" for line in painted[1:]]


def _cell(cell: doc.Cell, style: Style) -> str:
    match cell:
        case doc.Count() | doc.Share():
            return str(cell)
        case doc.Bar():
            return style.bar(cell.part, cell.whole)
        case _:
            return safe_line(doc.words(cell))


def _lay_out(columns: tuple[doc.Column, ...], rows: Sequence[Sequence[str]], style: Style, *, total: bool) -> list[str]:
    """A header and the rows, two spaces between columns; columns without any cell are left out."""
    table = [[plain(doc.words(column.title)) for column in columns], *rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in table[1:]) or not rows]
    widths = {index: max(cell_width(row[index]) for row in table) for index in kept}
    if style.width is not None:
        _narrow(columns, kept, widths, style.width)
    lines = []
    for number, row in enumerate(table):
        line = "  ".join(_fit(row[index], widths[index], columns[index]) for index in kept).rstrip()
        lines.append(style.bold(line) if number == 0 or (total and number == len(table) - 1) else line)
    return lines


def _narrow(columns: tuple[doc.Column, ...], kept: list[int], widths: dict[int, int], width: int) -> None:
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


def _fit(text: str, width: int, column: doc.Column) -> str:
    if cell_width(text) > width and column.names:
        indent = len(text) - len(text.lstrip(" "))
        text = " " * indent + shorten(text.lstrip(" "), max(width - indent, 2), "…")
    padding = " " * (width - cell_width(text))
    return padding + text if column.figures else text + padding


def cell_width(text: str) -> int:
    """Terminal cells that ``text`` takes: two for a wide character."""
    if text.isascii() or text.translate(_NARROW).isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
