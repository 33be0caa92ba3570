"""Names of models, modules and operators are untrusted text: each output gets them in a form that cannot break it."""

from __future__ import annotations

import re
from collections.abc import Container

_CODE = re.compile(r"[A-Za-z0-9_.:\[\]()<>=,/*%@+ -]*[A-Za-z0-9_.:\[\])>]")
_MARKDOWN = re.compile(
    r"[\\`*{}\[\]<#|~&$@!]|^>|(?<!-)>(?!=)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|(?<=:)/(?=/)|(?<=[wW]{3})\.|^[-+=]"
)
_NUMBERED = re.compile(r"^( *[0-9]+)([.)])(?= |$)")  # where a line starts it would begin a list
_BRACKETED = re.compile(r"\[[a-z]+\]")  # [unassigned], [input]: a link only where it is defined, and nothing defines it
_FORMULA = ("=", "+", "-", "@")


class Safe(str):
    """Text that needs no more escaping."""

    __slots__ = ()


def plain(text: str) -> str:
    r"""``text`` for terminals and logs: what does not print (control, bidi, line ends) is spelled out, as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )


def markdown(text: str) -> Safe:
    """``text`` for running Markdown and table cells: whatever could be structure becomes a character reference."""
    if isinstance(text, Safe) or _BRACKETED.fullmatch(text):
        return Safe(text)
    escaped = _MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", plain(text))
    return Safe(_NUMBERED.sub(lambda match: f"{match[1]}&#{ord(match[2])};", escaped))


def code(text: str) -> Safe:
    """A name for Markdown: a code span if it is an ordinary one, escaped text if it is not."""
    return Safe(f"`{text}`") if _CODE.fullmatch(text) and text[0] != " " else markdown(text)


def references(text: str) -> str:
    """``text`` for HTML, in attributes too: structure and what does not print become character references.

    A browser reads them as the characters they stand for, so that scripts find the name itself; a terminal that shows
    the file obeys none of them.
    """
    return "".join(char if char.isprintable() and char not in "<>&\"'" else f"&#{ord(char)};" for char in text)


def cell(text: str) -> str:
    """``text`` for a CSV cell: a leading character that spreadsheets take for a formula gets a quote before it."""
    text = plain(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def ascii_only(text: str) -> str:
    r"""``text`` for figures, whose font has few glyphs: all but ASCII is spelled out, as ``\u7f51``."""
    return plain(text).encode("ascii", "backslashreplace").decode()


def label(text: str, width: int) -> str:
    """``text`` for a place of a figure that is ``width`` characters wide."""
    return shorten(ascii_only(text), width)


def safe_line(text: str) -> str:
    r"""``text`` on a line of a log; ``##[`` and a first ``::`` are commands on GitHub and are broken up."""
    return re.sub(r"^(?=\s*::)", r"\\", plain(text).replace("##[", r"##\["))


def shorten(text: str, width: int, mark: str = "...") -> str:
    """``text`` in at most ``width`` characters, its middle left out when it is longer."""
    if len(text) <= width:
        return text
    keep = max(width - len(mark), 2)
    return f"{text[: keep - keep // 2]}{mark}{text[len(text) - keep // 2 :]}"


def distinctly(text: str, width: int, taken: Container[str], mark: str = "…") -> str:
    """``text`` in at most ``width`` characters and none of ``taken``: its middle is left out, or another part of it."""
    keep = max(width - len(mark), 2)
    for head in (keep - keep // 2, *range(keep, -1, -1)):
        short = f"{text[:head]}{mark}{text[len(text) - (keep - head) :]}" if head < keep else f"{text[:head]}{mark}"
        if short not in taken:
            return short
    for start in range(1, len(text) - keep):  # a part from the middle
        short = f"{mark}{text[start : start + max(keep - len(mark), 1)]}{mark}"
        if short not in taken:
            return short
    number = 2
    while f"{text[: max(keep - len(str(number)), 0)]}{mark}{number}" in taken:
        number += 1
    return f"{text[: max(keep - len(str(number)), 0)]}{mark}{number}"
