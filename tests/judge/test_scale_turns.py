"""Sizes that a model asks for without running anything else there: one law, and crossings at the right size."""

from __future__ import annotations

import torch
from torch import nn

import archscope


class Asks(nn.Module):
    """A score matrix of (sequence, sequence) beside a layer of 64 x 64, and a question that changes nothing."""

    def __init__(self, at):
        super().__init__()
        self.scores = Scores()
        self.layer = nn.Linear(64, 64, bias=False)
        self.at = at

    def forward(self, x):
        self.asked = x.shape[1] == self.at
        return self.scores(x), self.layer(x)


class Scores(nn.Module):
    def forward(self, x):
        return x @ x.transpose(1, 2)


def test_a_question_that_changes_nothing_splits_no_range_and_hides_no_crossing():
    for at in (64, 65, 100):
        law = archscope.scale(Asks(at), torch.rand(1, 16, 64), over={"sequence": range(2, 257)})
        assert len(law.laws) == 1, at
        # Scores cost 64 s^2, the layer 4,096 s: more from 65 on.
        assert "scores costs more MACs than layer from sequence 65 on" in str(law)
        assert law.at(sequence=at).totals.macs == 64 * at**2 + 4096 * at


class Pieces(Asks):
    """From 80 on the layer runs twice."""

    def forward(self, x):
        return self.scores(x), self.layer(self.layer(x) if x.shape[1] >= 80 else x)


def test_shares_say_the_sizes_of_the_piece_that_they_are_of():
    law = archscope.scale(Pieces(0), torch.rand(1, 16, 64), over={"sequence": range(2, 257)})
    assert [(region.low, region.high) for region in law.laws] == [((2,), (79,)), ((80,), (256,))]
    assert "share at 80" in str(law)
    # 64 s^2 against 8,192 s from 80 on; 65 to 79 it was more already, so that no one size is told.
    assert "scores costs more" not in str(law)
