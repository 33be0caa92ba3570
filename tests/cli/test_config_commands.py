"""config, init and completion: what helps to write a config."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from full_config import FULL
from gate_project import environment
from hypothesis import given, settings
from hypothesis import strategies as st
from made import made_report
from repository import COMMAND, ROOT
from told import render_config

from archscope.cli import main
from archscope.config import Config, ModelConfig, load_config, parse_document
from archscope.config.schema import config_schema
from archscope.config.starter import short_name, starter_config
from archscope.config.writing import toml_key, toml_value
from archscope.errors import ArchscopeError
from archscope.policy import Budget, Limit, Location, LockPolicy
from archscope.report import UncountedRow
from archscope.serial import to_json
from archscope.spec import Component

NET = {"": ("Rest", 10, 0, 5), "body": ("Body", 20, 300, 600)}
VALID = jsonschema.Draft202012Validator(config_schema())


def written(document):
    """A document as TOML: one line for each top key."""
    return "".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in document.items())


def test_the_published_schema_is_the_one_that_is_printed():
    printed = CliRunner().invoke(main, ["config", "--schema"]).stdout
    assert (ROOT / "docs/archscope.schema.json").read_text() == printed
    jsonschema.Draft202012Validator.check_schema(json.loads(printed))


@pytest.mark.parametrize("path", [ROOT / "archscope.toml"])
def test_a_config_that_loads_fits_the_schema(path):
    load_config(path)
    VALID.validate(tomllib.loads(path.read_text()))
    VALID.validate(tomllib.loads(FULL))


limits = st.sampled_from(
    [0, 7, -1, 2.5, True, "0.25M", "<0.25M", "<= 1,234", "1,23", "60%", "<60 %", "1e6", "5 MB", "", "0,25M"]
)
texts = st.sampled_from(["a", "b", " ", "", 3, False])
budgets = st.dictionaries(
    st.sampled_from(["name", "model", "message", "component", "relative-to", "mesage"]), texts, max_size=6
).flatmap(
    lambda base: st.fixed_dictionaries(
        {
            "name": st.just("n"),
            "model": st.just("m"),
            "metric": st.sampled_from(["macs", "parameters", "mac", 1]),
            "max": limits,
        },
        optional={"warn": limits},
    ).map(lambda rest: base | rest if len(base) % 2 else rest | base)
)
components = st.fixed_dictionaries(
    {"name": texts},
    optional={"match": st.sampled_from(["x", ["x.**"], [""], 1]), "role": st.sampled_from(["neck", "nose"])},
)
models = st.fixed_dictionaries(
    {"source": texts},
    optional={
        "inputs": st.sampled_from(["1x3", ["1x3"], [3], {}]),
        "options": st.sampled_from([{"a": 1, "b": "x", "c": True}, {"a": [1]}, 3]),
        "components": st.lists(components, max_size=1),
        "surce": texts,
    },
)
lock = st.fixed_dictionaries(
    {}, optional={"metrics": st.sampled_from(["macs", ["macs"], ["mac"], 3]), "tolerance": limits, "depth": limits}
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "models": st.dictionaries(st.sampled_from(["a", "b c"]), models, max_size=1),
        "budgets": st.lists(budgets, max_size=1),
        "lock": lock,
        "x": texts,
    },
)
# What a schema cannot say: how two keys go together.
TOGETHER = (
    "a share of nothing",
    "share of nothing",
    "no effect on",
    "is above max",
    "no value per component",
    "claimed twice",
)


@settings(max_examples=200)
@given(documents)
def test_the_loader_accepts_what_the_schema_accepts(tmp_path_factory, document):
    path = tmp_path_factory.mktemp("config") / "archscope.toml"
    path.write_text(written(document))
    assert tomllib.loads(path.read_text()) == document
    problem = place = ""
    try:
        load_config(path)
    except ArchscopeError as error:
        problem, place = error.what, error.where
    assert place.startswith("archscope.toml:" if problem else "")
    fits = VALID.is_valid(document)
    assert fits == (not problem or any(words in problem for words in TOGETHER)), (problem, document)


def test_config_shows_every_setting_with_its_line_and_the_defaults(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "archscope.toml").write_text(FULL.replace("depth = 2\n", ""))
    done = subprocess.run(
        [COMMAND, "config"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    rows = [line.split("  ") for line in done.stdout.splitlines()]
    found = {row[0].strip(): (" ".join(row[1:-1]).strip(), row[-1].strip()) for row in rows}
    assert found["models.v2.source"] == ("featherface-v2", "archscope.toml:1")
    assert found["models.v2.components.Neck"] == ("bifpn.**", "archscope.toml:8")
    assert found["budgets.v2-params"] == ("parameters of v2 <= 249,999, warn above 0.24M", "archscope.toml:15")
    assert found["budgets.neck-share"] == ("macs of Neck of v2 <= 60% of baseline", "archscope.toml:25")
    assert found["lock.tolerance"] == ("1%", "archscope.toml:29")
    assert found["lock.depth"] == ("all", "default")


hostile = st.sampled_from(["\n", "\x1b[31m", "::error::x", "##[error]", "|", "<b>", "\u202e"]).flatmap(
    lambda start: st.text(max_size=3).map(lambda rest: start + rest)
)


@settings(max_examples=50)
@given(name=hostile, source=hostile, component=hostile, words=hostile)
def test_hostile_names_stay_in_their_row_of_the_settings(name, source, component, words):
    place = Location(file=words, line=1)
    model = ModelConfig(
        name=name,
        source=source,
        location=place,
        options={words: source},
        components=(Component(name=component, patterns=(words,), where=words),),
    )
    budget = Budget(name=name, model=name, metric="macs", max=Limit.parse("60%"), component=component, location=place)
    config = Config(path=Path("x"), models={name: model}, budgets=(budget,), lock=LockPolicy(), locations={})
    text = render_config(config)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert len(text.splitlines()) == 9  # a head, four of the model, a budget, three of the lock
    assert "##[" not in text


def test_init_measures_then_writes_a_config_that_holds_and_overwrites_nothing(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "net.json").write_text(to_json(made_report(NET, name="net")))

    def run(*arguments):
        return subprocess.run(
            [COMMAND, *arguments], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )

    assert run("init", "net.json").returncode == 0
    config = load_config(tmp_path / "archscope.toml")
    assert [(budget.metric, budget.max.count) for budget in config.budgets] == [("parameters", 30), ("macs", 300)]
    assert run("check").returncode == 0
    again = run("init", "net.json")
    assert again.returncode == 2
    assert "there is a config already" in again.stderr


def test_init_sets_no_budget_on_what_it_does_not_know():
    unrun = starter_config("net", made_report(NET, run=False))
    assert [budget["metric"] for budget in tomllib.loads(unrun)["budgets"]] == ["parameters"]
    report = made_report(NET)
    row = UncountedRow(op='x::y\n[[budgets]]\nz = "', calls=1, modules=("",))
    short = dataclasses.replace(report, totals=dataclasses.replace(report.totals, complete=False), uncounted=(row,))
    assert [budget["metric"] for budget in tomllib.loads(starter_config("net", short))["budgets"]] == ["parameters"]


@given(st.text(max_size=12), st.text(max_size=5))
def test_a_first_config_is_read_back_whatever_the_names_are(model, component):
    report = made_report({"": (component or "x", 1, 1, 2)})
    text = starter_config(model, report, inputs=(model,), options={component: model})
    found = parse_document(text.encode("utf-8", "replace").decode(), file="archscope.toml").values
    assert list(found) == ["models", "budgets"]
    assert len(found["budgets"]) == 2


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("nets/file.py:Net", "Net"),
        ("timm:resnet18", "resnet18"),
        ("x/net.json", "net"),
        ("baseline", "baseline"),
        ("::", "model"),
    ],
)
def test_the_name_in_the_config_is_the_last_word_of_the_model(model, name):
    assert short_name(model) == name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed_for_each_shell(shell):
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_ARCHSCOPE_COMPLETE={shell}_complete" in done.stdout


def test_bash_completes_models_of_the_config_without_torch_and_survives_a_broken_one(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "archscope.toml").write_text('[models.mine]\nsource = "nowhere.py:Net"\n')
    script = (
        'eval "$("$1" completion bash)"; COMP_WORDS=(archscope check "$2"); COMP_CWORD=2; '
        '_archscope_completion "$1"; echo "${COMPREPLY[@]}"'
    )

    def completed(word):
        env = environment(PYTHONPROFILEIMPORTTIME="1")
        done = subprocess.run(
            ["bash", "-c", script, "bash", COMMAND, word],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "| torch\n" not in done.stderr
        return done.stdout.split()

    assert completed("mi") == ["mine"]
    (tmp_path / "archscope.toml").write_text("broken")
    assert completed("featherface-b") == ["featherface-baseline"]
