"""A document as a fragment of HTML, for a page or a notebook to put in place; every name is escaped."""

from __future__ import annotations

from html import escape

from archscope.documents import document as doc
from archscope.render.names import plain


def render_fragment(document: doc.Document) -> str:
    """``document`` as one ``<section>``, without styles and scripts."""
    title = f"<h2>{inline(document.title)}</h2>\n" if document.title else ""
    beside = f"<p>{inline(document.beside)}</p>\n" if document.beside else ""
    return f'<section class="archscope">\n{title}{beside}{"".join(map(_block, document.blocks))}</section>\n'


def text(words: str) -> str:
    """``words`` as text of a page."""
    return escape(plain(words))


def inline(words: doc.Inline) -> str:
    """Running text, names as code."""
    pieces = words if isinstance(words, tuple) else (words,)
    return "".join(f"<code>{text(p.text)}</code>" if isinstance(p, doc.Name) else text(p) for p in pieces)


def _block(block: doc.Block) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case doc.Paragraph():
            return f"<p{_class(block.tone)}>{inline(block.text)}</p>\n"
        case doc.Heading():
            return f"<h{block.level + 1}>{inline(block.text)}</h{block.level + 1}>\n"
        case doc.Facts():
            return f"<dl>{''.join(map(_fact, block.facts))}</dl>\n"
        case doc.Table():
            return table(block)
        case doc.Items():
            return f"<ul>{''.join(f'<li>{inline(item)}</li>' for item in block.items)}</ul>\n"
        case doc.Findings():
            return f"<ul>{''.join(map(_finding, block.findings))}</ul>\n"
        case doc.Picture():
            return f'<img src="{escape(block.address)}" alt="{text(doc.words(block.words))}">\n'


def _class(tone: str) -> str:
    return f' class="{tone}"' if tone else ""


def _fact(fact: doc.Fact) -> str:
    note = f" <small>{inline(fact.note)}</small>" if fact.note else ""
    return f"<div><dt>{text(fact.label.strip())}</dt><dd>{cell(fact.value)}{note}</dd></div>"


def _finding(found: doc.Finding) -> str:
    mark = f"<strong>{text(found.mark)}</strong> " if found.mark else ""
    words = ": ".join(part for part in (inline(found.title), inline(found.text)) if part)
    more = "".join(f"<br>{inline(line)}" for line in (*found.details, *found.fine))
    return f"<li{_class(found.tone)}>{mark}{words}{more}</li>"


def table(block: doc.Table) -> str:
    """A table with its heads; figures carry the class ``num``."""
    kinds = [' class="num"' if column.figures else "" for column in block.columns]
    heads = zip(block.columns, kinds, strict=True)
    head = "".join(f'<th scope="col"{kind}>{inline(column.title)}</th>' for column, kind in heads)
    rows = "".join(_row(row, kinds, row.tone) for row in block.rows)
    total = _row(block.total, kinds, "total") if block.total else ""
    caption = f"<caption>{text(block.caption)}</caption>" if block.caption else ""
    more = f"<p>{text(block.left_out)}</p>\n" if block.left_out else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{rows}{total}</tbody></table>\n{more}"


def _row(row: doc.Row, kinds: list[str], tone: str) -> str:
    first, *others = row.cells
    indent = f' style="padding-left:{row.indent}em"' if row.indent else ""
    cells = "".join(f"<td{kind}>{cell(value)}</td>" for value, kind in zip(others, kinds[1:], strict=True))
    return f'<tr{_class(tone)}><th scope="row"{indent}>{cell(first)}</th>{cells}</tr>\n'


def cell(value: doc.Cell) -> str:
    """A cell; a bar is an SVG of 100 units."""
    match value:
        case doc.Count() | doc.Share():
            return text(str(value)).replace("&gt;=", "≥")
        case doc.Bar():
            width = round(100 * value.part / value.whole, 2) if value.whole else 0
            return f'<svg class="bar" viewBox="0 0 100 8" aria-hidden="true"><rect width="{width}" height="8"/></svg>'
        case _:
            return inline(value)


FORMATS = ()  # it goes into a page and has no file of its own
