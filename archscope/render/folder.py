"""The folder that a report is kept in: its files, and whether those on disk still say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from archscope.render import REPORT_FORMATS
from archscope.render.markdown import render_markdown
from archscope.report import Report

FIGURE = "parameters.png"
PAGE = "report.html"  # analyze adds it; no repository needs to keep it


def folder_name(model: str) -> str:
    """A safe file name made from the model's: letters, digits, ``.``, ``_`` and ``-``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip(".-")[:80] or "model"


def report_files(report: Report) -> dict[str, bytes]:
    """What a repository keeps of ``report``, by file name."""
    return {
        "report.md": render_markdown(report, figure=FIGURE).encode(),
        "report.json": REPORT_FORMATS["json"].render(report),
        FIGURE: REPORT_FORMATS["png"].render(report),
    }


def stale(folder: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """What is wrong with ``folder`` if it should hold ``files`` and nothing else, a sentence for each file.

    Figures are compared by the data that they were drawn from: their pixels differ between versions of the libraries.
    """
    from archscope.render.figures import drawn_from

    wrong = []
    for name, content in files.items():
        try:
            found = (folder / name).read_bytes()
        except FileNotFoundError:
            wrong.append(f"{folder / name} is missing")
            continue
        same = drawn_from(found) == drawn_from(content) if name.endswith(".png") else found == content
        if not same:
            wrong.append(f"{folder / name} is stale")
    known = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    wrong += [f"{folder / name} is left over" for name in sorted(known - files.keys() - {PAGE})]
    return tuple(wrong)
