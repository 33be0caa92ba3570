"""What CI reads: each format through a real parser, with names that try to break out of it."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hostile import checks, row
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sarif_schema import SARIF
from told import CHECK_FORMATS, render_check_json, render_check_markdown, render_check_text

from archscope.policy import (
    FAILED,
    PASSED,
    STATUSES,
    UNPROVEN,
    WARNED,
    CheckResult,
)
from archscope.protocols.annotations import render_annotations
from archscope.protocols.junit import render_junit
from archscope.protocols.sarif import render_sarif
from archscope.render.names import plain
from archscope.render.names import safe_line as safe

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\ud800-\udfff]")


INTEGER, TEXT = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
NAME, COUNT = {"type": "string"}, {"type": "integer"}


def table(**properties):
    return {"type": "object", "additionalProperties": False, "required": [*properties], "properties": properties}


def array(items):
    return {"type": "array", "items": items}


#: What `check --json` promises: every key is always there, and a figure is an integer or null.
CHECK = table(
    passed={"type": "boolean"},
    results=array(
        table(
            name=NAME,
            model=NAME,
            metric=NAME,
            component=TEXT,
            value=INTEGER,
            lower_bound={"type": "boolean"},
            max=INTEGER,
            status={"enum": [*STATUSES]},
            excess=INTEGER,
            source=TEXT,
            message=TEXT,
            largest=array(table(name=NAME, value=COUNT)),
            growth=array(
                table(
                    path=NAME,
                    type=NAME,
                    kind={"enum": ["new", "wider", "changed", "removed"]},
                    before=COUNT,
                    after=COUNT,
                    delta=COUNT,
                    shapes_before=TEXT,
                    shapes_after=TEXT,
                )
            ),
            notes=array(NAME),
        )
    ),
    errors=array(table(model=NAME, what=NAME, where=TEXT, help=TEXT, exit_code={"enum": [2, 3]})),
)


def annotations(text):
    """The commands of a log, read as GitHub's runner reads them."""
    for line in text.split("\n")[:-1]:
        command, found, data = line.removeprefix("::").partition("::")
        level, _, properties = command.partition(" ")
        pairs = dict(pair.split("=", 1) for pair in properties.split(","))
        decode = {
            key: value.replace("%3A", ":").replace("%2C", ",").replace("%25", "%") for key, value in pairs.items()
        }
        assert line.startswith("::")
        assert found
        yield level, decode, data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


@settings(max_examples=60)
@given(checks)
def test_annotations_are_one_command_each_whatever_the_names_are(check):
    text = render_annotations(check)
    assert not CONTROL.search(text)
    found = list(annotations(text))
    wanted = [*check.faults, *(r for s in (FAILED, UNPROVEN, WARNED) for r in check.results if r.status == s)]
    assert len(found) == len(wanted)
    for (level, properties, words), item in zip(found, wanted, strict=True):
        assert level == ("warning" if getattr(item, "status", "") == WARNED else "error")
        assert properties["title"].startswith(f"archscope: {safe(item.model)} ")
        place = getattr(item, "location", None)
        assert properties.get("line") == (str(place.line) if place else None)
        assert words.count("\n") < 12


def test_an_annotation_stands_at_the_line_of_its_budget():
    check = CheckResult(results=(row(),))
    assert render_annotations(check) == (
        "::error file=archscope.toml,line=12,title=archscope%3A v2 b::"
        'parameters 251,144 > max 249,999   over by 1,145 (+0.46 %25)%0Aarchscope.toml:12   "Flash limit"\n'
    )


@pytest.mark.parametrize(("count", "lines"), [(9, 9), (10, 10), (25, 10)])
def test_at_most_nine_annotations_and_a_count_of_the_rest(count, lines):
    text = render_annotations(CheckResult(results=tuple(row(str(n)) for n in range(count))))
    assert len(text.splitlines()) == lines
    if count > 9:
        assert text.splitlines()[-1].startswith(f"::notice title=archscope::{count - 9} more")


def cells(text):
    """Rows of the first table and every piece of HTML, link or image, as a Markdown parser sees them."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    rows, markup = [], []
    for index, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and tokens[index - 1].type in {"td_open", "th_open"}:
            rows[-1].append("".join(child.content for child in token.children))
        markup += [
            child
            for child in token.children or []
            if child.type in {"html_inline", "link_open", "image", "code_inline"}
        ]
        markup += [token] if token.type in {"html_block", "fence", "code_block"} else []
    return rows, markup


@settings(max_examples=60)
@given(checks)
def test_markdown_holds_one_row_for_each_budget_whatever_the_names_are(check):
    text = render_check_markdown(check)
    assert not CONTROL.search(text)
    rows, markup = cells(text)
    assert {token.content for token in markup} <= {"<br>"}
    assert len(rows) == (len(check.results) + 1 if check.results else 0)
    assert all(len(row) == 7 for row in rows)
    ordered = [r for status in reversed(STATUSES) for r in check.results if r.status == status]
    assert [cell[1] for cell in rows[1:]] == [plain(r.name).strip(" ") for r in ordered]
    for found, wanted in zip(rows[1:], ordered, strict=True):
        assert found[0] in {"PASS", "WARN", "UNPROVEN", "FAIL"}
        assert found[3].endswith(wanted.metric)


@settings(max_examples=60)
@given(checks, st.integers(700, 3000))
def test_markdown_keeps_to_its_size_and_counts_what_it_leaves_out(check, most):
    text = render_check_markdown(check, most)
    head = len(render_check_markdown(CheckResult(models=check.models)).encode())
    assert len(text.encode()) <= max(most, head + 400)


def test_a_thousand_budgets_fit_a_small_summary():
    check = CheckResult(results=tuple(row(f"budget-{n}") for n in range(1000)))
    text = render_check_markdown(check, 20_000)
    shown = len(re.findall(r"^\| FAIL", text, re.MULTILINE))
    assert len(text.encode()) <= 20_000
    assert 0 < shown < 1000
    assert f"\n{1000 - shown} more results do not fit here" in text


@settings(max_examples=60)
@given(checks)
def test_junit_is_xml_with_a_case_for_each_budget_whatever_the_names_are(check):
    root = ET.fromstring(render_junit(check).encode())  # noqa: S314 - our own output
    assert root.tag == "testsuites"
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(check.results) + len(check.faults)
    assert sorted(case.get("name") for case in cases) == sorted(
        [*(safe(r.name) for r in check.results), *("measure" for _ in check.faults)]
    )
    for suite in root:
        assert suite.get("tests") == str(len(suite))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
        assert suite.get("errors") == str(len(suite.findall("testcase/error")))
        for case in suite:
            assert set(case.attrib) == {"classname", "name"}
            assert {child.tag for child in case} <= {"failure", "error", "system-out"}
    bad = sum(r.status in {FAILED, UNPROVEN} for r in check.results)
    assert len(root.findall("testsuite/testcase/failure")) == bad


@settings(max_examples=60)
@given(checks)
def test_sarif_fits_its_schema_with_a_place_for_each_result_whatever_the_names_are(check):
    log = json.loads(render_sarif(check))
    jsonschema.validate(log, SARIF, format_checker=jsonschema.FormatChecker())
    (run,) = log["runs"]
    wanted = [r for r in check.results if r.status != PASSED]
    assert len(run["results"]) == len(wanted) + len(check.faults)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for found in run["results"]:
        assert rules[found["ruleIndex"]] == found["ruleId"]
        assert "](" not in found["message"]["text"]
        assert not re.search(r"\{[0-9]", found["message"]["text"])
        assert found["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1
    for found, item in zip(run["results"], wanted, strict=False):
        if item.location:
            assert found["locations"][0]["physicalLocation"]["region"]["startLine"] == item.location.line


def test_the_schema_refuses_a_result_without_a_place():
    log = json.loads(render_sarif(CheckResult(results=(row(),))))
    jsonschema.validate(log, SARIF)
    del log["runs"][0]["results"][0]["locations"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(log, SARIF)


@settings(max_examples=60)
@given(checks)
def test_json_holds_the_raw_integers_and_the_names_as_they_are(check):
    found = json.loads(render_check_json(check))
    jsonschema.validate(found, CHECK)
    assert found["passed"] == (not check.faults and all(r.status in {PASSED, WARNED} for r in check.results))
    assert [(r["name"], r["value"], r["max"], r["status"]) for r in found["results"]] == [
        (r.name, r.value, r.max, r.status) for r in check.results
    ]


@settings(max_examples=60)
@given(checks)
def test_the_text_keeps_one_line_for_each_thing_and_never_starts_a_command_of_github(check):
    text = render_check_text(check)
    assert not CONTROL.search(text)
    assert "##[" not in text
    lines = text.split("\n")
    assert not any(line.strip().startswith("::") for line in lines)
    assert sum(line.startswith((" PASS", " WARN", " UNPROVEN", " FAIL", " ERROR")) for line in lines) == len(
        check.results
    ) + len(check.faults)


@settings(max_examples=60)
@given(checks)
def test_every_format_gives_bytes_and_the_same_ones_again(check):
    for form in CHECK_FORMATS.values():
        assert form.render(check) == form.render(check)
