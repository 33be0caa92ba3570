"""Every command of the pages for newcomers works as it is written, in their order, and prints what stands below it."""

from __future__ import annotations

import pytest
from doc_pages import do, first_missing, steps
from repository import ROOT

PAGES = ("start.md", *(f"tasks/{path.name}" for path in sorted((ROOT / "docs" / "tasks").glob("*.md"))))


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_work_and_print_what_it_shows(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "96")
    todo = [*steps((ROOT / "docs" / name).read_text(encoding="utf-8"))]
    assert sum(step.kind == "command" for step in todo) >= 3
    for step in todo:
        do(step, tmp_path)


def test_a_page_that_shows_something_else_is_caught():
    printed = "a\nb\nc\n"
    assert first_missing(("a", "...", "c"), printed) is None
    assert first_missing(("...",), printed) is None
    assert first_missing((), printed) is None
    assert first_missing(("a", "c"), printed) == "c"
    assert first_missing(("a", "b"), printed) == "nothing further"
    assert first_missing(("c", "...", "a"), printed) == "c"
