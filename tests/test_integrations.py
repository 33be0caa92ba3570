"""The GitHub Action, the pre-commit hooks and the workflow: their scripts run for real, with a gh that takes notes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from gate_project import CONFIG, NET, environment
from made import made_report
from repository import COMMAND, ROOT

from archscope.serial import to_json

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
CHECK, COMMENT = ACTION["runs"]["steps"]
GH = """#!/usr/bin/env bash
echo "$@" >>"$NOTES"
case "$*" in
  *--jq*) cat "$COMMENTS" ;;
  *body=@*) for word in "$@"; do case "$word" in body=@*) cp "${word#body=@}" "$NOTES.body" ;; esac; done ;;
esac
"""


@pytest.fixture
def job(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "net.json").write_text(to_json(made_report(NET, name="net")))
    (tmp_path / "archscope.toml").write_text(CONFIG.format(most=99))
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(GH)
    (tools / "gh").chmod(0o755)
    (tmp_path / "comments").write_text("")

    def run(step, **variables):
        env = environment(
            PATH=f"{tools}:{Path(COMMAND).parent}:{os.environ['PATH']}",
            GITHUB_ACTIONS="true",
            GITHUB_OUTPUT=str(tmp_path / "output"),
            REPORT=str(tmp_path / "archscope-check.md"),
            NOTES=str(tmp_path / "notes"),
            COMMENTS=str(tmp_path / "comments"),
            **variables,
        )
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def given(**variables):
    return {"NAMES": "", "ARGUMENTS": "", "SARIF": "", "JUNIT": ""} | variables


def test_the_action_checks_and_hands_on_its_exit_code(job, tmp_path):
    done = job(CHECK, **given(NAMES="net.json", SARIF="out.sarif", JUNIT="out.xml"))
    assert done.returncode == 1, done.stderr
    assert "FAIL  net-params" in done.stdout
    assert "::error file=archscope.toml,line=5" in done.stdout
    assert (tmp_path / "output").read_text() == "exit-code=1\n"
    assert "### archscope check failed" in (tmp_path / "archscope-check.md").read_text()
    assert (tmp_path / "out.sarif").is_file()
    assert (tmp_path / "out.xml").is_file()


def test_the_action_takes_words_by_the_environment_and_runs_none_of_them(job, tmp_path):
    done = job(CHECK, **given(NAMES="net.json $(touch hacked)", ARGUMENTS="--max-params 1K; touch hacked"))
    assert done.returncode == 2
    assert not (tmp_path / "hacked").exists()
    assert job(CHECK, **given(NAMES="net.json", ARGUMENTS="--max-params 1K --max-macs 1K")).returncode == 0


def test_every_input_of_the_action_reaches_its_script_by_the_environment():
    for step in (CHECK, COMMENT):
        assert "${{" not in step["run"]
        for name in re.findall(r"\$\{?([A-Z_]+)", step["run"]):
            assert name in step["env"] or name.startswith("GITHUB_"), name
    used = " ".join(
        str(value)
        for step in (CHECK, COMMENT)
        for value in [*step["env"].values(), step.get("if"), step.get("working-directory")]
    )
    assert all(f"inputs.{name}" in used for name in ACTION["inputs"])


def test_the_comment_is_opt_in():
    assert ACTION["inputs"]["comment"]["default"] == "false"
    assert "inputs.comment == 'true'" in COMMENT["if"]


def test_the_comment_is_written_once_and_then_updated_in_place(job, tmp_path):
    variables = {"REPOSITORY": "some/where", "NUMBER": "7", "GH_TOKEN": "x", "FOLDER": ".", "ARGUMENTS": ""}
    variables |= {"NAMES": "net.json"}
    job(CHECK, **given(NAMES="net.json"))
    assert job(COMMENT, **variables).returncode == 0
    notes = (tmp_path / "notes").read_text().splitlines()
    assert notes[-1].startswith("api --method POST repos/some/where/issues/7/comments")
    body = (tmp_path / "notes.body").read_text()
    assert re.match(r"<!-- archscope check [0-9]+-[0-9]+ -->\n### archscope check failed\n", body)
    (tmp_path / "comments").write_text("42\n43\n")
    assert job(COMMENT, **variables).returncode == 0
    notes = (tmp_path / "notes").read_text().splitlines()
    assert notes[-1].startswith("api --method PATCH repos/some/where/issues/comments/42 ")
    assert body.splitlines()[0] in notes[-2]  # the comment that it looked for
    (tmp_path / "archscope-check.md").write_text("é" * 40_000)
    assert job(COMMENT, **variables | {"NAMES": "other"}).returncode == 0
    other = (tmp_path / "notes.body").read_bytes()
    assert len(other.decode().encode()) <= 61_000
    assert not other.startswith(body.splitlines()[0].encode())  # another use of the Action has a comment of its own


def test_the_hooks_are_commands_that_archscope_has(tmp_path):
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["archscope-check", "archscope-lock"]
    from click.testing import CliRunner

    from archscope.cli import main

    for hook in hooks:
        command, *words = shlex.split(hook["entry"])
        assert (command, hook["pass_filenames"]) == ("archscope", False)
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0
        assert re.search(hook["files"], "nets/model.py")
        assert re.search(hook["files"], "archscope.toml")
        assert not re.search(hook["files"], "README.md")


def test_the_workflow_uses_the_action_on_v2():
    workflow = yaml.safe_load((ROOT / ".github/workflows/archscope.yml").read_text())
    (job,) = workflow["jobs"].values()
    (step,) = [step for step in job["steps"] if step.get("uses") == "./"]
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert step["with"]["names"] == "v2"
