"""A document as Markdown."""

from __future__ import annotations

from archscope.documents import document as doc
from archscope.render import Format
from archscope.render.names import code, markdown

_EM_SPACE = "\N{EM SPACE}"


def render_markdown(document: doc.Document) -> str:
    """``document`` as a page: every name is escaped, so that none of it is structure."""
    beside = inline(document.beside)
    head = inline(document.title) + (f": {beside}" if beside else "")
    parts = [f"{'#' * document.level} {head}"] if head else []
    return "\n\n".join([*parts, *(part for block in document.blocks if (part := _block(block)))]) + "\n"


def inline(text: doc.Inline) -> str:
    """Running text, escaped."""
    return "".join(code(one.text) if isinstance(one, doc.Name) else markdown(one) for one in doc.pieces(text))


def _block(block: doc.Block) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case doc.Paragraph():
            return f"**{inline(block.text)}**" if block.strong else inline(block.text)
        case doc.Heading():
            return f"{'#' * block.level} {inline(block.text)}"
        case doc.Facts():
            rows = [f"| {_label(f.label)} | {_cell(f.value)} | {inline(f.note)} |" for f in block.facts]
            title = [f"**{inline(block.title)}**", ""] if block.title else []
            return "\n".join([*title, "| | | |", "|---|---:|---|", *rows])
        case doc.Table():
            return render_table(block)
        case doc.Items():
            return "\n".join(f"- {inline(item)}" for item in block.items)
        case doc.Findings():
            return "\n".join(map(_finding, block.findings))
        case doc.Picture():
            return f"![{inline(block.words)}]({block.address})"


def _title(column: doc.Column) -> str:
    return markdown(column.title.text) if isinstance(column.title, doc.Name) else _titled(markdown(column.title))


def _label(label: doc.Inline) -> str:
    return inline(label) if isinstance(label, doc.Name) else _titled(inline(label).strip())


def _titled(text: str) -> str:
    return text[:1].upper() + text[1:]


def _finding(finding: doc.Finding) -> str:
    mark = f"**{markdown(finding.mark)}** " if finding.mark else ""
    title, text = inline(finding.title), inline(finding.text)
    lines = [f"- {mark}{': '.join(part for part in (title, text) if part)}"]
    lines += [f"  <br>{inline(line)}" for line in (*finding.details, *finding.fine)]
    return "\n".join(lines)


def render_table(block: doc.Table) -> str:
    """A pipe table; optional columns without any cell (bars are none) are left out."""
    rows = [*block.rows, *([block.total] if block.total else [])]
    cells = [_row(row, total=row is block.total) for row in rows]
    columns = [*enumerate(block.columns)]
    kept = [place for place, column in columns if not column.optional or any(line[place] for line in cells)]
    heads = [_title(column) for column in block.columns]
    rules = ["---:" if column.figures else ":---" for column in block.columns]
    text = "\n".join(f"| {' | '.join(line[place] for place in kept)} |" for line in [heads, rules, *cells])
    return text + (f"\n\n{markdown(block.left_out)}" if block.left_out else "")


def _row(row: doc.Row, *, total: bool) -> list[str]:
    first, *others = map(_cell, row.cells)
    cells = [_EM_SPACE * row.indent + first, *others]
    return [f"**{cell}**" if cell and total else cell for cell in cells]


def _cell(cell: doc.Cell) -> str:
    if isinstance(cell, (doc.Count, doc.Share)):
        return str(cell)
    return cell if cell == "-" else "" if isinstance(cell, doc.Bar) else inline(cell)


FORMATS = (Format(key="md", title="Markdown", part="full", render=render_markdown),)
