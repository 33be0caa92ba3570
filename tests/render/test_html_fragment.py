"""A document as a fragment of HTML: names stay text, and a table says with colour and sign what its cells hold."""

from archscope.documents import document as doc
from archscope.render.formats.html_fragment import render_blocks, render_fragment

EVIL = '<script>"&\x1b'
SAFE = "&lt;script&gt;&quot;&amp;\\x1b"


def test_every_text_is_escaped_wherever_it_stands():
    blocks = (
        doc.Heading(EVIL),
        doc.Paragraph(doc.Name(EVIL)),
        doc.Facts((doc.Fact(EVIL, EVIL, EVIL),)),
        doc.Items((EVIL,)),
        doc.Findings((doc.Finding(mark=EVIL, title=EVIL, text=EVIL, details=(EVIL,), fine=(EVIL,)),)),
        doc.table(doc.texts(EVIL), [(EVIL,)], (EVIL,), caption=EVIL, left_out=EVIL),
        doc.Picture(address=EVIL, words=EVIL),
    )
    made = render_fragment(doc.Document(title=EVIL, beside=EVIL, blocks=blocks))
    assert "<script" not in made
    assert made.count(SAFE) == 19
    assert f"<code>{SAFE}</code>" in made


def test_a_row_with_a_colour_says_whose_it_is_and_columns_without_cells_are_left_out():
    table = doc.table(doc.texts("part", "note") + doc.figures("size"), [("a", "", doc.Count(5)), ("b", "", "")])
    made = render_blocks([table], {"a": "#0072B2"})
    assert made.count("data-component") == 1
    assert '<tr data-component="a">' in made
    assert 'fill="#0072B2"' in made
    assert "note" not in made
    assert '<td class="num">5</td>' in made


def test_signs_and_bounds_are_those_of_print():
    cells = (doc.Count(-1234, sign=True), doc.Count(7, least=True), doc.Count(None), doc.Share(-1, 4, change=True))
    made = render_blocks([doc.table(doc.texts("a", "b", "c", "d"), [cells])])
    for text in ("\N{MINUS SIGN}1,234", "\N{GREATER-THAN OR EQUAL TO} 7", "<td>-</td>", "\N{MINUS SIGN}25.00 %"):
        assert text in made


def test_a_bar_is_to_the_scale_of_its_whole_and_one_without_a_whole_is_none():
    made = render_blocks([doc.table(doc.texts("a", "b"), [("x", doc.Bar(3, 4)), ("y", doc.Bar(8, 4))])])
    assert 'class="use" width="75.00"' in made
    assert 'class="mark" x="49.40"' in made
    assert "<svg" not in render_blocks([doc.table(doc.texts("a", "b"), [("x", doc.Bar(3, 0))])])
