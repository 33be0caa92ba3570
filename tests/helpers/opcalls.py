"""Operator calls for formulas: recorded from real torch calls, or made by hand."""

from __future__ import annotations

import torch

from archscope.formulas import DEFAULT_FORMULAS
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.recorder import Recorder
from archscope.records import OpCall, TensorMeta


def record(function, *args, **kwargs):
    """The operator calls of ``function`` without gradients, in order."""
    recorder = Recorder(ModuleStack({}))
    with torch.no_grad(), recorder:
        function(*args, **kwargs)
    return recorder.calls


def cost(function, *args, **kwargs):
    """The cost of the one operator call that ``function`` makes, free ones aside."""
    calls = record(function, *args, **kwargs)
    costs = [DEFAULT_FORMULAS.find(call.op).formula(call) for call in calls]
    counted = [c for c, call in zip(costs, calls, strict=True) if DEFAULT_FORMULAS.find(call.op).kind == "counted"]
    assert len(counted) == 1, [call.op for call in calls]
    return counted[0]


def total(function, *args, **kwargs):
    """The cost of all operator calls of ``function`` together."""
    calls = record(function, *args, **kwargs)
    costs = [DEFAULT_FORMULAS.find(call.op).formula(call) for call in calls]
    return sum(costs[1:], costs[0])


def meta(*shape, dtype="float32"):
    return TensorMeta(tuple(shape), dtype, 4, 0)


def made(op, *outputs, **arguments):
    """A call by hand; outputs are shapes."""
    return OpCall(0, op, "", "forward", arguments, tuple(meta(*shape) for shape in outputs))


def cost_of(op, *outputs, **arguments):
    """The cost of a call made by hand."""
    return DEFAULT_FORMULAS.find(op).formula(made(op, *outputs, **arguments))


class Count:
    """Multiplies-and-adds and other operations, counted one at a time by the naive loops of the tests."""

    def __init__(self):
        self.macs = 0
        self.other = 0

    @property
    def flops(self):
        return 2 * self.macs + self.other
