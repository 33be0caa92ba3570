"""The README shows what archscope really prints."""

from __future__ import annotations

import re

import pytest
from repository import ROOT
from told import render_text

import archscope

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def baseline():
    return archscope.analyze(archscope.load("featherface-baseline"))


def test_the_excerpt_is_what_is_printed(baseline):
    shown = next(text for kind, text in BLOCKS if kind == "text" and "featherface" in text)
    printed = [line.rstrip() for line in render_text(baseline).splitlines()]
    assert shown.splitlines()[-1].startswith("TOTAL ")
    for line, real in zip(shown.splitlines(), printed, strict=False):
        assert real.startswith(line)


def test_the_example_prints_what_stands_below_it(capsys):
    example = next(index for index, (kind, _) in enumerate(BLOCKS) if kind == "python")
    exec(BLOCKS[example][1], {})  # noqa: S102 - our own README
    assert capsys.readouterr().out == BLOCKS[example + 1][1]


def test_the_quoted_figures_differ_from_the_true_ones_by_what_is_named(baseline):
    bare = sum(record.numel for record in baseline.parameters if re.search(r"\.p\d_w\d$", record.path))
    kernels = sum(record.numel for record in baseline.parameters if record.path.endswith("regular_conv.weight"))
    assert (kernels, bare) == (103_680, 30)
    assert 592_371 - kernels - bare == 488_661 == baseline.totals.parameters - 103_710
    deformable = next(row for row in baseline.operators if row.op == "archscope::deform_conv2d")
    assert (deformable.calls, deformable.macs) == (15, 290_304_000)
    assert baseline.totals.macs - deformable.macs + 59_100_800 == 1_012_598_976
    for number in (kernels, 488_661, 592_371, deformable.macs, 59_100_800, 1_012_598_976, baseline.totals.macs):
        assert f"{number:,}" in README


def test_every_file_that_it_names_is_there():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert "reports/featherface-baseline/parameters.png" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_command_that_it_names_exists():
    from archscope.cli import COMMANDS

    named = set(re.findall(r"archscope ([a-z]+)", README)) - {"is"}
    assert named <= COMMANDS.keys()
