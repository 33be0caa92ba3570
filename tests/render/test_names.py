"""Names come from strangers: no output may obey them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from archscope.render.names import Safe, ascii_only, cell, code, markdown, plain, shorten

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = (
    "</script>",
    "a|b",
    "`x`",
    "a\\|b",
    "[x](javascript:1)",
    "![x](y)",
    "*b*",
    "\x1b[31m",
    "a\nb",
    "\u202eabc",
    "=1+1",
)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("body.stage1.0", "body.stage1.0"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines", r"two\nlines"),
        ("\u202edenrut", r"\u202edenrut"),
        ("\u7f51\u7edc", "\u7f51\u7edc"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(name, seen):
    assert plain(name) == seen


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1. item", "1&#46; item"),
        ("  12) item", "  12&#41; item"),
        ("from 8 to 256) or more", "from 8 to 256) or more"),
        ("v2. item", "v2. item"),
    ],
)
def test_a_number_is_kept_from_starting_a_list_and_left_alone_elsewhere(text, written):
    assert markdown(text) == written


@given(st.text())
def test_plain_text_prints_and_holds_one_line(text):
    assert plain(text).isprintable()
    assert len(plain(text).splitlines()) <= 1


def cell_of(text):
    """What a reader sees of ``text`` in a table cell between two others, and the kinds of tokens around it."""
    tokens = MARKDOWN.parse(f"| a | b | c |\n|---|---|---|\n| 1 | {text} | 2 |\n")
    inline = [token for token in tokens if token.type == "inline"]
    assert [token.content for token in inline[:4]] == ["a", "b", "c", "1"]
    assert inline[5].content == "2"
    assert len(inline) == 6
    return "".join(child.content for child in inline[4].children), {child.type for child in inline[4].children}


@given(st.text(min_size=1))
@example("a\\|b")
@example("`")
@example("``a`` ")
@example("[x](javascript:alert(1))")
def test_a_name_in_a_markdown_table_reads_as_it_is_and_does_nothing(name):
    for escape in (code, markdown):
        text, kinds = cell_of(escape(name))
        assert text == plain(name).strip()
        assert kinds <= {"text", "code_inline", "text_special"}


@given(st.text(min_size=1).filter(str.strip))
@example("# heading")
@example("1. item")
@example("- item")
@example("===")
def test_a_text_at_the_start_of_a_line_is_a_paragraph(text):
    tokens = MARKDOWN.parse(markdown(text.strip()) + "\n")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]


def test_an_ordinary_name_is_a_code_span():
    assert code("bifpn.0.p4_w1") == "`bifpn.0.p4_w1`"
    assert code("aten::add.Tensor") == "`aten::add.Tensor`"


def test_what_is_safe_is_not_escaped_twice():
    assert markdown(markdown("a*b")) == "a&#42;b"
    assert isinstance(code("a"), Safe)


@given(st.text())
def test_no_csv_cell_starts_like_a_formula(text):
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.text())
def test_text_in_a_figure_is_printable_ascii(text):
    assert ascii_only(text).isascii()
    assert ascii_only(text).isprintable()


@given(st.text(), st.integers(min_value=5, max_value=40))
def test_a_shortened_text_fits_and_keeps_both_ends(text, width):
    short = shorten(text, width)
    assert len(short) <= width
    assert short == text or (short[0] == text[0] and short[-1] == text[-1])
