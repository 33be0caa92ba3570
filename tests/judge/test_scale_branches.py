"""Laws of size of models that branch on sizes: the branch is found, or there is no formula; never a wrong one."""

from __future__ import annotations

import functools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

import archscope

LINEAR = 16  # MACs of the 4 x 4 layer for a row


class Rows(nn.Module):
    """Applies ``rows``, which decides by the length of the sequence how often its layer runs on what."""

    def __init__(self, rows):
        super().__init__()
        self.layer, self.rows = nn.Linear(4, 4), rows

    def forward(self, x):
        return self.rows(self.layer, x)


def twice_where(condition):
    """A network whose layer runs twice at the lengths that meet ``condition``, and its MACs at each length."""
    return (
        lambda layer, x: layer(layer(x)) if condition(x.shape[1]) else layer(x),
        lambda n: LINEAR * n * (2 if condition(n) else 1),
    )


def padded(layer, x):
    return layer(functional.pad(x, (0, 0, 0, -x.shape[1] % 16)))


def chunked(layer, x):
    return torch.cat([layer(part) for part in x.split(100, 1)], 1)


def last(layer, x):
    return layer(x[:, -min(x.shape[1], 64) :])


def windows(layer, x):
    return layer(x.unfold(1, 8, 4).transpose(-1, -2)) if x.shape[1] >= 8 else layer(x)


def square(layer, x):
    return layer(x[:, : math.isqrt(x.shape[1])])


CASES = {
    "a threshold": twice_where(lambda n: n > 100),
    "a threshold near the end": twice_where(lambda n: n > 250),
    "one size alone": twice_where(lambda n: n == 100),
    "the largest size alone": twice_where(lambda n: n == 256),
    "two sizes": twice_where(lambda n: 77 <= n <= 78),
    "a band": twice_where(lambda n: 30 <= n <= 200),
    "size 1": twice_where(lambda n: n == 1),
    "parity": twice_where(lambda n: n % 2 == 1),
    "multiples": twice_where(lambda n: n % 8 == 0),
    "one residue of seven": twice_where(lambda n: n % 7 == 3),
    "powers of two": twice_where(lambda n: n & (n - 1) == 0),
    "rounded quotients": twice_where(lambda n: math.ceil(n / 7) > 20),
    "padding to multiples": (padded, lambda n: LINEAR * math.ceil(n / 16) * 16),
    "chunks": (chunked, lambda n: LINEAR * n),
    "the last tokens": (last, lambda n: LINEAR * min(n, 64)),
    "sliding windows": (windows, lambda n: LINEAR * ((n - 8) // 4 + 1) * 8 if n >= 8 else LINEAR * n),
    "a square root": (square, lambda n: LINEAR * math.isqrt(n)),
}
WITH_NO_FORMULA = {"powers of two", "a square root"}  # at some sizes; all others have one everywhere


@functools.cache
def law_of(name):
    return archscope.scale(Rows(CASES[name][0]), (1, 16, 4), over={"sequence": range(1, 257)})


@pytest.mark.parametrize("name", CASES)
def test_no_size_has_a_wrong_figure(name):
    macs = CASES[name][1]
    values = law_of(name).values("macs", sequence=range(1, 257))
    known = {size: value for size, value in enumerate(values, 1) if value is not None}
    assert known == {size: macs(size) for size in known}
    assert name in WITH_NO_FORMULA or len(known) == 256


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a threshold", "16 sequence for sequence <= 100; MACs = 32 sequence for sequence >= 101"),
        ("parity", "sequence (16 + 16 r2), r2 = 0 where sequence is a multiple of 2, else 1"),
        (
            "one residue of seven",
            "sequence (-16 s7_3 + 16 s7_4 + 16), s7_3 = floor((sequence + 3) / 7), s7_4 = floor((sequence + 4) / 7)",
        ),
    ],
)
def test_a_branch_is_told_where_it_is(name, told):
    assert law_of(name).formula("macs") == f"MACs = {told}"


class Strided(nn.Module):
    """Strides that go into each other, so that products of rounded sizes depend on each other."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)

    def forward(self, x):
        return self.second(self.first(x).relu()).relu()


def test_the_sum_of_two_rounded_sizes_in_one_operator_is_found():
    """Its activation runs at both sizes: 4 s2^2 + 4 s4^2 elements, as many as there are additions of a bias."""
    law = archscope.scale(Strided(), (1, 3, 64, 64), over={"size": range(33, 129)})
    sides = [(math.ceil(n / 2) ** 2, math.ceil(n / 4) ** 2) for n in range(33, 129)]
    assert law.values("macs", size=range(33, 129)) == [108 * half + 144 * fourth for half, fourth in sides]
    assert law.values("flops", size=range(33, 129)) == [224 * half + 296 * fourth for half, fourth in sides]


class Windowed(nn.Module):
    """Windows of 7 patches of 4 pixels, padded where they do not fit, as Swin cuts them; strides of 112 are few."""

    def __init__(self):
        super().__init__()
        self.patches, self.mix = nn.Conv2d(3, 4, 16, 16), nn.Linear(4, 4)

    def forward(self, x):
        x = self.patches(x).permute(0, 2, 3, 1)
        x = functional.pad(x, (0, 0, 0, -x.shape[2] % 7, 0, -x.shape[1] % 7))
        rows, columns = x.shape[1] // 7, x.shape[2] // 7
        return self.mix(x.view(1, rows, 7, columns, 7, 4).transpose(2, 3).flatten(3, 4).flatten(0, 2))


def test_a_stride_of_which_the_range_shows_few_steps_is_not_taken_for_another():
    law = archscope.scale(Windowed(), (1, 3, 224, 224), over={"size": range(225, 513)})
    values = law.values("macs", size=range(225, 513))
    expected = [3072 * (n // 16) ** 2 + 784 * math.ceil(n // 16 / 7) ** 2 for n in range(225, 513)]
    assert all(value in {None, right} for value, right in zip(values, expected, strict=True))
    assert law.laws


def test_a_model_that_bears_no_watched_sizes_is_measured_without_them():
    def picky(layer, x):
        if type(x.shape[1]) is not int:
            raise TypeError("an int, please")
        return layer(x)

    law = archscope.scale(Rows(picky), (1, 16, 4), over={"sequence": range(1, 257)})
    assert law.formula("macs") == "MACs = 16 sequence"


def test_a_model_that_runs_otherwise_when_it_is_watched_is_measured_as_it_runs_by_itself():
    def swayed(layer, x):
        return layer(x) if type(x.shape[1]) is int else layer(layer(x))

    law = archscope.scale(Rows(swayed), (1, 16, 4), over={"sequence": range(1, 257)})
    assert law.formula("macs") == "MACs = 16 sequence"
    assert set(law.values("macs", sequence=range(1, 257))) == {LINEAR * n for n in range(1, 257)}
