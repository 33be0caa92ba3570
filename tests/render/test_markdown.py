"""report.md says what the report says, in sentences that are worked out, and no name breaks it."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made import made_report
from markdown_it import MarkdownIt
from told import render_markdown

import archscope
from archscope.documents import sentences as prose
from archscope.metrics import Figures
from archscope.render.names import plain
from archscope.report import UNASSIGNED, Flow, OperatorRow, UncountedRow
from archscope.spec import Option

NONE = Figures(macs=0, flops=0)
MARKDOWN = MarkdownIt("commonmark").enable("table")
TOY = {
    "": (UNASSIGNED, 0, 0, 7),
    "body": ("Body", 0, 0, 0),
    "body.0": ("Body", 600, 6_000, 12_000),
    "body.1": ("Body", 200, 1_000, 2_000),
    "neck": ("Neck", 160, 13_000, 26_100),
    "head": ("Head", 40, 0, 50),
}


def claimed(report):
    """The components with the patterns and the outermost modules that a measured report has."""
    rows = tuple(
        dataclasses.replace(row, patterns=(f"{row.name.lower()}.**",), modules=(row.name.lower(),))
        if row.name != UNASSIGNED
        else row
        for row in report.components
    )
    return dataclasses.replace(report, components=rows)


def toy(**changes):
    types = {"": "Toy", "body": "Sequential", "body.0": "Conv2d", "body.1": "Conv2d"}
    return dataclasses.replace(claimed(made_report(TOY, name="toy", types=types)), **changes)


def full():
    """A toy with something of everything that the template can tell."""
    report = toy()
    options = (
        Option(name="width", value=32, default=64, help="channels", components=("Body",)),
        Option(name="kind", value="silu", default="silu"),
    )
    model = dataclasses.replace(report.model, options=options, description="a toy", fallback="it reads values")
    rows = tuple(
        dataclasses.replace(row, aliases=("neck2",), input_shapes=((1, 3),)) if row.path == "neck" else row
        for row in report.modules
    )
    return dataclasses.replace(
        report,
        model=model,
        modules=rows,
        totals=dataclasses.replace(
            report.totals, complete=False, figures=Figures(report.totals.figures, trainable=400)
        ),
        operators=(*report.operators, OperatorRow(op="aten::view", kind="free", calls=3, figures=NONE)),
        uncounted=(UncountedRow(op="my::op", calls=3, modules=("body.1",)),),
        uncalled=("head",),
        flows=(
            Flow(source="[input]", target="Body", shape=(1, 3), dtype="float32"),
            *(Flow(source="Body", target="Neck", shape=(1, size), dtype="float32") for size in range(5)),
        ),
    )


@pytest.fixture(scope="module")
def baseline():
    return archscope.analyze(archscope.load("featherface-baseline"))


def test_the_report_of_a_toy_is_as_it_was(golden):
    golden("toy.md", render_markdown(full(), figure="parameters.png"))


def test_the_report_of_a_model_that_was_not_run_is_as_it_was(golden):
    text = render_markdown(claimed(made_report(TOY, name="toy", run=False)))
    golden("toy-unrun.md", text)
    assert "None" not in text


def tables(text):
    """Every table as rows of cells, as a Markdown reader sees them."""
    found, row, inside = [], [], False
    for token in MARKDOWN.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            row = []
            found[-1].append(row)
        elif token.type in {"th_open", "td_open", "th_close", "td_close"}:
            inside = token.nesting == 1
        elif token.type == "inline" and inside:
            row.append("".join(child.content for child in token.children))
    return found


def test_every_table_is_one_with_as_many_cells_in_each_row():
    for table in tables(render_markdown(full())):
        assert len({len(row) for row in table}) == 1


def test_the_components_of_the_baseline_add_up_in_print(baseline):
    table = next(table for table in tables(render_markdown(baseline)) if table[0][0] == "Component")
    numbers = [[int(cell.replace(",", "")) for cell in (row[1], row[3])] for row in table[1:]]
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1] == [592_371, 1_243_802_176]
    assert ["SSH", "246,885", "41.68 %", "686,380,800", "55.18 %"] in [row[:5] for row in table]


def test_the_baseline_has_six_gates_and_ten_largest_modules(baseline):
    text = render_markdown(baseline)
    assert "- Instances: 6 (4 x `CBAM` of 680 parameters, `CBAM` of 2,284 parameters and `CBAM` of" in text
    table = next(table for table in tables(text) if table[0][1] == "Module")
    assert [row[1] for row in table[1:]] == [
        *("body", "bifpn", "ssh1", "ssh2", "ssh3", "bacbkbone_2_cbam"),
        *("ssh1_cs", "ssh2_cs", "ssh3_cs", "LandmarkHead"),
    ]
    assert "| `cbam_reduction` | 16 |" in text
    assert "Nothing: every operator that ran has a formula or only moves data." in text


def components(*figures):
    """A report with a component for each (parameters, macs), named A, B, C ..."""
    names = "ABCDEFGH"
    modules = {name.lower(): (name, *pair, 2 * pair[1]) for name, pair in zip(names, figures, strict=False)}
    return claimed(made_report({"": (UNASSIGNED, 0, 0, 0), **modules}))


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (
            [(60, 10), (40, 90)],
            "A is the largest part by parameters (60.00 %) and B is the largest part by MACs (90.00 %).",
        ),
        ([(60, 90), (40, 10)], "A is the largest part by parameters (60.00 %) and by MACs (90.00 %)."),
        ([(50, 1), (50, 1)], "A and B are each the largest part by parameters (50.00 %) and by MACs (50.00 %)."),
        ([(60, 0), (40, 0)], "A is the largest part by parameters (60.00 %)."),
        ([(60, 10)], ""),
    ],
)  # fmt: skip
def test_the_superlative_is_computed(figures, sentence):
    assert prose.largest_component(components(*figures)) == sentence


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        # a third each: 33.33 % three times
        ([(1, 1), (1, 1), (1, 1)], "those of parameters to 99.99 % and those of MACs to 99.99 %."),
        ([(1, 1), (1, 3)], "Parts and shares add to the whole."),
        # 1/6, 1/6, 4/6: 16.67 + 16.67 + 66.67
        ([(1, 1), (1, 1), (4, 2)], "those of parameters to 100.01 %."),
    ],
)
def test_rounded_shares_that_miss_100_percent_are_told(figures, sentence):
    assert prose.rounding(components(*figures)).endswith(sentence)


def test_the_conclusion_names_the_few_that_hold_most_and_the_densest():
    # 50 + 30 of 100 is the first sum of at least 75; MACs per parameter: A 2, B 10, C 1, D 1.
    text = prose.conclusion(components((50, 100), (30, 300), (15, 15), (5, 5)))
    assert "A and B together hold 80.00 % of the parameters." in text
    assert "A parameter does the most work in B (10 MACs for each) and the least in C (1)." in text


def test_an_incomplete_report_says_at_least():
    text = render_markdown(full())
    assert "toy has 1,000 parameters and at least 20.000 K MACs." in text
    assert "| MACs | >= 20,000 | 20.000 K |" in text
    assert "`my::op` | 3 | `body.1`" in text


def named(name, kind, words):
    """The full toy with these in every place of a name, a type and a text."""
    report = full()
    path = f"neck {name.replace('.', '_')}"  # no module's own name has a dot
    rows = tuple(
        dataclasses.replace(row, path=path, type=kind, aliases=(name,)) if row.path == "neck" else row
        for row in report.modules
    )
    parts = tuple(
        dataclasses.replace(row, description=words, modules=(path,)) if row.name == "Neck" else row
        for row in report.components
    )
    return dataclasses.replace(
        report,
        model=dataclasses.replace(
            report.model,
            name=f"toy {name}",
            source=kind,
            description=words,
            options=(Option(name=name, value=words, default=False, help=words, components=("Neck",)),),
        ),
        modules=rows,
        components=parts,
        uncounted=(UncountedRow(op=name, calls=3, modules=(kind,)),),
        uncalled=(kind,),
    )


@settings(max_examples=25)
@given(*[st.text(min_size=1).filter(str.strip)] * 3)
@example("a|b", "</script>", "# heading")
@example("[x](y)", "`", "- item\n\n    code")
def test_no_name_changes_the_structure_of_the_report(name, kind, words):
    tokens = MARKDOWN.parse(render_markdown(named(name, kind, words), figure="parameters.png"))
    ordinary = MARKDOWN.parse(render_markdown(named("n", "k", "w"), figure="parameters.png"))
    assert [token.type for token in tokens] == [token.type for token in ordinary]
    kinds = {child.type for token in tokens if token.children for child in token.children}
    assert kinds <= {"text", "text_special", "code_inline", "strong_open", "strong_close", "image", "softbreak"}
    assert "".join(child.content for child in tokens[1].children) == f"toy {plain(name)}".strip()


def test_the_same_report_gives_the_same_text():
    assert render_markdown(full()) == render_markdown(full())


def test_nothing_of_the_template_is_left_in_the_text(baseline):
    text = render_markdown(baseline, figure="parameters.png")
    assert not re.search(r"\{[{%#]|None|Undefined|\|\|", text)
    assert (
        "![Parameters and MACs of featherface-baseline by component, and its largest modules](parameters.png)" in text
    )
