"""``archscope formulas`` and the page made from the same docstrings."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner
from repository import ROOT
from told import formulas_text

from archscope.cli import CommandGroup
from archscope.documents.formulas import counting_page as formulas_markdown
from archscope.formulas import DEFAULT_FORMULAS

PAGE = ROOT / "docs" / "counting.md"


def run(*words):
    return CliRunner().invoke(CommandGroup("archscope"), ["formulas", *words], prog_name="archscope")


def test_the_page_is_what_the_docstrings_say():
    assert PAGE.read_text("utf-8") == formulas_markdown(DEFAULT_FORMULAS), "archscope formulas --md docs/counting.md"


def test_every_operator_is_on_the_page():
    page = formulas_markdown(DEFAULT_FORMULAS)
    assert all(f"`{rule.op}`" in page for rule in DEFAULT_FORMULAS)


def test_the_list_has_a_line_for_every_operator_and_a_tally():
    lines = formulas_text(DEFAULT_FORMULAS).splitlines()
    assert len(lines) == len(DEFAULT_FORMULAS) + 3  # a header, an empty line, the tally
    free = sum(rule.kind == "free" for rule in DEFAULT_FORMULAS)
    assert lines[-1].startswith(f"{len(DEFAULT_FORMULAS) - free} counted, {free} free")


def test_a_part_of_a_name_or_a_glob_gives_derivations_in_full():
    result = run("aten::conv_tbc", "*safe_softmax")
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "aten::_safe_softmax  counted, activation"
    assert "The bias adds 1 flop per output element." in result.output
    assert "aten::mm" not in result.output


def test_an_unknown_name_is_a_usage_error():
    result = run("no_such_operator")
    assert result.exit_code == 2
    assert "no operator is named no_such_operator" in result.output


def test_the_page_goes_to_a_file_or_to_stdout(tmp_path):
    page = formulas_markdown(DEFAULT_FORMULAS)
    assert run("--md", str(tmp_path / "a" / "counting.md")).exit_code == 0
    assert (tmp_path / "a" / "counting.md").read_text("utf-8") == page
    assert run("--md", "-").output == page


def test_the_command_loads_no_torch():
    code = "import sys; from archscope.cli import main; sys.argv = ['archscope', 'formulas', 'aten::mm']\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\nassert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
