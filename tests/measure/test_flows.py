"""The flows of a report: who reads whose tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from archscope.measure.measuring import analyze
from archscope.spec import Component


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 1)


class Net(nn.Module):
    """Children a, b, c, ... of 1x1 convolutions; ``run`` is the forward."""

    def __init__(self, run, **children):
        super().__init__()
        self.run = run
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, x):
        return self.run(self, x)


def flows(run, components=None, **children):
    report = analyze(Net(run, **children), torch.zeros(1, 3, 8, 8), components=components)
    return [(flow.source, flow.target, flow.shape) for flow in report.flows]


def test_a_chain_flows_from_the_input_on():
    assert flows(lambda net, x: net.b(net.a(x)), a=conv(3, 4), b=conv(4, 5)) == [
        ("[input]", "a", (1, 3, 8, 8)),
        ("a", "b", (1, 4, 8, 8)),
    ]


def test_the_model_s_own_code_passes_on_what_it_was_made_from():
    def run(net, x):
        small = net.b(functional.max_pool2d(net.a(x), 2))
        return net.c(torch.cat([functional.interpolate(small, scale_factor=2), net.a(x)], 1))

    assert flows(run, a=conv(3, 4), b=conv(4, 5), c=conv(9, 6)) == [
        ("[input]", "a", (1, 3, 8, 8)),
        ("a", "b", (1, 4, 4, 4)),
        ("b", "c", (1, 9, 8, 8)),
        ("a", "c", (1, 9, 8, 8)),
    ]


def test_a_result_that_no_component_reads_ends_in_the_model_s_own_code():
    found = flows(lambda net, x: torch.softmax(net.b(net.a(x)), 1), a=conv(3, 4), b=conv(4, 4))
    assert found[1:] == [("a", "b", (1, 4, 8, 8)), ("b", "[unassigned]", (1, 4, 8, 8))]


def test_steps_of_the_model_s_own_code_are_one_reading():
    found = flows(lambda net, x: torch.softmax(net.b(net.a(x)).flatten(2) * 2, 1), a=conv(3, 4), b=conv(4, 4))
    assert found[2:] == [("b", "[unassigned]", (1, 4, 8, 8))]


def test_a_tensor_that_is_both_passed_on_and_put_out_flows_both_ways():
    def run(net, x):
        first = net.a(x)
        return net.b(functional.relu(first)), torch.sigmoid(first)

    assert flows(run, a=conv(3, 4), b=conv(4, 5)) == [
        ("[input]", "a", (1, 3, 8, 8)),
        ("a", "b", (1, 4, 8, 8)),
        ("a", "[unassigned]", (1, 4, 8, 8)),
    ]


def test_an_addition_in_place_mixes_what_both_sides_were_made_from():
    def run(net, x):
        total = net.a(x)
        total += net.b(x)
        return net.c(total)

    assert flows(run, a=conv(3, 4), b=conv(3, 4), c=conv(4, 5))[2:] == [
        ("a", "c", (1, 4, 8, 8)),
        ("b", "c", (1, 4, 8, 8)),
    ]


@pytest.mark.parametrize("view", [lambda x: x.flatten(2).unflatten(2, (8, 8)), lambda x: x.transpose(2, 3)])
def test_a_view_belongs_to_whom_it_views(view):
    found = flows(lambda net, x: net.b(view(net.a(x))), a=conv(3, 4), b=conv(4, 5))
    assert found[1:] == [("a", "b", (1, 4, 8, 8))]


def test_modules_that_no_component_claims_stay_in_the_picture():
    found = flows(
        lambda net, x: net.c(net.b(net.a(x))),
        components=(Component(name="A", patterns=("a",)), Component(name="C", patterns=("c",))),
        a=conv(3, 4),
        b=conv(4, 5),
        c=conv(5, 6),
    )
    assert found == [
        ("[input]", "A", (1, 3, 8, 8)),
        ("A", "[unassigned]", (1, 4, 8, 8)),
        ("[unassigned]", "C", (1, 5, 8, 8)),
    ]
