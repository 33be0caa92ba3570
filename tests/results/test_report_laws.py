"""A saved report is held to the laws when it is read: what contradicts itself is told, whatever it would render to."""

from __future__ import annotations

import copy
import json
import random

import pytest
import torch
from hostile_files import Net, read_report
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutated_plain

import archscope
from archscope.errors import UsageError
from archscope.models import zoo_models
from archscope.serial import from_json, to_json


@pytest.fixture(scope="module")
def good():
    report = archscope.analyze(Net().eval(), torch.rand(1, 3, 16, 16), keep_calls=True, training="adamw", sparsity=True)
    return json.loads(to_json(report))


def at(plain, path):
    for key in path:
        plain = plain[key]
    return plain


def test_what_archscope_writes_it_reads(good):
    assert json.loads(to_json(from_json(json.dumps(good)))) == good
    for model in zoo_models():
        report = archscope.analyze(archscope.load(model.name))
        assert from_json(to_json(report)) == report
    empty = archscope.analyze(torch.nn.ReLU())
    assert from_json(to_json(empty)) == empty


# Each change breaks one law: the place, the new value (or a change of the old one), and what is said.
BROKEN = {
    "no modules": (["modules"], [], "the first module is the model itself"),
    "no root": (["modules"], lambda rows: rows[1:], "the first module is the model itself"),
    "a module twice": (["modules"], lambda rows: [*rows, rows[-1]], "stands twice"),
    "an orphan": (["modules", -1, "path"], "a.b.c", "has no parent before it"),
    "children before parents": (["modules"], lambda rows: [rows[0], *reversed(rows[1:])], "has no parent before it"),
    "a wrong depth": (["modules", 1, "depth"], 7, "does not lie at depth 7"),
    "a wrong total": (["totals", "macs"], lambda value: value + 1, "the macs of the model itself are others"),
    "a wrong module": (["modules", 2, "macs"], lambda value: value + 1, "do not add to its macs"),
    "a wrong own figure": (["modules", 2, "own_flops"], lambda value: value + 1, "do not add to its flops"),
    "a child with more bytes": (["modules", 2, "bytes_read"], 10**9, "do not add to its bytes_read"),
    "a wrong component": (["components", 0, "flops"], lambda value: value + 1, "the components do not add"),
    "no components": (["components"], [], "there is no component"),
    "a component of others' modules": (["components", 0, "modules"], ["body.1"], "does not belong to"),
    "a component of no module": (["components", 0, "modules"], ["nowhere"], "does not belong to"),
    "an operator without MACs": (["operators", 0, "macs"], None, "all figures of a run are there or none"),
    "a step without a figure": (["totals", "training", "unassigned_flops"], None, "has all its figures"),
    "a step below 0": (["totals", "training", "peak_bytes"], -1, "-1 is below 0"),
    "a step of parts": (["totals", "training", "unassigned_flops"], 10**29, "is more than all of them"),
    "a component twice": (["components"], lambda rows: [*rows, rows[0]], "stands twice"),
    "a module of no component": (["modules", 1, "component"], "nobody", "there is no component 'nobody'"),
    "a wrong operator": (["operators", 0, "flops"], lambda value: value + 1, "the operators do not add"),
    "an operator twice": (["operators"], lambda rows: [*rows, rows[0]], "stands twice"),
    "an operator of no kind": (["operators", 0, "kind"], "guessed", "'guessed' is none of counted, free, uncounted"),
    "an operator nobody counted": (["operators", 0, "kind"], "uncounted", "are lower bounds"),
    "uncounted out of nowhere": (
        ["uncounted"],
        [{"op": "a::b", "calls": 1, "modules": []}],
        "is no uncounted operator",
    ),
    "a wrong parameter": (["parameters", 1, "shape"], [1], "they are not those of"),
    "no parameters": (["parameters"], [], "they are not those of"),
    "a parameter of no module": (["parameters", 0, "path"], "nowhere.weight", "are not those of|no module"),
    "a parameter twice": (["parameters"], lambda rows: [*rows, rows[0]], "stands twice"),
    "untrained parameters": (["parameters", 0, "trainable"], False, "the trainable parameters do not add"),
    "heavier parameters": (["parameters", 0, "nbytes"], 10**9, "the parameters take more"),
    "a wrong dtype": (["dtypes", 0, "nbytes"], 1, "the dtypes do not add"),
    "more zeros than parameters": (["totals", "zero_parameters"], 10**9, "is more than all of them"),
    "a wrong call": (["calls", 1, "flops"], lambda value: value + 1, "the calls do not add"),
    "a call of no module": (["calls", 0, "path"], "nowhere", "there is no module 'nowhere'"),
    "an uncalled module that is not there": (["uncalled"], ["nowhere"], "there is no module 'nowhere'"),
    "a flow out of nowhere": (["flows", 0, "source"], "nowhere", "there is no component 'nowhere'"),
    "a mixture of no module": (
        ["mixtures"],
        [{"path": "nowhere", "experts": 2, "picked": 1, "parameters": 2, "active_parameters": 1}],
        "there is no module 'nowhere'",
    ),
    "more picked than there are": (
        ["mixtures"],
        [{"path": "", "experts": 2, "picked": 3, "parameters": 2, "active_parameters": 1}],
        "cannot be picked",
    ),
    "half a run": (["totals", "flops"], None, "either all figures of a run are there or none"),
    "a module that did not run": (["modules", 1, "calls"], None, "either all figures of a run are there or none"),
    "below zero": (["totals", "buffers"], -1, "-1 is below 0"),
    "calls below zero": (["operators", 0, "calls"], -1, "-1 is below 0"),
    "a size below zero": (["inputs", 0, "shape"], [-1, 3], "a size is below 0"),
    "an output below zero": (["calls", 0, "outputs"], [[-1]], "a size is below 0"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_report_that_breaks_a_law_is_refused_with_the_law(good, name):
    path, value, what = BROKEN[name]
    plain = copy.deepcopy(good)
    holder = at(plain, path[:-1])
    holder[path[-1]] = value(holder[path[-1]]) if callable(value) else value
    with pytest.raises(UsageError, match=what) as caught:
        from_json(json.dumps(plain), where="net.json")
    assert caught.value.what.startswith("not a report that archscope wrote: ")
    assert caught.value.where.startswith("net.json.")
    assert "measure the model again" in caught.value.help


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" * 200_000, "nested too deep"),
        ('{"schema_version": ' + "9" * 5000 + "}", "an integer of 5000 digits"),
        ('{"schema_version": 1, "totals": ' + "9" * 31 + "}", "an integer of 31 digits"),
        ('{"schema_version": 1, "schema_version": 1}', "has a key twice"),
        ('{"model_type":', "not JSON"),
        ('{"schema_version": "' + "x" * 100_000 + '"}', "not a report of schema version 1"),
    ],
    ids=lambda text: text[:40],
)
def test_json_that_python_cannot_take_is_an_error_of_the_file(tmp_path, text, what):
    with pytest.raises(UsageError, match=what) as caught:
        from_json(text)
    assert len(str(caught.value)) < 1000
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UsageError, match=what):
        archscope.load(f"{tmp_path}/x.json")


@settings(max_examples=300)
@given(seed=st.integers(0, 10**9))
def test_a_changed_report_is_refused_or_can_be_told_in_every_format(good, seed):
    text = json.dumps(mutated_plain(random.Random(seed), good))  # noqa: S311 - not for secrets
    try:
        read_report(text)
    except UsageError as error:
        assert error.where  # noqa: PT017 - the other way out is that nothing is raised


def test_the_page_holds_no_byte_that_a_terminal_obeys(good):
    from archscope.protocols.page import render_html

    plain = copy.deepcopy(good)
    name, hostile = plain["components"][0]["name"], 'a\x1b[31m\x07\x9b\x00\n"><script>\u202e'
    plain["components"][0]["name"] = hostile
    for row in plain["modules"]:
        row["component"] = hostile if row["component"] == name else row["component"]
    for flow in plain["flows"]:
        flow |= {key: hostile for key in ("source", "target") if flow[key] == name}
    page = render_html(from_json(json.dumps(plain)))
    assert [char for char in page if not char.isprintable() and char != "\n"] == []
    spelled = "a&#27;[31m&#7;&#155;&#0;&#10;&#34;&#62;&#60;script&#62;&#8238;"
    assert f'data-component="{spelled}"' in page
