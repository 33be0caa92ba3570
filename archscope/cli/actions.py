"""GitHub Actions: whether a command runs in a job of it, and the summary that `archscope check` writes for the step."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from archscope.documents.check import full_document
from archscope.files import write_files
from archscope.policy import CheckResult
from archscope.render.formats.markdown import render_markdown

MOST_BYTES = 1_000_000  # GitHub refuses a summary above 1 MiB


def in_actions() -> bool:
    """Whether this runs in a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def write_step_summary(result: CheckResult) -> None:
    """``result`` into the file that $GITHUB_STEP_SUMMARY names, if it names one.

    A section that an earlier run of the same check left is replaced; what others wrote stays.
    """
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if not target:
        return
    path = Path(target)
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    written = with_section(text, result)
    if len(written.encode()) <= MOST_BYTES:
        write_files({path: written.encode()})


def with_section(text: str, result: CheckResult) -> str:
    """``text`` with the section of ``result`` in the place of its last version, or at the end."""
    key = _key(result)
    opening, closing = f"<!-- archscope check {key} -->\n", f"<!-- end of archscope check {key} -->\n"
    before, found, rest = text.partition(opening)
    _, closed, after = rest.partition(closing)
    if found and not closed:
        after = ""  # a run was killed while it wrote
    if not found and before and not before.endswith("\n"):
        before += "\n"
    room = MOST_BYTES - len((before + opening + closing + after).encode())
    return f"{before}{opening}{fitting(result, room)}{closing}{after}"


def fitting(result: CheckResult, most_bytes: int) -> str:
    """``result`` as Markdown with as many results as fit; the page says how many it leaves out."""
    most = len(result.results) + len(result.faults)
    text = render_markdown(full_document(result, most))
    while len(text.encode()) > most_bytes and most:
        most = most * 2 // 3
        text = render_markdown(full_document(result, most))
    return text


def _key(result: CheckResult) -> str:
    names = sorted({(row.model, row.name) for row in result.results} | {(fault.model, "") for fault in result.faults})
    return sha256(repr(names).encode("utf-8", "backslashreplace")).hexdigest()[:16]
