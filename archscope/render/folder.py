"""The folder that a report is kept in: its files."""

from __future__ import annotations

import re

from archscope.render import REPORT_FORMATS
from archscope.report import Report


def folder_name(model: str) -> str:
    """A safe file name made from the model's: letters, digits, ``.``, ``_`` and ``-``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip(".-")[:80] or "model"


def report_files(report: Report) -> dict[str, bytes]:
    """What the folder of ``report`` holds, by file name."""
    return {
        "report.json": REPORT_FORMATS["json"].render(report),
    }
