"""Models whose modules lie thousands deep in each other."""

import sys
import time

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import BuildError, ForwardError

X = torch.rand(1, 2)


def deep(levels, inside=None):
    model = inside or nn.Linear(2, 2)
    for _ in range(levels):
        model = nn.Sequential(model)
    return model


@pytest.mark.parametrize("levels", [2000, 3000])
def test_parameters_are_counted_at_any_depth(levels):
    start = time.process_time()
    assert archscope.analyze(deep(levels)).totals.parameters == 6
    assert time.process_time() - start < 30


@pytest.mark.filterwarnings("ignore:module forward hook")
@pytest.mark.parametrize("levels", [2000, 3000])
def test_what_python_cannot_call_is_an_error_that_says_so(levels):
    with pytest.raises(ForwardError, match="RecursionError") as caught:
        archscope.analyze(deep(levels), X)
    assert "nested deeper than Python's stack" in caught.value.help
    assert len(str(caught.value)) < 1000
    with pytest.raises((BuildError, ForwardError), match="RecursionError"):
        archscope.analyze(deep(levels, nn.LazyLinear(2)), X)


def test_what_python_can_call_is_measured():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        assert archscope.analyze(deep(2000), X).totals.macs == 4
    finally:
        sys.setrecursionlimit(before)
