r"""Tables for a paper: booktabs (``\usepackage{booktabs}``), exact integers, and every name escaped."""

from __future__ import annotations

from archscope.documents.document import (
    Bar,
    Cell,
    Count,
    Document,
    Facts,
    Findings,
    Heading,
    Inline,
    Items,
    Name,
    Paragraph,
    Picture,
    Share,
    Table,
    words,
)
from archscope.render import Format
from archscope.render.names import plain

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after \\ it would open the optional argument of that
    "]": "{]}",
    "*": "{*}",  # the same, for its starred form
    "Δ": r"$\Delta$",
} | {char: f"\\{char}" for char in "{}$&#_%"}


def render_latex(document: Document) -> str:
    """The blocks of ``document``; its title is left to the paper that it goes into."""
    return "\n".join(part for block in document.blocks if (part := _block(block)))


def latex(text: str) -> str:
    """``text`` as LaTeX shows it: no character of it is a command."""
    return "".join(_SPECIAL.get(char, char) for char in plain(text))


def _inline(text: Inline) -> str:
    pieces = text if isinstance(text, tuple) else (text,)
    return "".join(f"\\texttt{{{latex(piece.text)}}}" if isinstance(piece, Name) else latex(piece) for piece in pieces)


def _block(block: object) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case Table():
            return _table(block)
        case Paragraph():
            return f"{_inline(block.text)}\n"
        case Heading():
            return f"\\subsection*{{{_inline(block.text)}}}"
        case Items():
            return _list(block.items)
        case Facts():
            return _list(tuple((f"{fact.label}: {_cell(fact.value)}",) for fact in block.facts))
        case Findings():
            return _list(tuple(f"{f.mark} {words(f.title)}: {words(f.text)}" for f in block.findings))
        case Picture():
            return ""
    raise TypeError(type(block).__name__)


def _list(items: tuple[Inline, ...]) -> str:
    lines = [f"  \\item {_inline(item)}" for item in items]
    return "\n".join([r"\begin{itemize}", *lines, r"\end{itemize}", ""]) if lines else ""


def _table(block: Table) -> str:
    columns = [place for place, column in enumerate(block.columns) if column.key != "bar"]

    def line(cells: tuple[Cell, ...]) -> str:
        return f"    {' & '.join(_cell(cells[place]) for place in columns)} \\\\"

    alignment = "".join("r" if block.columns[place].figures else "l" for place in columns)
    caption = [f"  \\caption{{{latex(block.caption)}}}"] if block.caption else []
    total = [r"    \midrule", line(block.total.cells)] if block.total else []
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            *caption,
            f"  \\begin{{tabular}}{{{alignment}}}",
            r"    \toprule",
            line(tuple(column.title for column in block.columns)),
            r"    \midrule",
            *(line(row.cells) for row in block.rows),
            *total,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _cell(cell: Cell) -> str:
    match cell:
        case Count():
            if cell.sign:
                return (
                    "--"
                    if cell.value is None
                    else f"${'+' if cell.value > 0 else ''}{cell.value:,}$".replace(",", "{,}")
                )
            return str(cell).replace(">= ", r"$\geq$ ")
        case Share():
            text = str(cell).removesuffix(" %")
            return "--" if text in {"", "-"} else f"${text}$" if cell.change else text
        case Bar():
            return ""
        case _:
            return _inline(cell)


FORMATS = (Format(key="latex", title="LaTeX tables", part="paper", render=render_latex),)
