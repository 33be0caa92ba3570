"""The words of --input and --set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archscope.errors import InputError, OptionError
from archscope.sources import parse_input, parse_inputs, parse_settings
from archscope.sources.inputs import written
from archscope.spec import InputSpec

DTYPES = ("float32", "float16", "bfloat16", "float64", "int64", "int32", "uint8", "bool", "complex64")
NAMES = ("", "x", "pixel_values", "input_ids")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("1x3x640x640", InputSpec(shape=(1, 3, 640, 640))),
        ("1x2048:int64", InputSpec(shape=(1, 2048), dtype="int64")),
        ("pixel_values=1x3x224x224", InputSpec(shape=(1, 3, 224, 224), name="pixel_values")),
        ("ids=1x8:long", InputSpec(shape=(1, 8), dtype="int64", name="ids")),
        ("mask=4:torch.bool", InputSpec(shape=(4,), dtype="bool", name="mask")),
        (" 2X3 : fp16 ", InputSpec(shape=(2, 3), dtype="float16")),
        ("1\u00d73", InputSpec(shape=(1, 3))),
        ("t=():int64", InputSpec(shape=(), dtype="int64", name="t")),
    ],
)
def test_an_input_is_a_name_sizes_and_a_dtype(text, spec):
    assert parse_input(text) == spec


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "'' is not a size"),
        ("1x3xHx640", "'H' is not a size"),
        ("1x-3", "'-3' is not a size"),
        ("1x3x", "'' is not a size"),
        ("1x0x3", "a size of 0 holds nothing"),
        ("1,3,224,224", "sizes are joined by x"),
        ("(1, 3, 224)", "sizes are joined by x"),
        ("1x3:float33", "'float33' is no dtype"),
        ("1x3:", "'' is no dtype"),
        ("a b=1x3", "'a b' is not the name of an argument"),
        ("=1x3", "'' is not the name of an argument"),
        ("9" * 40, "is not a size"),
    ],
)
def test_what_is_no_input_is_refused_with_the_part_that_is_wrong(text, what):
    with pytest.raises(InputError) as caught:
        parse_input(text)
    assert what in caught.value.what
    assert caught.value.help


def test_a_list_of_sizes_is_shown_as_it_should_be_written():
    with pytest.raises(InputError) as caught:
        parse_input("[1, 3, 224, 224]")
    assert "write 1x3x224x224" in caught.value.help


def test_a_misspelt_dtype_is_answered_with_the_one_meant():
    with pytest.raises(InputError) as caught:
        parse_input("1x3:flaot32")
    assert "did you mean float32?" in caught.value.help


def test_several_inputs_keep_their_order_and_a_name_stands_once():
    assert [spec.shape for spec in parse_inputs(["1x2", "y=3", "4"])] == [(1, 2), (3,), (4,)]
    with pytest.raises(InputError, match="'y' is given twice"):
        parse_inputs(["y=1", "y=2"])


@given(
    st.builds(
        InputSpec,
        shape=st.lists(st.integers(1, 10**15 - 1), max_size=6).map(tuple),
        dtype=st.sampled_from(DTYPES),
        name=st.sampled_from(NAMES),
    )
)
def test_what_is_written_is_read_back(spec):
    assert parse_input(written(spec)) == spec


@given(st.text(max_size=30))
def test_any_text_is_an_input_or_an_input_error(text):
    try:
        spec = parse_input(text)
    except InputError:
        return
    assert all(size > 0 for size in spec.shape)


def test_settings_are_booleans_integers_numbers_or_text():
    texts = ["a=true", "b=False", "c=32", "d=-1", "e=1e-3", "f=silu", "g='8'", "h=", "i=a=b", "j=1_000"]
    expected = {
        "a": True,
        "b": False,
        "c": 32,
        "d": -1,
        "e": 0.001,
        "f": "silu",
        "g": "8",
        "h": "",
        "i": "a=b",
        "j": 1000,
    }
    found = parse_settings(texts)
    assert found == expected
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in expected.items()}


@pytest.mark.parametrize("texts", [["width"], ["=3"], ["a b=3"], ["a=1", "a=2"]])
def test_what_is_no_setting_is_refused(texts):
    with pytest.raises(OptionError):
        parse_settings(texts)
