"""The format of whole documents that CONTRIBUTING.md shows: it runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from made import made_report

from archscope.documents.document import Document, Heading, Table, words
from archscope.documents.report import REPORT
from archscope.render import Format
from archscope.render.names import plain

GUIDE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()


def test_the_outline_has_the_title_and_the_headings_of_a_report():
    (code,) = re.findall(r"^```python\n(def render_outline.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    known = {"Document": Document, "Heading": Heading, "Table": Table, "words": words, "plain": plain, "Format": Format}
    exec(code, known)  # noqa: S102 - our own guide
    (outline,) = known["FORMATS"]
    report = made_report({"": ("Rest", 10, 0, 5), "body": ("Body", 20, 300, 600)}, name="toy")
    lines = outline.render(REPORT.full(report)).splitlines()
    assert lines[0] == "toy"
    assert "  Conclusion" in lines
    assert any(line.startswith("    a table of ") for line in lines)
