"""models/ and templates/ are packages of archscope wherever it is installed, and nothing of them is left out."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from repository import ROOT

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
VERSION = SETUP["metadata"]["version"]
FOLDERS = {"archscope": "archscope", "models": "archscope/models", "templates": "archscope/templates"}
EXTRAS = ("hf", "peers", "train", "evaluation", "docs", "test")
WHERE = """
import archscope, archscope.models, archscope.templates
for package in (archscope, archscope.models, archscope.templates):
    print(package.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel that was built from a copy, so that leftovers of earlier builds cannot help."""
    source = tmp_path_factory.mktemp("source")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    out = tmp_path_factory.mktemp("wheel")
    flags = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *flags, str(source)], check=True)
    [path] = out.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    flags = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, str(wheel)], check=True)
    return target


def python(*arguments, cwd, **environment):
    """The output of a Python process that starts in ``cwd``."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    run = subprocess.run([sys.executable, *arguments], cwd=cwd, env=env, check=True, capture_output=True, text=True)
    return run.stdout.splitlines()


def test_the_wheel_holds_every_file_of_the_three_folders(wheel):
    files = {
        f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"archscope/py.typed", "archscope/models/__init__.py", "archscope/templates/__init__.py"} <= files
    missing = files - set(zipfile.ZipFile(wheel).namelist())
    assert not missing, "list the package, or its data, in setup.cfg"


def test_the_wheel_installs_one_package_at_the_top(wheel):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"archscope", f"archscope_torch-{VERSION}.dist-info"}


def test_the_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(f"archscope_torch-{VERSION}.dist-info/METADATA").decode()
    assert f"\nName: archscope-torch\nVersion: {VERSION}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    runtime = {
        line.split(": ")[1].partition(">")[0]
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }
    assert runtime == {"torch", "fvcore", "pandas", "matplotlib", "jinja2", "click", "rich"}
    scripts = archive.read(f"archscope_torch-{VERSION}.dist-info/entry_points.txt").decode()
    assert "archscope = archscope.entry:main" in scripts


def test_an_installed_wheel_finds_models_and_templates_inside_archscope(installed, tmp_path):
    found = python("-c", WHERE, cwd=tmp_path, PYTHONPATH=str(installed))
    inside = installed / "archscope"
    expected = [inside / "__init__.py", inside / "models" / "__init__.py", inside / "templates" / "__init__.py"]
    assert [Path(line) for line in found] == expected


def test_an_installed_wheel_analyses_the_zoo_from_any_folder_and_leaves_nothing_there(installed, tmp_path):
    analyze = "from archscope.cli import main; main(['analyze', 'featherface-baseline', '--json', '-'])"
    report = json.loads("\n".join(python("-c", analyze, cwd=tmp_path, PYTHONPATH=str(installed))))
    assert (report["totals"]["parameters"], report["totals"]["macs"]) == (592_371, 1_243_802_176)
    assert list(tmp_path.iterdir()) == []


def test_the_editable_install_finds_models_and_templates_at_the_top_of_the_repository(tmp_path):
    found = python("-c", WHERE, cwd=tmp_path)
    expected = [ROOT / "archscope" / "__init__.py", ROOT / "models" / "__init__.py", ROOT / "templates" / "__init__.py"]
    assert [Path(line) for line in found] == expected


def test_constraints_pin_everything_that_the_tests_need_inside_the_open_ranges(wheel):
    pins = dict(
        line.lower().split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    metadata = zipfile.ZipFile(wheel).read(f"archscope_torch-{VERSION}.dist-info/METADATA").decode()
    needed = [Requirement(line.split(": ")[1]) for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    needed = [
        need
        for need in needed
        if need.name != "archscope-torch"
        and (need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in EXTRAS))
    ]
    assert {"torch", "pytest", "transformers", "thop"} <= {need.name for need in needed}
    outside = [str(need) for need in needed if not need.specifier.contains(pins.get(need.name.lower(), "0"))]
    assert outside == []
