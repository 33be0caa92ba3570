"""The code of docs/python.md runs, and gives what its comments say."""

from __future__ import annotations

import re

from repository import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_code_of_the_page_runs_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for block in BLOCKS:
        exec(block, names)  # noqa: S102 - our own page
    assert names["report"].totals.macs == 8 * 32 * 32 * 27 + 80 == 221_264
    assert repr(names["report"]) == "<Report of Net: 314 parameters, 221.264 K MACs>"
    assert names["result"].passed
    assert {path.name for path in tmp_path.iterdir()} == {"net.html", "archscope.lock"}
