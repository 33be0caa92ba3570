r"""Tables for a paper: booktabs (``\usepackage{booktabs}``), exact integers, and every name escaped."""

from __future__ import annotations

from collections.abc import Iterable

from archscope.documents import document as doc
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


def render_latex(document: doc.Document) -> str:
    """The blocks of ``document``; its title is left to the paper that it goes into."""
    return "\n".join(part for block in document.blocks if (part := _block(block)))


def latex(text: str) -> str:
    """``text`` as LaTeX shows it: no character of it is a command."""
    return "".join(_SPECIAL.get(char, char) for char in plain(text))


def _inline(text: doc.Inline) -> str:
    parts = doc.pieces(text)
    return "".join(f"\\texttt{{{latex(one.text)}}}" if isinstance(one, doc.Name) else latex(one) for one in parts)


def _block(block: doc.Block) -> str:  # noqa: PLR0911 - one for each kind of block
    match block:
        case doc.Table():
            return _table(block)
        case doc.Paragraph():
            return f"{_inline(block.text)}\n"
        case doc.Heading():
            return f"\\subsection*{{{_inline(block.text)}}}"
        case doc.Items():
            return _list(map(_inline, block.items))
        case doc.Facts():
            return _list(f"{_inline(fact.label)}: {_cell(fact.value)}" for fact in block.facts)
        case doc.Findings():
            return _list(f"{latex(f.mark)} {_inline(f.title)}: {_inline(f.text)}" for f in block.findings)
        case doc.Picture():
            return ""


def _list(items: Iterable[str]) -> str:
    lines = [f"  \\item {item}" for item in items]
    return "\n".join([r"\begin{itemize}", *lines, r"\end{itemize}", ""]) if lines else ""


def _table(block: doc.Table) -> str:
    columns = [place for place, column in enumerate(block.columns) if column.key != "bar"]

    def line(cells: tuple[doc.Cell, ...]) -> str:
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


def _cell(cell: doc.Cell) -> str:
    match cell:
        case doc.Count():
            if not cell.sign:
                return str(cell).replace(">= ", r"$\geq$ ")
            return f"${cell}$".replace(",", "{,}") if cell.value is not None else "--"
        case doc.Share():
            text = str(cell).removesuffix(" %")
            return "--" if text in {"", "-"} else f"${text}$" if cell.change else text
        case doc.Bar():
            return ""
        case _:
            return _inline(cell)


FORMATS = (Format(key="latex", title="LaTeX tables", part="paper", render=render_latex),)
