"""``archscope.scale`` takes models and inputs in the forms that ``analyze`` takes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archscope


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x):
        return self.stem(x)


@pytest.mark.parametrize("inputs", ["1x3x8x8", "x=1x3x8x8", (1, 3, 8, 8), {"x": (1, 3, 8, 8)}, torch.zeros(1, 3, 8, 8)])
@pytest.mark.parametrize("model", [Net(), Net])
def test_shapes_texts_and_tensors_and_a_class_or_a_model(model, inputs):
    law = archscope.scale(model, inputs, over={"size": range(8, 33)})
    assert law.at(size=20).totals.macs == 8 * 27 * 20 * 20


def test_a_text_names_a_model():
    law = archscope.scale("featherface-v2", over={"size": range(320, 449, 32)})
    assert law.at(size=320).totals.parameters == 249_777


def test_a_report_is_refused():
    with pytest.raises(archscope.ArchscopeError, match="give the model itself"):
        archscope.scale(archscope.analyze(Net(), "1x3x8x8"), over={"size": range(8, 33)})


@pytest.mark.parametrize(("sizes", "said"), [([0, 8], "0 is no size"), (["a"], "'a' is no size"), ([], "no sizes")])
def test_what_is_no_size_is_named(sizes, said):
    with pytest.raises(archscope.ArchscopeError, match=said):
        archscope.scale(Net(), "1x3x8x8", over={"size": sizes})


def test_an_unknown_metric_is_named():
    law = archscope.scale(Net(), "1x3x8x8", over={"size": range(8, 33)})
    with pytest.raises(archscope.ArchscopeError, match="did you mean macs"):
        law.formula("mac")
