"""A document as AsciiDoc."""

from __future__ import annotations

import re

from archscope.documents import document as doc
from archscope.render import Format
from archscope.render.names import plain

_STRUCTURE = re.compile(r"[^A-Za-z0-9 .,;]")


def render_asciidoc(document: doc.Document) -> str:
    """``document`` as a page; every character that could be structure becomes a character reference."""
    parts = [f"{'=' * document.level} {inline(document.title)}"]
    if document.beside:
        parts.append(inline(document.beside))
    return "\n\n".join([*parts, *(part for block in document.blocks if (part := _block(block)))]) + "\n"


def inline(text: doc.Inline) -> str:
    """Running text, escaped; names as code."""
    return "".join(f"`{_safe(one.text)}`" if isinstance(one, doc.Name) else _safe(one) for one in doc.pieces(text))


def _safe(text: str) -> str:
    return _STRUCTURE.sub(lambda match: f"&#{ord(match[0])};", plain(text))


def _block(block: doc.Block) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case doc.Paragraph():
            return inline(block.text)
        case doc.Heading():
            return f"{'=' * block.level} {inline(block.text)}"
        case doc.Facts():
            rows = [[inline(fact.label), _cell(fact.value), inline(fact.note)] for fact in block.facts]
            return _table('[cols="<,>,<"]', rows)
        case doc.Table():
            rows = [[_cell(cell) for cell in row.cells] for row in (*block.rows, *filter(None, [block.total]))]
            columns = ",".join(">" if column.figures else "<" for column in block.columns)
            heads = [inline(column.title) for column in block.columns]
            return _table(f'[%header,cols="{columns}"]', [heads, *rows])
        case doc.Items():
            return "\n".join(f"* {inline(item)}" for item in block.items)
        case doc.Findings():
            return "\n".join(_finding(one) for one in block.findings)
        case doc.Picture():
            return ""


def _finding(one: doc.Finding) -> str:
    return f"* {' '.join(part for part in (_safe(one.mark), inline(one.title), inline(one.text)) if part)}"


def _cell(cell: doc.Cell) -> str:
    match cell:
        case doc.Bar():
            return ""
        case doc.Count() | doc.Share():
            return str(cell)
        case _:
            return inline(cell)


def _table(head: str, rows: list[list[str]]) -> str:
    return "\n".join([head, "|===", *("|" + " |".join(row) for row in rows), "|==="])


FORMATS = (Format(key="adoc", title="AsciiDoc", part="full", render=render_asciidoc),)
