"""A small seeded run of benchmarks/fuzz_readers.py: every reader raises ArchscopeError or nothing, within bounds."""

from __future__ import annotations

import random
import time

import pytest
from hostile_files import readers
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.errors import ArchscopeError

NAMES = (
    *(
        "report JSON",
        "archscope.toml",
        "archscope.lock",
        "claims TOML",
        "targets TOML",
        "hf config.json",
        "safetensors",
    ),
    *("safetensors index", "packed safetensors", "GGUF"),
    *(".pt/.pth", ".pt2", "ONNX", "TFLite", "labels of faces", "prediction file", "picture"),
    *("ground truth (.mat)", "recipe.json", "README (embed)", "report folder"),
    *("input shapes (--input)", "settings (--set)", "limits and counts"),
    *("sweeps (--vary, --axes)", "component patterns"),
)
APART = "ground truth (.mat)"


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    pytest.importorskip("transformers")
    made = readers(tmp_path_factory.mktemp("readers"))
    assert tuple(made) == NAMES
    return made


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in NAMES if name != APART])
@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 10**9))
def test_a_reader_takes_an_input_or_says_what_is_wrong_with_it(every, name, seed):
    _read(every, name, seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_so_does_the_one_that_reads_in_a_process_of_its_own(every, seed):
    _read(every, APART, seed)


def _read(every, name, seed):
    made = every[name].make(random.Random(seed))  # noqa: S311 - not for secrets
    start = time.process_time()
    try:
        every[name].read(made)
    except ArchscopeError as error:
        assert error.what  # noqa: PT017 - the other way out is that nothing is raised
    assert time.process_time() - start < 10
