"""TOML, inputs, figures and patterns that someone else wrote: in time that grows with their length, and no further."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patterns import matches

from archscope import Component
from archscope.config import load_config
from archscope.config.positions import key_lines, too_deep
from archscope.errors import ArchscopeError, ComponentError, ConfigError, InputError, UsageError
from archscope.judge.claims_file import read_claims
from archscope.judge.lock.file import read_lock
from archscope.judge.plan_file import read_targets
from archscope.measure.summing.components import assign
from archscope.measure.summing.path_patterns import PathPattern
from archscope.policy import Limit
from archscope.results.printed_figure import Published
from archscope.sources.inputs import parse_inputs
from archscope.units import parse_count

LONG = "block_with_a_long_name_abcdefghijklmnopqrstuvwxyz_abcdefghijklmnop"
LOCK = """\
version = 1
[models.net]
source = "net.py:N"
mode = "eval"
counting_rules = 1
complete = true
inputs = [{ name = "x", shape = [1, 3], dtype = "float32" }]
[models.net.components]
Body = ["body.**"]
[models.net.totals]
macs = 10
parameters = 5
[models.net.modules]
body = { type = "Linear", inputs = [[1, 3]], outputs = [[1, 4]], macs = 10 }
[[models.net.increases]]
metric = "macs"
before = 1
after = 10
reason = "wider"
"""


@pytest.mark.parametrize(
    "pattern",
    [
        "*" * 24 + "x",
        "*" * 25 + "Z",
        "?*" * 20 + "!",
        "*a" * 30 + "b",
        "**a" * 30 + "!",
        "**.*" * 20 + "!",
        "*?" * 30 + ".**.x",
        "*" * 9999 + "!",
        "*" * 50 + "." + "*" * 50 + "Z",
    ],
    ids=lambda pattern: f"{pattern[:8]}...{pattern[-4:]}",
)
def test_a_pattern_of_many_stars_takes_no_time(pattern):
    paths = ["", *(f"{LONG}{k}" for k in range(100)), LONG, *(f"{LONG}.{'a' * 200}{k}" for k in range(100))]
    start = time.process_time()
    with pytest.raises(ComponentError, match="matches no module"):
        assign(paths, [Component(name="c", patterns=(pattern,))])
    assert time.process_time() - start < 2


def test_a_glob_of_a_megabyte_is_refused_and_a_long_path_is_not():
    with pytest.raises(ComponentError, match="a pattern of component 'c' has 1,000,000 characters"):
        assign([""], [Component(name="c", patterns=("*a" * 500_000,))])
    deep = ["", *(".".join(["name"] * k) for k in range(1, 3000))]
    assert assign(deep, [Component(name="c", patterns=(f"{deep[-2]}.**",))])[deep[-1]] == "c"


@given(
    pattern=st.text(alphabet="ab.*?", max_size=9),
    tail=st.sampled_from(["", ".**", "**", "."]),
    path=st.text(alphabet="ab.", max_size=8),
)
def test_a_pattern_matches_what_its_words_say(pattern, tail, path):
    assert PathPattern(pattern + tail).matches(path) == matches(pattern + tail, path)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a." * 500_000 + "a = 1", "a key has too many parts"),
        ('"a" . ' * 200_000 + "a = 1", "a key has too many parts"),
        ("[" + "a." * 500_000 + "a]", "a key has too many parts"),
        ("a = " + "[" * 100_000 + "]" * 100_000, "nested too deep"),
        ("a = " + "{ a = " * 50_000 + "1" + "}" * 50_000, "nested too deep"),
        ("a = " + "9" * 5000, "a number is too long"),
        ("a = [1,\n0." + "9" * 900_000 + "]", "a number is too long|not TOML"),
        ("a = 0x" + "f" * 900_000, "a number is too long"),
        ("[lock]\ndepth = " + "9" * 31, "an integer is too large"),
        ("a = '" + "x" * 900_000, "not TOML"),
        ('a = """' + '\\"""' * 200_000, "not TOML"),
        ("a = " + '"' * 900_000, "not TOML"),
        ("\x00", "not TOML"),
        ("models = " + "[1, " * 400 + "]" * 400, "must be a table|not TOML"),
        ("[models.m]\nsource = [" + "'x', " * 100_000 + "]", "must be a text"),
    ],
    ids=lambda text: text[:20],
)
def test_toml_that_would_take_for_ever_or_crash_is_an_error_of_the_file(tmp_path, text, what):
    (tmp_path / "archscope.toml").write_text(text)
    start = time.process_time()
    for read in (
        load_config,
        lambda path: read_lock(path, "archscope.lock"),
        read_claims,
        read_targets,
    ):
        with pytest.raises(ConfigError) as caught:
            read(tmp_path / "archscope.toml")
        assert len(str(caught.value)) < 1000
    assert time.process_time() - start < 20
    with pytest.raises(ConfigError, match=what):
        load_config(tmp_path / "archscope.toml")


def test_dots_in_texts_and_comments_are_no_keys():
    many = "a." * 100
    text = f'x = "{many}"\ny = """\n{many}\n"""\nz = \'\'\'{many}\'\'\' # {many}\n"{many}" = 1\n'
    assert too_deep(text) == 0
    assert key_lines(text)[(many,)] == 6
    assert too_deep(f"{text}{many}b = 1") == 7


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("macs = 10\nparameters", "macs = -10\nparameters"),
        ("macs = 10\nparameters", "macs = true\nparameters"),
        ("macs = 10\nparameters", 'macs = "10"\nparameters'),
        ("macs = 10\nparameters", "macs = 10.5\nparameters"),
        ("counting_rules = 1", "counting_rules = 1.9"),
        ("complete = true", 'complete = "no"'),
        ("complete = true", "complete = 1"),
        ("shape = [1, 3]", "shape = [1, -3]"),
        ("shape = [1, 3]", 'shape = "13"'),
        ('mode = "eval"', "mode = [1]"),
        ('["body.**"]', '"body.**"'),
        ('["body.**"]', "[1]"),
        ('type = "Linear"', "type = 7"),
        ("outputs = [[1, 4]]", "outputs = [1, 4]"),
        ("macs = 10 }", "macs = -1 }"),
        ("before = 1", "before = -1"),
        ('reason = "wider"', "reason = 1"),
        ("[models.net.totals]\nmacs = 10\nparameters = 5", "totals = [1]"),
        ("[models.net.components]\nBody = ", "components = "),
        ("[[models.net.increases]]", "[models.net.increases]"),
    ],
    ids=lambda text: text.replace("\n", " ")[:40],
)
def test_a_lock_that_holds_what_archscope_never_writes_is_refused(tmp_path, old, new):
    path = tmp_path / "archscope.lock"
    path.write_text(LOCK)
    assert read_lock(path, "archscope.lock").entries["net"].totals == {"macs": 10, "parameters": 5}
    assert old in LOCK
    path.write_text(LOCK.replace(old, new, 1))
    with pytest.raises(ConfigError):
        read_lock(path, "archscope.lock")


@pytest.mark.parametrize("text", ["1" + "   1" * 40 + " x", "1" + " " * 5000 + "x", "(" + "1 , " * 2000, "1, 3, 64 x"])
def test_an_input_of_many_gaps_takes_no_time(text):
    start = time.process_time()
    with pytest.raises(InputError):
        parse_inputs([text])
    assert time.process_time() - start < 1
    with pytest.raises(InputError, match="sizes are joined by x"):
        parse_inputs(["[1, 3,  64]"])


def test_a_figure_of_thousands_of_digits_is_no_figure():
    for text in ("9" * 5000, "~" + "0" * 5000, "1." + "9" * 5000 + " %"):
        with pytest.raises(UsageError, match="is not a figure"):
            Published.parse(text)
    assert re.search("592,371", str(Published.parse("592,371")))


@pytest.mark.parametrize(
    "text", [" " * 1_000_000 + "1", "<" + " " * 1_000_000, "~" + " " * 1_000_000 + "x"], ids=["a", "b", "c"]
)
def test_a_limit_of_a_megabyte_takes_no_time(text):
    start = time.process_time()
    for read in (Limit.parse, parse_count, Published.parse):
        with pytest.raises(UsageError, match="is not a") as caught:
            read(text)
        assert len(str(caught.value)) < 1000
    assert time.process_time() - start < 1


def test_arguments_of_a_call_are_read_once(tmp_path):
    """`why` looks for tensors in a text that a saved report may hold at any length."""
    from archscope.judge.explanation import _TENSOR

    start = time.process_time()
    assert _TENSOR.findall("a" * 200_000 + " self=float32[8,4]") == [("self", "8,4")]
    assert time.process_time() - start < 2


@given(text=st.text(max_size=40))
def test_any_text_is_toml_or_an_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("toml") / "archscope.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_config(path)
    except ArchscopeError as error:
        assert isinstance(error, ConfigError)  # noqa: PT017 - the other way out is that nothing is raised
