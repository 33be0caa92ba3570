"""``archscope scale`` and budgets over a range of sizes, as a person runs them."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from archscope.cli import main

NET = """
from torch import nn
Net = lambda: nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
"""
WORDS = ("scale", "net.py:Net", "--input", "1x3x64x64", "--over", "size=64:512:32")


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)


def run(*words, code=0):
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == code, done.output
    return done.output


def test_it_prints_the_formula_and_the_largest_size_that_a_limit_admits():
    # 9 x 3 x 8 / 4 = 54 MACs for each pixel: 54 x 416^2 = 9,345,024 and 54 x 448^2 = 10,838,016.
    shown = run(*WORDS, "--max-macs", "10M")
    assert re.search(r"^MACs +54 size\^2$", shown, re.MULTILINE)
    assert "size 416 has 9,345,024" in shown
    assert "at 448 it is 10,838,016; both were run" in shown


def test_memory_of_training_is_a_limit_in_bytes():
    shown = run(*WORDS, "--max-training-memory-bytes", "5MB")
    assert re.search(r"FITS  training memory bytes <= 5,000,000 +size [0-9]+ has [0-9,]+", shown)


def test_json_holds_every_term(tmp_path):
    run(*WORDS, "--json", "law.json", "--latex", "law.tex", "--csv", "law.csv", "--png", "law.png")
    (region,) = json.loads((tmp_path / "law.json").read_text())["regions"]
    (polynomial,) = region["totals"]["macs"]["largest_of"]
    (term,) = polynomial["terms"]
    assert (term["coefficient"], polynomial["denominator"], term["powers"][0]["power"]) == (54, 1, 2)
    assert r"\text{MACs} &= 54\,\text{size}^{2}" in (tmp_path / "law.tex").read_text()
    assert (tmp_path / "law.csv").read_text().splitlines()[1].startswith("64,total,221184,")
    assert (tmp_path / "law.png").read_bytes().startswith(b"\x89PNG")


def test_a_budget_over_a_range_names_the_first_size_at_which_it_does_not_hold(tmp_path):
    (tmp_path / "archscope.toml").write_text(
        '[models.net]\nsource = "net.py:Net"\ninputs = ["1x3x64x64"]\n'
        '[[budgets]]\nname = "small"\nmodel = "net"\nmetric = "macs"\nmax = "10M"\nsizes = "64:416:32"\n'
        '[[budgets]]\nname = "all"\nmodel = "net"\nmetric = "macs"\nmax = "10M"\nsizes = "64:512:32"\n'
    )
    shown = run("check", code=1)
    assert re.search(r"PASS  small +macs 9,345,024 <= max 10,000,000", shown)
    assert re.search(r"FAIL  all +macs 10,838,016 > max 10,000,000", shown)
    assert "first at size 448 of size 64 to 512" in shown


@pytest.mark.parametrize(
    ("over", "says"), [("size=64:500:32", "does not reach its end"), ("size", "cannot read --over")]
)
def test_a_range_that_cannot_be_read_says_why(over, says):
    assert says in run("scale", "net.py:Net", "--over", over, code=2)


def test_width_is_that_of_layers_where_the_model_takes_it_and_that_of_images_where_it_does_not(tmp_path, monkeypatch):
    (tmp_path / "wide.py").write_text(
        "from torch import nn\n"
        "def layers(width=8): return nn.Conv2d(3, width, 1, bias=False)\n"
        "def image(): return nn.Conv2d(3, 8, 1, bias=False)\n"
    )
    monkeypatch.chdir(tmp_path)
    places = {}
    for name in ("layers", "image"):
        line = ["scale", f"wide.py:{name}", "--input", "1x3x4x4", "--over", "width=2:40:2", "--json", "-"]
        done = CliRunner().invoke(main, line)
        assert done.exit_code == 0, done.output
        places[name] = json.loads(done.output)["dimensions"][0]["places"]
    assert places == {"layers": ["width"], "image": ["input[3]"]}
