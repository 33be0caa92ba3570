"""The four additions of CONTRIBUTING.md, each done in a copy of the package: they work and touch few files."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"^### (An? [a-z' ]+):.*?\n(.*?)(?=^### |\Z)", re.DOTALL | re.MULTILINE)
SECTIONS = dict(SECTION.findall((ROOT / "CONTRIBUTING.md").read_text()))
BLOCK = re.compile(r"^```(?:python|line) (\S+?\.py)(?:, in (\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NET = """
from torch import nn
Net = lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
"""


@pytest.fixture
def copy(tmp_path):
    """The repository's package as it is installed, and beside it what is not installed."""
    site = tmp_path / "site"
    for folder in ("archscope", "models", "templates"):
        place = site / "archscope" if folder == "archscope" else site / "archscope" / folder
        shutil.copytree(ROOT / folder, place, ignore=shutil.ignore_patterns("__pycache__"))
    (site / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "counting.md", site / "docs")
    shutil.copytree(site, tmp_path / "before")
    (site / "net.py").write_text(NET)
    return site


def add(site, section):
    """What the section says to write: appended, or put into the function or class that it names."""
    for path, place, code in BLOCK.findall(SECTIONS[section]):
        file = site / path
        text = file.read_text() if file.exists() else ""
        if place == "FigureRow":
            text = text.replace("    # fmt: on\n", f"{code}    # fmt: on\n")
        elif place:
            head = re.search(rf'def {place}\(.*?\n    """.*?"""\n', text, re.DOTALL)
            text = text[: head.end()] + code + text[head.end() :]
        else:
            text += f"\n\n{code}" if text else code
        file.write_text(text)


def run(site, *words):
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
    code = "import sys; from archscope.cli import main; sys.exit(main(prog_name='archscope'))"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=site, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def touched(site):
    def walk(both, where=Path()):
        changed = [
            where / name for name in (*both.diff_files, *both.left_only) if name not in {"net.py", "__pycache__"}
        ]
        return changed + [path for name, inner in both.subdirs.items() for path in walk(inner, where / name)]

    return sorted(map(str, walk(filecmp.dircmp(site, site.parent / "before"))))


def test_an_operators_formula_takes_its_familys_file_and_the_page(copy):
    add(copy, "An operator's formula")
    assert "macs" not in run(copy, "formulas", "mylib::scan").splitlines()[0]
    assert "one multiply-accumulate per element of x" in run(copy, "formulas", "mylib::scan")
    run(copy, "formulas", "--md", "docs/counting.md")
    assert "`mylib::scan`" in (copy / "docs" / "counting.md").read_text()
    assert touched(copy) == ["archscope/formulas/recurrent.py", "docs/counting.md"]


def test_a_metric_takes_one_line_and_its_formula(copy):
    add(copy, "A metric")
    shown = run(copy, "analyze", "net.py:Net", "--input", "1x3x8x8", "--no-files")
    assert re.search(
        r"^largest activation bytes +1,152 +1\.15 KB$", shown, re.MULTILINE
    )  # 8 x 6 x 6 outputs of 4 bytes
    run(copy, "check", "net.py:Net", "--input", "1x3x8x8", "--max-largest-activation-bytes", "1152")
    assert touched(copy) == ["archscope/measure/summing/peak_memory.py", "archscope/metrics.py"]


def test_a_result_takes_its_type_its_judge_and_its_document(copy):
    add(copy, "A result")
    (copy / "net.py").write_text(
        NET + "import archscope\nfrom torch import zeros\nfrom archscope.documents.density import DENSITY\n"
        "from archscope.judge.density import densities\nfrom archscope.render import writers\n"
        "from archscope.render.text import render_text\n"
        "found = densities(archscope.analyze(Net(), archscope.Inputs(args=(zeros(1, 3, 8, 8),))))\n"
        "print(render_text(DENSITY.brief(found)))\n"
        "print(*(writers(DENSITY)[key].render(found).decode() for key in ('md', 'csv', 'json')), sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "net.py"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=True,
    )
    # The convolution holds 3 x 9 x 8 + 8 = 224 parameters and does 216 x 36 = 7,776 MACs: 34.7 each.
    assert re.search(r"^0 +34\.7$", done.stdout, re.MULTILINE)
    assert "| 0 | 34.7 |" in done.stdout
    assert "\n0,34.7\n" in done.stdout
    assert touched(copy) == [f"archscope/{floor}/density.py" for floor in ("documents", "judge", "results")]


def test_a_format_takes_one_file(copy):
    add(copy, "A format")
    table = run(copy, "analyze", "net.py:Net", "--input", "1x3x8x8", "--tsv", "-")
    rows = [line.split("\t") for line in table.splitlines()]
    assert rows[0][:2] == ["path", "type"]
    assert rows[2][:2] == ["0", "Conv2d"]
    assert "--tsv" in run(copy, "compare", "--help")
    assert touched(copy) == ["archscope/render/formats/tsv.py"]
