from __future__ import annotations

import dataclasses

import pytest
from hostile import row

from archscope.cli.actions import MOST_BYTES, with_section, write_step_summary
from archscope.policy import PASSED, CheckResult

FAILS = CheckResult(results=(row(),))
HOLDS = CheckResult(results=(dataclasses.replace(row(), status=PASSED, value=9, excess=0),))
OTHER = CheckResult(results=(row("other"),))


def test_a_retry_replaces_its_section_and_keeps_what_others_wrote():
    first = with_section("before", FAILS)
    assert first.startswith("before\n<!-- archscope check ")
    assert "archscope check failed" in first
    both = with_section(first, OTHER)
    assert both.startswith(first)
    again = with_section(both, HOLDS)
    assert again.count("### archscope check passed") == 1
    assert again.count("### archscope check failed") == 1  # that of the other
    assert again.endswith(both.removeprefix(first))
    assert with_section(again, HOLDS) == again


def test_a_section_that_was_cut_off_is_replaced_to_the_end():
    whole = with_section("", FAILS)
    assert with_section(whole[: len(whole) // 2], FAILS) == whole


def test_a_summary_stays_below_what_github_takes():
    many = CheckResult(results=tuple(row(f"budget-{n}" + "x" * 1000) for n in range(2000)))
    assert len(with_section("y" * 300_000, many).encode()) <= MOST_BYTES


def test_the_file_that_github_names_is_written_and_none_without_it(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write_step_summary(FAILS)
    target = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(target))
    write_step_summary(FAILS)
    write_step_summary(FAILS)
    assert target.read_text() == with_section("", FAILS)


def test_a_summary_that_is_full_is_left_as_it_is(tmp_path, monkeypatch):
    target = tmp_path / "summary.md"
    target.write_text("z" * (MOST_BYTES - 10))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(target))
    write_step_summary(FAILS)
    assert target.read_text() == "z" * (MOST_BYTES - 10)


@pytest.mark.parametrize("name", ["-->", "<!-- end of archscope check", "\n<!-- archscope check"])
def test_a_name_cannot_end_the_section(name):
    hostile = CheckResult(results=(row(name),))
    once = with_section("", hostile)
    assert with_section(once, hostile) == once
