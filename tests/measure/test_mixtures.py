"""Mixtures of experts: all parameters, and those that one token uses."""

from __future__ import annotations

import warnings

import pytest
import torch
from architectures import build, config_of, inputs_of
from hypothesis import given
from hypothesis import strategies as st
from told import render_markdown, render_text
from torch import nn

import archscope
from archscope import serial
from archscope.protocols.page import render_html

WIDTH, HIDDEN = 6, 10


class Listed(nn.Module):
    """Experts as modules in a list, each called with the tokens that picked it: what reads values, on the CPU."""

    def __init__(self, experts, picked):
        super().__init__()
        self.picked = picked
        self.gate = nn.Linear(WIDTH, experts, bias=False)
        self.experts = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(experts))

    def forward(self, x):
        weights, chosen = self.gate(x).softmax(-1).topk(self.picked)
        output = torch.zeros_like(x)
        for k, expert in enumerate(self.experts):
            rows, place = (chosen == k).nonzero(as_tuple=True)
            if len(rows):
                output[rows] += weights[rows, place, None] * expert(x[rows])
        return output


class Stacked(nn.Module):
    """Experts as slices of one parameter, in one of the ways that people read them."""

    def __init__(self, experts, picked, way="gathered"):
        super().__init__()
        self.picked, self.way = picked, way
        self.gate = nn.Parameter(torch.randn(experts, WIDTH))
        self.first = nn.Parameter(torch.randn(experts, WIDTH, HIDDEN))
        self.bias = nn.Parameter(torch.randn(experts, HIDDEN))
        self.second = nn.Parameter(torch.randn(experts, HIDDEN, WIDTH))

    def forward(self, x):
        weights, chosen = nn.functional.linear(x, self.gate).softmax(-1).topk(self.picked, dim=-1)
        return getattr(self, self.way)(x, weights, chosen)

    def gathered(self, x, weights, chosen):
        hidden = torch.einsum("td,tkdh->tkh", x, self.first[chosen]) + self.bias[chosen]
        return (torch.einsum("tkh,tkhd->tkd", hidden.relu(), self.second[chosen]) * weights[..., None]).sum(1)

    def all_of_them(self, x, weights, chosen):
        dense = torch.zeros(len(x), len(self.gate)).scatter(1, chosen, weights)
        hidden = torch.bmm(x.expand(len(self.gate), *x.shape), self.first) + self.bias[:, None]
        return (torch.bmm(hidden.relu(), self.second) * dense.t()[..., None]).sum(0)

    def one_by_one(self, x, weights, chosen):
        output = torch.zeros_like(x)
        for k in range(len(self.gate)):
            share = (weights * (chosen == k)).sum(-1, keepdim=True)
            output = output + share * ((x @ self.first[k] + self.bias[k]).relu() @ self.second[k])
        return output


class Around(nn.Module):
    """Dense layers around a mixture, and a shared expert beside it that every token uses."""

    def __init__(self, mixture):
        super().__init__()
        self.before = nn.Linear(WIDTH, WIDTH)
        self.shared = nn.Linear(WIDTH, WIDTH)
        self.mixture = mixture

    def forward(self, x):
        x = self.before(x)
        return self.mixture(x) + self.shared(x)


def measured(model, tokens=7):
    return archscope.analyze(model, torch.randn(tokens, WIDTH))


PICKS = st.integers(2, 6).flatmap(lambda experts: st.tuples(st.just(experts), st.integers(1, experts - 1)))


@given(choice=PICKS, tokens=st.integers(1, 5))
def test_experts_in_a_list_are_active_by_the_choice_of_their_router(choice, tokens):
    experts, picked = choice
    report = measured(Around(Listed(experts, picked)), tokens)
    each = WIDTH * WIDTH + WIDTH
    assert report.model.device == "cpu"
    (row,) = report.mixtures
    assert (row.path, row.experts, row.picked) == ("mixture.experts", experts, picked)
    assert (row.parameters, row.active_parameters) == (experts * each, picked * each)
    assert report.totals.active_parameters == 2 * each + WIDTH * experts + picked * each
    assert report.totals.parameters - report.totals.active_parameters == (experts - picked) * each


@pytest.mark.parametrize("way", ["gathered", "all_of_them", "one_by_one"])
@given(choice=PICKS)
def test_experts_in_one_parameter_are_active_by_the_choice_of_their_router(way, choice):
    experts, picked = choice
    report = measured(Around(Stacked(experts, picked, way)))
    each = WIDTH * HIDDEN + HIDDEN + HIDDEN * WIDTH  # the gate is every token's
    assert report.mixtures[0].parameters == experts * each
    assert report.mixtures[0].active_parameters == picked * each
    assert report.totals.active_parameters == report.totals.parameters - (experts - picked) * each


class Picks(nn.Module):
    """Takes the best 3 of 8 scores, and holds much that there are 8 of and that every token uses: no mixture."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(8))
        self.scores = nn.Linear(WIDTH, 8)
        self.kinds = nn.Embedding(8, WIDTH)
        self.places = nn.Parameter(torch.randn(8, WIDTH))
        self.codes = nn.Parameter(torch.randn(8, WIDTH))
        self.scale = nn.Parameter(torch.randn(8, 1, 1))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        x = x + self.places
        best = self.scores(x).topk(3)[1]
        nearest = torch.cdist(x, self.codes).topk(1, largest=False)[1]
        return self.kinds(best).sum(-2) + self.codes[nearest[:, 0]] + x * self.scale.sum()


def test_a_choice_without_experts_is_no_mixture():
    report = measured(Picks(), 8)
    assert report.mixtures == ()
    assert report.totals.active_parameters is None
    assert "active" not in render_text(report)


def test_of_experts_inside_experts_a_token_uses_the_share_of_a_share():
    outer = Listed(4, 1)
    outer.experts = nn.ModuleList(Listed(3, 2) for _ in range(4))
    report = measured(outer, 64)
    gate, inner_gate, expert = WIDTH * 4, WIDTH * 3, WIDTH * WIDTH + WIDTH
    assert report.totals.parameters == gate + 4 * (inner_gate + 3 * expert)
    assert report.totals.active_parameters == gate + inner_gate + 2 * expert


def test_routers_that_disagree_about_the_same_experts_are_not_believed():
    class Twice(Stacked):
        def forward(self, x):
            first = super().forward(x)
            self.picked = 3
            return first + super().forward(x)

    report = measured(Twice(4, 1))
    assert report.mixtures == ()
    assert report.totals.active_parameters is None


@pytest.mark.parametrize("seed", range(4))
def test_a_block_of_listed_experts_that_runs_twice_is_never_recognised(seed):
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Listed(4, 1)

        def forward(self, x):
            return self.block(self.block(x))

    torch.manual_seed(seed)
    assert measured(Again()).totals.active_parameters is None


def test_groups_of_experts_that_are_chosen_first_are_no_experts():
    config = config_of("deepseek_v3", num_hidden_layers=8, first_k_dense_replace=0)  # 8 groups, and 8 layers
    report = archscope.analyze(build(config), archscope.Inputs(kwargs=inputs_of({"input_ids": (1, 16)})))
    assert {(row.experts, row.picked) for row in report.mixtures} == {(256, 8)}
    idle = 8 * 248 * 3 * 7168 * 2048
    assert report.totals.active_parameters == report.totals.parameters - idle


def test_without_a_run_nothing_is_said_of_active_parameters():
    report = archscope.analyze(Around(Listed(4, 2)))
    assert report.totals.active_parameters is None


# What each says of itself: mixtral 2 of 8 experts of 3 x 4096 x 14336; phimoe has no topk, gpt_oss has biases,
# llama4 runs every token through all 16 experts and picks 1 of them, deepseek_v3 has three dense layers first.
OF_TRANSFORMERS = {
    "mixtral": ("layers.1.mlp.experts", 8, 2, 3 * 4096 * 14336),
    "phimoe": ("layers.1.mlp.experts", 16, 2, 3 * 4096 * 6400),
    "gpt_oss": ("layers.1.mlp.experts", 128, 4, 2880 * 5760 + 5760 + 2880 * 2880 + 2880),
    "llama4_text": ("layers.1.feed_forward.experts", 16, 1, 3 * 5120 * 8192),
    "deepseek_v3": ("layers.4.mlp.experts", 256, 8, 3 * 7168 * 2048),
    "qwen2_moe": ("layers.1.mlp.experts", 60, 4, 3 * 2048 * 1408),
}


@pytest.mark.parametrize("name", OF_TRANSFORMERS)
def test_an_architecture_s_experts_are_found_with_its_own_choice(name):
    path, experts, picked, each = OF_TRANSFORMERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what transformers warns of is not ours
        model = build(config_of(name, depth=5 if name == "deepseek_v3" else 2))
        report = archscope.analyze(model, archscope.Inputs(kwargs=inputs_of({"input_ids": (1, 8)})))
    last = report.mixtures[-1]
    assert (last.path, last.experts, last.picked) == (path, experts, picked)
    assert (last.parameters, last.active_parameters) == (experts * each, picked * each)
    idle = len(report.mixtures) * (experts - picked) * each
    assert report.totals.active_parameters == report.totals.parameters - idle


def test_a_report_tells_of_active_parameters_in_every_form():
    report = measured(Around(Stacked(4, 1)))
    # before and shared 42 each, the gate 4 x 6, one expert 60 + 10 + 60
    said = next(line for line in render_text(report).splitlines() if line.startswith("active parameters"))
    assert " ".join(said.split()) == "active parameters 238 238, a token uses 1 of 4 experts"
    assert "| Active parameters | 238 |" in render_markdown(report)
    assert "active parameters" in render_html(report)
    assert serial.from_json(serial.to_json(report)) == report
