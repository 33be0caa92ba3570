"""The commands of docs/sources.md work as they are written."""

from __future__ import annotations

import re
import runpy
import shlex

import pytest
from click.testing import CliRunner
from repository import ROOT

from archscope.cli import main

PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
CODE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    (folder / "net.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        runpy.run_path("net.py", run_name="__main__")  # the page's `python net.py`
    return folder


def test_the_page_shows_a_command_for_every_kind_of_source():
    shown = " ".join(COMMANDS)
    for kind in ("net.py:", "net:", "timm:", "torchvision:", "hf:", ".pt2", ".pth", "--input", "--set"):
        assert kind in shown


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c.startswith("archscope") and "timm:" not in c and "torchvision:" not in c]
)
def test_a_command_of_the_page_works_as_it_is_written(folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(main, shlex.split(command)[1:], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "parameters" in result.stdout
