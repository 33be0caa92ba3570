"""A table in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archscope.render.names import markdown


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A pipe table; the first ``left`` columns to the left, figures to the right.

    Cells and titles are escaped unless ``Safe``.
    """
    rule = [":---" if index < left else "---:" for index in range(len(titles))]
    lines: list[Sequence[str]] = [
        [markdown(title) for title in titles],
        rule,
        *([markdown(text) for text in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
