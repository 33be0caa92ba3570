"""A file of a megabyte takes no more than a few seconds and 200 MB, however it is built: measured one by one."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from archscope.cli.report_folder import free_folder
from archscope.config import load_config
from archscope.errors import ArchscopeError
from archscope.faces.training.recipe import Recipe
from archscope.judge.claims_file import read_claims
from archscope.judge.plan_file import read_targets
from archscope.protocols.marked_blocks import refreshed

MEGABYTE = 1_000_000
MODEL = '[models.net]\nsource = "net.py:Net"\n'
CLAIMS = 'document = "paper"\nmodel = "net"\n'
TARGETS = 'model = "net"\n[goal]\nmetric = "parameters"\nmax = 1\n'
SECONDS, BYTES = 5.0, 200_000_000


def many(line, size=MEGABYTE):
    """As many of ``line``, with a number for %, as a megabyte holds."""
    return "".join(line.replace("%", str(k)) for k in range(size // (len(line) + 4)))


def chain(count):
    line = '[[claims]]\nwhat = "{}"\nsum = ["{}", "{}"]\nvalue = "2"\n'
    first = '[[claims]]\nwhat = "0"\nmetric = "parameters"\nvalue = "1"\n'
    return CLAIMS + first + "".join(line.format(k, k - 1, k - 1) for k in range(1, count))


CONFIGS = {
    "components": MODEL + many('[[models.net.components]]\nname = "c%"\nmatch = ["a%"]\n'),
    "components of one name": MODEL + many('[[models.net.components]]\nname = "c"\nmatch = ["a"]\n'),
    "patterns": MODEL + '[[models.net.components]]\nname = "c"\nmatch = [' + many('"*a%*",') + "]\n",
    "dotted tables": many("[" + ".".join(f"a{k}" for k in range(60)) + ".b%]\n"),
    "dotted keys": many("a.b%.c.d = 1\n"),
    "tables": many("[a%]\n"),
    "a long key": "a" * MEGABYTE + " = 1",
    "budgets": MODEL + many('[[budgets]]\nname = "b%"\nmodel = "net"\nmetric = "parameters"\nmax = 1\n'),
}
SHEETS = {
    "claims": (read_claims, CLAIMS + many('[[claims]]\nwhat = "%"\nmetric = "parameters"\nvalue = "1"\n')),
    "claims of claims": (read_claims, chain(15_000)),
    "targets": (read_targets, TARGETS + many('[[targets]]\ncomponent = "c%"\ntarget = 3\n')),
}
READMES = {
    "spaces in a mark": "# archscope: a" + " " * MEGABYTE + "b\n",
    "words in a mark": "<!-- archscope: " + "a " * (MEGABYTE // 2) + "-->\n<!-- /archscope -->\n",
    "one word": "<!-- archscope: net " + "a" * MEGABYTE + " -->\n<!-- /archscope -->\n",
    "quotes": "<!-- archscope: " + "'" * MEGABYTE + " -->\n",
    "ends": "<!-- archscope:" + "-->" * (MEGABYTE // 3) + "\n",
    "marks without an end": "<!-- archscope: net table -->\n" * (MEGABYTE // 30),
    "spaces": "\u00a0" * (MEGABYTE // 2) + "x\n",
}
NESTED = {
    "lists": "[" * MEGABYTE,
    "objects": '{"model":' * (MEGABYTE // 9),
    "digits": '{"seed": ' + "9" * MEGABYTE + "}",
}


def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def bounded(read):
    """Hand the input to its reader: what it raises besides errors of archscope, or takes beyond the bounds, fails."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before, began = status("VmRSS"), time.process_time()
    try:
        read()
    except ArchscopeError as error:
        assert error.what  # noqa: PT017 - the other way out is that nothing is raised
    assert time.process_time() - began < SECONDS
    assert status("VmHWM") - before < BYTES


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_of_a_megabyte(tmp_path, name):
    (tmp_path / "archscope.toml").write_text(CONFIGS[name])
    bounded(lambda: load_config(tmp_path / "archscope.toml"))


@pytest.mark.parametrize("name", SHEETS)
def test_claims_and_targets_of_a_megabyte(tmp_path, name):
    read, text = SHEETS[name]
    (tmp_path / "sheet.toml").write_text(text)
    bounded(lambda: read(tmp_path / "sheet.toml"))


@pytest.mark.parametrize("name", READMES)
def test_a_readme_of_a_megabyte(name):
    bounded(lambda: refreshed(READMES[name], "README.md", lambda _: pytest.fail("nothing is to be measured")))


@pytest.mark.parametrize("name", NESTED)
def test_a_recipe_and_a_kept_report_of_a_megabyte(tmp_path, name, small):
    bounded(lambda: Recipe().require_same(NESTED[name], "recipe.json"))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "report.json").write_text(NESTED[name])
    assert free_folder(small, tmp_path) == tmp_path / "net"  # what holds no report is no other model's


def test_a_recipe_is_told_shortly():
    kept = json.loads(Recipe().to_json()) | {"seed": "x" * MEGABYTE}
    with pytest.raises(ArchscopeError) as caught:
        Recipe().require_same(json.dumps(kept), "recipe.json")
    assert len(str(caught.value)) < 1_000


@pytest.fixture
def small():
    from made import made_report

    return made_report({"": ("Rest", 1, 0, 5)}, name="net")
