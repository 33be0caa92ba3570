"""A law of size as JSON: it fits the published schema, and what stands there gives the figures of the law."""

from __future__ import annotations

import copy
import json
from fractions import Fraction

import jsonschema
import pytest
import torch
from click.testing import CliRunner
from made_laws import odd_law, some_sizes
from repository import ROOT
from sized_models import Bits
from told import written
from torch import nn

import archscope
from archscope.cli import main
from archscope.documents.scaling import SCALING
from archscope.documents.scaling_schema import scaling_schema

VALID = jsonschema.Draft202012Validator(scaling_schema())


@torch.library.custom_op("archscope_tests::unpriced", mutates_args=())
def unpriced(x: torch.Tensor) -> torch.Tensor:
    """An operator that has no formula."""
    return x.clone()


@unpriced.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


class Unpriced(nn.Module):
    def forward(self, x):
        return unpriced(x)


def convolution():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())


LAWS = {
    "made by hand": odd_law,
    "a convolution": lambda: archscope.scale(
        convolution(), (1, 3, 32, 32), over={"size": range(33, 97), "batch": range(1, 5)}
    ),
    "training": lambda: archscope.scale(
        convolution(), (1, 3, 32, 32), over={"size": range(32, 97, 32)}, training="adamw"
    ),
    "points alone": lambda: archscope.scale(Bits(), (1, 32, 4), over={"sequence": range(32, 257)}),
    "one size": lambda: archscope.scale(convolution(), (1, 3, 32, 32), over={"size": [64]}),
    "an operator without a formula": lambda: archscope.scale(
        nn.Sequential(nn.Linear(4, 4), Unpriced()), (1, 8, 4), over={"sequence": range(2, 33)}
    ),
}


def value(formula, sizes):
    """A formula of the file at ``sizes``, worked out from what its description says and nothing else."""
    if formula is None:
        return None
    found = []
    for polynomial in formula["largest_of"]:
        total = Fraction(0)
        for term in polynomial["terms"]:
            product = Fraction(term["coefficient"], polynomial["denominator"])
            for quantity in term["powers"]:
                scaled = quantity["times"]
                for name in quantity["dimensions"]:
                    scaled *= sizes[name]
                scaled += quantity["plus"]
                at = scaled // quantity["by"]
                if quantity["rest"]:
                    at = 1 if scaled % quantity["by"] else 0
                if quantity["levels"]:
                    at = next(power for power in range(200) if 2**power >= at)
                product *= at ** quantity["power"]
            total += product
        found.append(total)
    return int(max(found)) if all(one.denominator == 1 for one in found) else None


@pytest.mark.parametrize("name", LAWS)
def test_what_is_written_fits_the_schema_and_gives_the_figures_of_the_law(name):
    law = LAWS[name]()
    record = json.loads(written(SCALING, "json", law))
    VALID.validate(record)
    runs = {tuple(one["sizes"].values()): one for one in record["measured"]}
    assert len(runs) == law.runs
    for sizes in some_sizes(law, 25):
        at = tuple(sizes.values())
        holding = next(
            (
                region
                for region in record["regions"]
                if all(low <= size <= high for low, size, high in zip(region["low"], at, region["high"], strict=True))
            ),
            None,
        )
        found = law.at(**sizes)
        if found is None:
            assert holding is None
            assert at not in runs
            continue
        told = runs.get(at)
        for part, wanted in (("totals", found.totals), *((row.name, row) for row in found.components)):
            given = told or holding
            figures = given["totals"] if part == "totals" else _component(given, part)
            assert {m: f if told else value(f, sizes) for m, f in figures.items()} == dict(wanted.figures), (
                sizes,
                part,
            )


def _component(given, name):
    return next(row["figures"] for row in given["components"] if row["name"] == name)


def test_the_published_schema_is_the_one_that_is_printed():
    printed = CliRunner().invoke(main, ["scale", "--schema"])
    assert printed.exit_code == 0
    assert (ROOT / "docs/scaling.schema.json").read_text() == printed.stdout
    jsonschema.Draft202012Validator.check_schema(json.loads(printed.stdout))


def test_what_the_command_writes_with_limits_fits_it(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("from torch import nn\nNet = lambda: nn.Conv2d(3, 8, 3, padding=1)\n")
    monkeypatch.chdir(tmp_path)
    words = ["scale", "net.py:Net", "--input", "1x3x64x64", "--over", "size=32:128:32", "--over", "batch=1:3"]
    done = CliRunner().invoke(main, [*words, "--max-macs", "1M", "--json", "-"])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    VALID.validate(record)
    # 216 MACs a pixel: 64 x 64 x 216 = 884,736 are below a million, 96 x 96 x 216 = 1,990,656 are not.
    assert {"batch": 1} in [one["fixed"] for one in record["answers"] if one["size"] == 64]


def _paths(value, at=()):
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*at, key))


def test_a_file_that_lacks_a_key_or_has_another_one_does_not_fit():
    record = json.loads(written(SCALING, "json", odd_law("large")))
    objects = [at for at in _paths(record) if isinstance(_get(record, at), dict)]
    closed = [at for at in objects if not {"figures", "totals", "reasons", "sizes", "fixed"}.intersection(at[-1:])]
    assert len(closed) > 50
    for at in closed[:: len(closed) // 40]:
        more = copy.deepcopy(record)
        _get(more, at)["surplus"] = 1
        assert not VALID.is_valid(more), at
        for key in _get(record, at):
            less = copy.deepcopy(record)
            del _get(less, at)[key]
            assert not VALID.is_valid(less), (at, key)
    for at in [at for at in objects if {"figures", "totals"}.intersection(at[-1:])]:
        other = copy.deepcopy(record)
        _get(other, at)["mcas"] = None
        assert not VALID.is_valid(other), at


def _get(value, at):
    for key in at:
        value = value[key]
    return value
