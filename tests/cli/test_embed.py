"""Figures of models in READMEs and model cards: refreshed, checked, and left alone where they are only shown."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from archscope.cli import main

# 3 x 8 x 9 + 8 = 224 and 8 x 4 + 4 = 36 parameters; 8 x 36 x 27 + 32 = 7,808 MACs.
NET = """from torch import nn


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, width, 3), nn.Linear(width, 4)

    def forward(self, x):
        return self.head(self.stem(x).mean((2, 3)))
"""
CARD = """---
license: mit
# archscope: net.py:Net metadata --input 1x3x8x8
old: 1
# /archscope
---
# Net

Intro.

<!-- archscope: net.py:Net line --input 1x3x8x8 -->
nothing yet
<!-- /archscope -->

<!-- archscope: net.py:Net table --input 1x3x8x8 -->
<!-- /archscope -->

  <!-- archscope: net.py:Net badge macs --input 1x3x8x8 --set width=16 -->
  <!-- /archscope -->

```
<!-- archscope: net.py:Gone table -->
```
The end, without a line end"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "CARD.md").write_text(CARD)
    return tmp_path


def run(*words, code=0):
    result = CliRunner().invoke(main, [*words])
    assert result.exit_code == code, result.output + result.stderr
    return result


def test_blocks_say_what_the_model_costs_and_nothing_else_changes(folder):
    assert "CARD.md is stale" in run("embed", "CARD.md", "--check", code=1).stdout
    assert (folder / "CARD.md").read_text() == CARD, "a check writes nothing"
    assert run("embed", "CARD.md").stdout == "CARD.md refreshed\n"
    text = (folder / "CARD.md").read_text()
    assert "parameters: 260\nmacs: 7808\nflops: " in text
    assert "old: 1" not in text
    assert "260 parameters, 7.808 K MACs, " in text
    assert "nothing yet" not in text
    assert "| stem | 224 | 86.15 % | 7,776 | 99.59 % |" in text
    assert [line for line in text.splitlines() if line.startswith("#")][2:] == ["# Net"], "a table has no heading"
    assert "![MACs: 15.616 K](https://img.shields.io/badge/MACs-15.616%20K-0072B2)" in text
    assert text.startswith("---\nlicense: mit\n")
    assert text.endswith("```\n<!-- archscope: net.py:Gone table -->\n```\nThe end, without a line end")
    assert run("embed", "CARD.md", "--check").stdout == "CARD.md is up to date\n"


def test_a_model_that_grew_makes_the_file_stale(folder):
    run("embed", "CARD.md")
    (folder / "net.py").write_text(NET.replace("width=8", "width=9"))
    assert "archscope embed CARD.md" in run("embed", "CARD.md", "--check", code=1).stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n<!-- archscope: net.py:Net line -->\n", "the block has no end"),
        ("<!-- archscope: net.py:Net tabel -->\n<!-- /archscope -->\n", "did you mean table"),
        ("<!-- archscope: net.py:Net badge mcas -->\n<!-- /archscope -->\n", "there is no metric 'mcas'"),
        ("<!-- archscope: -->\n<!-- /archscope -->\n", "the mark says ''"),
        ("<!-- archscope: 'x line -->\n<!-- /archscope -->\n", "cannot be read"),
    ],
)
def test_a_mark_that_says_nothing_is_an_error_with_its_line_and_writes_nothing(folder, text, said):
    (folder / "R.md").write_text(text)
    told = run("embed", "R.md", code=2).stderr
    assert said in told
    assert "R.md:" in told
    assert (folder / "R.md").read_text() == text


def test_line_ends_of_windows_stay(folder):
    (folder / "R.md").write_bytes(b"<!-- archscope: net.py:Net line -->\r\n<!-- /archscope -->\r\n")
    run("embed", "R.md")
    assert (folder / "R.md").read_bytes().splitlines(keepends=True)[1] == b"260 parameters\r\n"


def test_a_badge_is_an_svg_with_the_figure(folder):
    svg = run("badge", "net.py:Net", "--metric", "macs", "--input", "1x3x8x8").stdout
    texts = [node.text for node in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - our own
    assert texts == ["MACs", "7.808 K"]
    assert "wrote b.svg" in run("badge", "net.py:Net", "--svg", "b.svg").stderr
    assert "not measured" in run("badge", "net.py:Net", "--metric", "flops").stdout
    assert (folder / "b.svg").read_text().startswith("<svg")
