"""A document in a terminal. Colour, width and characters are three decisions that do not touch what it says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archscope.documents import document as doc
from archscope.render.names import distinctly, plain, safe_line

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
        beside = _text(document.beside)
        whole = f"{title}  {beside}".rstrip()
        fits = style.width is None or cell_width(f"{_text(document.title)}  {beside}") <= style.width
        sections.append([whole] if fits else [title, *_wrapped(beside, style)])
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
            lines = _wrapped(_text(block.text), style)
            return [style.paint(style.bold(line) if block.strong else line, block.tone) for line in lines]
        case doc.Heading():
            return [style.bold(_text(block.text))]
        case doc.Facts():
            return _facts(block, style)
        case doc.Table():
            return _table(block, style)
        case doc.Items():
            return [line for item in block.items for line in _wrapped(f"- {_text(item)}", style, "  ")]
        case doc.Findings():
            return [*_findings(block, style)]
        case doc.Picture():
            return []


def _wrapped(text: str, style: Style, indent: str = "", further: str = "  ") -> list[str]:
    """``text`` in lines of the terminal's width, the second and later ones indented; words are never cut."""
    if style.width is None or cell_width(text) <= style.width:
        return [text]
    lead = indent + further if indent.isspace() or not indent else indent
    return textwrap.wrap(
        text,
        max(style.width, 2 * len(lead) + _LEAST),
        subsequent_indent=lead,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _facts(block: doc.Facts, style: Style) -> list[str]:
    rows = [(plain(doc.words(fact.label)), _cell(fact.value, style), _text(fact.note)) for fact in block.facts]
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
        yield from _wrapped(f"{indent}{_text(line)}", style, indent)
    for fine in finding.fine:
        yield from (
            style.paint(line.rstrip(), doc.ASIDE) for line in _wrapped(f"{indent}| {plain(fine)}", style, indent)
        )


def _table(block: doc.Table, style: Style) -> list[str]:
    rows = [*block.rows, *([block.total] if block.total else [])]
    cells = [[_cell(cell, style) for cell in row.cells] for row in rows]
    for row, line in zip(rows, cells, strict=True):
        line[0] = "  " * row.indent + line[0]
    columns = block.columns
    groups = _groups(columns, cells, style)
    painted: list[str] = []
    for group in groups:
        part = [[line[index] for index in group] for line in cells]
        lines = _lay_out(tuple(columns[index] for index in group), part, style, total=block.total is not None)
        painted += [""] if painted else []
        painted.append(lines[0])
        painted += [style.paint(line, row.tone) for row, line in zip(rows, lines[1:], strict=True)]
    if block.left_out:
        more = [style.paint(line, doc.ASIDE) for line in _wrapped(plain(block.left_out), style)]
        at = len(painted) - (block.total is not None)
        painted[at:at] = more
    return painted if block.header else [f"  {line}" for line in painted[1:]]


def _groups(columns: tuple[doc.Column, ...], cells: Sequence[Sequence[str]], style: Style) -> list[list[int]]:
    """The columns of each part of a table: all in one, unless the terminal is too narrow for that.

    What stands before the first group stands before each of them.
    """
    every = [*range(len(columns))]
    starts = [index for index in every if columns[index].begins]
    if style.width is None or _least_width(columns, cells) <= style.width:
        return [every]
    if len(starts) > 1:
        lead = every[: starts[0]]
        return [lead + every[start:end] for start, end in zip(starts, [*starts[1:], len(columns)], strict=True)]
    groups = [[0]]
    for index in every[1:]:
        wide = _least_width(
            tuple(columns[place] for place in (*groups[-1], index)),
            [[line[place] for place in (*groups[-1], index)] for line in cells],
        )
        groups += [[0]] if wide > style.width and len(groups[-1]) > 1 else []
        groups[-1].append(index)
    return groups


def _least_width(columns: tuple[doc.Column, ...], cells: Sequence[Sequence[str]]) -> int:
    """What the table takes when all that may go is gone and names are as short as they may be."""
    kept = [index for index, column in enumerate(columns) if not column.optional and any(row[index] for row in cells)]
    titles = [plain(doc.words(column.title)) for column in columns]
    widths = {index: max(map(cell_width, (titles[index], *(row[index] for row in cells)))) for index in kept}
    least = {index: min(width, _LEAST) if columns[index].names else width for index, width in widths.items()}
    return _line(kept, least)


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
    short = {index: _shortened([row[index] for row in table], widths[index]) for index in kept if columns[index].names}
    for number, row in enumerate(table):
        texts = {index: short[index].get(row[index], row[index]) if index in short else row[index] for index in kept}
        line = "  ".join(_fit(texts[index], widths[index], columns[index]) for index in kept).rstrip()
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


def _shortened(texts: Iterable[str], width: int) -> dict[str, str]:
    """Those of ``texts`` that are wider than ``width``, in so many cells, each still another than the others."""
    made: dict[str, str] = {}
    taken = {text for text in texts if cell_width(text) <= width}
    for text in dict.fromkeys(text for text in texts if cell_width(text) > width):
        indent = len(text) - len(text.lstrip(" "))
        made[text] = " " * indent + distinctly(text.lstrip(" "), max(width - indent, 2), taken)
        taken.add(made[text].strip())
    return made


def _fit(text: str, width: int, column: doc.Column) -> str:
    padding = " " * (width - cell_width(text))
    return padding + text if column.figures else text + padding


def cell_width(text: str) -> int:
    """Terminal cells that ``text`` takes: two for a wide character."""
    if text.isascii() or text.translate(_NARROW).isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
