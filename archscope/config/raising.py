"""Raising the limits of a config where growth was accepted: the line changes, and nothing else of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MAX = re.compile(r"(\bmax\s*=\s*)(\"[^\"]*\"|'[^']*'|[0-9_]+)")


def with_limits(text: str, limits: Mapping[int, int]) -> str:
    """``text`` of a config with another ``max`` in each of the lines (from 1) that ``limits`` names.

    A comment behind the old value goes with it. Raises ValueError for a line that holds none.
    """
    lines = text.splitlines(keepends=True)
    for number, most in limits.items():
        line = lines[number - 1]
        found = _MAX.search(line)
        if found is None:
            raise ValueError(f"line {number} sets no max")
        rest = re.sub(r"\s*#[^\r\n]*", "", line[found.end() :])
        lines[number - 1] = f"{line[: found.start()]}{found[1]}{most:_}{rest}"
    return "".join(lines)
