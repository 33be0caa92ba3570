"""docs/peers.md repeats figures of docs/accuracy.md, which a test holds against what is measured."""

from __future__ import annotations

import re

from repository import ROOT


def test_the_figures_of_the_peers_are_those_that_were_measured():
    rows = re.compile(r"^\| [^|]+ \| ([\d,]+|-|&#45;) \| ([\d,]+) \| ([\d.]*) ?\|$", re.MULTILINE)
    shown = rows.findall((ROOT / "docs" / "peers.md").read_text())
    measured = rows.findall((ROOT / "docs" / "accuracy.md").read_text().partition("## Other counters")[2])
    assert len(shown) == 8
    assert [(a.replace("-", "&#45;"), b, c.strip()) for a, b, c in shown] == [(a, b, c.strip()) for a, b, c in measured]
