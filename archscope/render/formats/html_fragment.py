"""A document as a fragment of HTML, for a page or a notebook to put in place; every name is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from archscope.documents import document as doc
from archscope.render.names import plain, references


def render_fragment(document: doc.Document, colors: Mapping[str, str] | None = None) -> str:
    """``document`` as one ``<section>``, without styles and scripts; ``colors`` as of ``render_blocks``."""
    title = f"<h2>{_inline(document.title)}</h2>\n" if document.title else ""
    beside = f"<p>{_inline(document.beside)}</p>\n" if document.beside else ""
    return f'<section class="archscope">\n{title}{beside}{render_blocks(document.blocks, colors)}</section>\n'


def render_blocks(blocks: Iterable[doc.Block], colors: Mapping[str, str] | None = None, *, titled: bool = False) -> str:
    """``blocks`` one after the other.

    A row of a table whose first cell has one of ``colors`` shows it, and carries the text as ``data-component``. With
    ``titled`` every cell carries the title of its column, for styles that stack the cells on a narrow screen.
    """
    return "".join(_block(block, colors or {}, titled=titled) for block in blocks)


def _text(words: str) -> str:
    return escape(plain(words))


def _inline(words: doc.Inline) -> str:
    """Running text, names as code."""
    parts = doc.pieces(words)
    return "".join(f"<code>{_text(p.text)}</code>" if isinstance(p, doc.Name) else _text(p) for p in parts)


def _block(block: doc.Block, colors: Mapping[str, str], *, titled: bool) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case doc.Paragraph():
            return f"<p{_class(block.tone)}>{_inline(block.text)}</p>\n"
        case doc.Heading():
            return f"<h{block.level + 1}>{_inline(block.text)}</h{block.level + 1}>\n"
        case doc.Facts():
            return f"<dl>{''.join(map(_fact, block.facts))}</dl>\n"
        case doc.Table():
            return _table(block, colors, titled=titled)
        case doc.Items():
            return f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in block.items)}</ul>\n"
        case doc.Findings():
            return f"<ul>{''.join(map(_finding, block.findings))}</ul>\n" if block.findings else ""
        case doc.Picture():
            return f'<img src="{escape(block.address)}" alt="{_text(doc.words(block.words))}">\n'


def _class(*names: str) -> str:
    return f' class="{" ".join(filter(None, names))}"' if any(names) else ""


def _fact(fact: doc.Fact) -> str:
    note = f" <small>{_inline(fact.note)}</small>" if fact.note else ""
    return f"<div><dt>{_inline(fact.label).strip()}</dt><dd>{_cell(fact.value)}{note}</dd></div>"


def _finding(found: doc.Finding) -> str:
    mark = f"<strong>{_text(found.mark)}</strong> " if found.mark else ""
    words = ": ".join(part for part in (_inline(found.title), _inline(found.text)) if part)
    more = "".join(f"<br>{_inline(line)}" for line in (*found.details, *found.fine))
    return f"<li{_class(found.tone)}>{mark}{words}{more}</li>"


def _table(block: doc.Table, colors: Mapping[str, str], *, titled: bool) -> str:
    """A table with its heads; figures carry the class ``num``, and columns without any cell are left out."""
    rows = [*block.rows, *([block.total] if block.total else [])]
    cells = [[_cell(cell) for cell in row.cells] for row in rows]
    kept = [place for place in range(len(block.columns)) if not rows or any(line[place] for line in cells)]
    kinds = [
        _class("num" if column.figures else "", "share" if column.key == "share" else "") for column in block.columns
    ]
    heads = [f' data-title="{_text(doc.words(one.title))}"' if titled and one.title else "" for one in block.columns]
    head = "".join(f'<th scope="col"{kinds[place]}>{_inline(block.columns[place].title)}</th>' for place in kept)
    body = ""
    for row, line in zip(rows, cells, strict=True):
        (first, *others), name = (line[place] for place in kept), row.cells[0]
        color = colors.get(name) if isinstance(name, str) else None
        component = f' data-component="{references(name)}"' if isinstance(name, str) and color else ""
        indent = f' style="padding-left:{row.indent}em"' if row.indent else ""
        told = f'<span class="key">{_swatch(color)}<bdi class="name">{first}</bdi></span>' if color else first
        further = "".join(
            f"<td{kinds[place]}{heads[place]}>{cell}</td>" for place, cell in zip(kept[1:], others, strict=True)
        )
        tone = "total" if row is block.total else row.tone
        body += f'<tr{_class(tone)}{component}><th scope="row"{indent}>{told}</th>{further}</tr>\n'
    caption = f"<caption>{_text(block.caption)}</caption>" if block.caption else ""
    more = f"<p>{_text(block.left_out)}</p>\n" if block.left_out else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n{more}"


def _swatch(color: str) -> str:
    return (
        '<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect width="10" height="10" rx="2" fill="{escape(color)}"/></svg>'
    )


def _cell(value: doc.Cell) -> str:
    match value:
        case doc.Count() | doc.Share():
            text = _text(str(value)).replace("&gt;=", "≥")
            return f"\N{MINUS SIGN}{text[1:]}" if text.startswith("-") and text != "-" else text
        case doc.Bar():
            return _bar(value)
        case _:
            return _inline(value)


def _bar(bar: doc.Bar) -> str:
    """A bar of 100 units with a mark where the whole is; nothing where there is no whole."""
    if not bar.whole:
        return ""
    scale = max(bar.whole, bar.part)
    return (
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" width="100" height="8"/>'
        f'<rect class="use" width="{100 * bar.part / scale:.2f}" height="8"/>'
        f'<rect class="mark" x="{100 * bar.whole / scale - 0.6:.2f}" width="0.6" height="8"/></svg>'
    )


FORMATS = ()  # it goes into a page and has no file of its own
