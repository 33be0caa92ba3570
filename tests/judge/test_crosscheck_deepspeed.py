"""DeepSpeed's profiler beside archscope: its rule, restated over a trace, gives what the tool itself counts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from torch import nn

from archscope.judge.conventions import DEEPSPEED, apply
from archscope.measure.running.tracing import trace


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, groups=1), nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.b(F.relu(self.norm(self.a(x))))


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.out = nn.Linear(8, 24), nn.Linear(8, 8, bias=False)

    def forward(self, x):
        q, k, v = self.q(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.out(attended) @ torch.ones(8, 5, device=x.device)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.layer(x)[0])


@pytest.mark.parametrize(
    ("model", "shape", "macs"),
    [
        (Convolutional, (2, 3, 6, 7), 2 * 8 * 4 * 5 * 27 + 2 * 8 * 20 * 4 * 4),
        (Attentive, (2, 5, 8), 2 * 5 * 8 * 24 + 2 * 2 * 5 * 5 * 8 + 2 * 5 * 8 * 8 + 2 * 5 * 8 * 5),
        (Recurrent, (2, 5, 8), 2 * 5 * 6 * 2),  # recurrent layers have no MACs there
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_rule_gives_what_the_tool_counts(model, shape, macs):
    profiler = pytest.importorskip("deepspeed.profiling.flops_profiler.profiler")
    built = model().eval()
    assert apply(DEEPSPEED, trace(built, torch.rand(shape))).counted == macs
    theirs = profiler.FlopsProfiler(built)
    theirs.start_profile()
    with torch.no_grad():
        built(torch.rand(shape))
    try:
        assert theirs.get_total_macs() == macs
        assert theirs.get_total_params() == sum(p.numel() for p in built.parameters())
    finally:
        theirs.end_profile()
