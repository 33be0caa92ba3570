"""A document: titles, paragraphs, key figures, tables with typed cells, findings and pictures, without any markup.

Every text is untrusted: a format makes it safe where it writes it. ``Name`` is a path, an operator or another name as
code has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

from archscope.units import format_integer, format_percent

R = TypeVar("R")

#: How news is meant: it decides colours and nothing else.
GOOD, BAD, DOUBTFUL, ASIDE, PLAIN = "good", "bad", "doubtful", "aside", ""


@dataclass(frozen=True, slots=True)
class Name:
    """A name as code has it: formats that can set it in another type."""

    text: str


Inline: TypeAlias = str | Name | tuple[str | Name, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """An exact integer; None is not measured. ``least`` marks a lower bound; ``sign`` shows a plus too."""

    value: int | None
    least: bool = False
    sign: bool = False

    def __str__(self) -> str:
        if self.value and self.sign:
            return f"{self.value:+,}"
        return f">= {self.value:,}" if self.least and self.value is not None else format_integer(self.value)


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, as percent. With ``change`` the part is a difference, shown with its sign."""

    part: int | None
    whole: int | None
    digits: int = 2
    change: bool = False

    def __str__(self) -> str:
        if self.part is None or self.whole is None:
            return ""
        if not self.change:
            return format_percent(self.part, self.whole, self.digits)
        if not self.part:
            return "0 %"
        return ("+" if self.part > 0 else "") + format_percent(self.part, self.whole, self.digits) if self.whole else ""


@dataclass(frozen=True, slots=True)
class Bar:
    """The same as a bar, where a format can draw one."""

    part: int
    whole: int


Cell: TypeAlias = Inline | Count | Share | Bar


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Its title is a ``Name`` where it is one of the user's; ``key`` names it where a machine reads.

    ``figures`` stand to the right and are never cut. On a narrow terminal ``optional`` columns go, ``names`` shrink,
    and where that is not enough, the table goes on below at a column that ``begins`` a group.
    """

    title: str | Name
    _: KW_ONLY
    key: str = ""
    figures: bool = False
    names: bool = False
    optional: bool = False
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; ``indent`` is its depth where the rows are a tree."""

    cells: tuple[Cell, ...]
    _: KW_ONLY
    tone: str = PLAIN
    indent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under columns. ``total`` is the last row, ``left_out`` says before it what is not shown.

    ``close`` when it belongs to what stands before it, here and in other blocks; a format with little room drops the
    titles of a table without ``header``.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    left_out: str = ""
    caption: str = ""
    header: bool = True
    close: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or more. ``close`` when it belongs to what stands before it."""

    text: Inline
    _: KW_ONLY
    tone: str = PLAIN
    strong: bool = False
    close: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A title inside the document."""

    text: Inline
    _: KW_ONLY
    level: int = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """A key figure: what it is, the figure, and what else is said of it."""

    label: Inline
    value: Cell
    note: Inline = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Key figures, one below the other."""

    facts: tuple[Fact, ...]
    _: KW_ONLY
    title: str = ""
    close: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A verdict: its mark, what it is about, one line that says it, and further lines. A line of ``fine`` is dim."""

    mark: str = ""
    tone: str = PLAIN
    title: Inline = ""
    text: Inline = ""
    details: tuple[Inline, ...] = ()
    fine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Verdicts, one below the other; ``spaced`` with an empty line before each."""

    findings: tuple[Finding, ...]
    _: KW_ONLY
    spaced: bool = False
    close: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that lies beside the document."""

    address: str
    words: str


Block: TypeAlias = Table | Paragraph | Heading | Facts | Items | Findings | Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A title of ``level`` with what stands beside it, then blocks in the order in which they are told."""

    title: Inline
    beside: Inline = ""
    blocks: tuple[Block, ...]
    level: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling(Generic[R]):
    """How a result is told: what each format takes to render it. A format whose part is None is not offered.

    ``brief`` is for a terminal and ``full`` for a page; ``data`` is one table with raw figures, ``paper`` the tables
    for a publication, ``record`` plain dicts and lists, ``picture`` what is drawn. ``protocols`` are formats of
    their own: key -> (title, ``module:function`` of the result).
    """

    brief: Callable[[R], Document]
    full: Callable[[R], Document] | None = None
    data: Callable[[R], Table] | None = None
    paper: Callable[[R], Document] | None = None
    record: Callable[[R], Any] | None = None
    picture: Callable[[R], Any] | None = None
    titles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    protocols: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))


def texts(*titles: str | Name, optional: bool = False) -> tuple[Column, ...]:
    """Columns of texts."""
    return tuple(Column(title, optional=optional) for title in titles)


def names(*titles: str | Name, optional: bool = False) -> tuple[Column, ...]:
    """Columns of names, which may be shortened."""
    return tuple(Column(title, names=True, optional=optional) for title in titles)


def figures(*titles: str | Name, optional: bool = False) -> tuple[Column, ...]:
    """Columns of figures, which stand to the right."""
    return tuple(Column(title, figures=True, optional=optional) for title in titles)


def table(
    columns: Iterable[Column], rows: Iterable[Row | Iterable[Cell]], total: Iterable[Cell] = (), **how: Any
) -> Table:
    """A table of rows that are given as their cells; ``how`` are the further fields of ``Table``."""
    made = tuple(row if isinstance(row, Row) else Row(tuple(row)) for row in rows)
    last = tuple(total)
    return Table(columns=tuple(columns), rows=made, total=Row(last) if last else None, **how)


def lines(*told: Inline, **how: Any) -> Iterator[Paragraph]:
    """Lines that belong to what stands before them; ``how`` are the further fields of ``Paragraph``."""
    return (Paragraph(line, close=True, **how) for line in told)


def together(paragraphs: Iterable[Paragraph]) -> Iterator[Paragraph]:
    """Paragraphs without empty lines between them."""
    return (replace(one, close=place > 0) for place, one in enumerate(paragraphs))


def pieces(text: Inline) -> tuple[str | Name, ...]:
    """The parts of ``text``, each with its type."""
    return text if isinstance(text, tuple) else (text,)


def sentence(*parts: Inline) -> tuple[str | Name, ...]:
    """Parts in a row as one text."""
    return tuple(piece for part in parts for piece in pieces(part))


def joined(parts: Sequence[Inline], last: str = " and ") -> tuple[str | Name, ...]:
    """``a``, ``a and b``, ``a, b and c``."""
    before = ["", *[", "] * (len(parts) - 2), last] if len(parts) > 1 else [""]
    return sentence(*(text for pair in zip(before, parts, strict=False) for text in pair if text))


def words(text: Inline) -> str:
    """``text`` without its types."""
    return "".join(piece.text if isinstance(piece, Name) else piece for piece in pieces(text))
