"""Tensors inside objects: what a model returns is differentiated, what it is given is listed and left alone."""

from __future__ import annotations

import collections
import dataclasses
import functools
import threading
import types

import numpy as np
import pytest
import torch
from torch import nn

import archscope
from archscope.errors import ForwardError, InputError
from archscope.measure.running.held_tensors import exchanged, held_tensors

X = torch.zeros(3, 4)
WEIGHT_GRADIENT = 3 * 4 * 6  # MACs: (6 x 3) @ (3 x 4); the input needs no gradient


class Slots:
    __slots__ = ("empty", "y")

    def __init__(self, y):
        self.y = y


@dataclasses.dataclass
class Found:
    y: torch.Tensor


class Items(dict):
    pass


class Many(collections.deque):
    pass


def cyclic(y):
    holder = types.SimpleNamespace(y=y)
    holder.me = holder
    return holder


def array(y):
    cells = np.empty(2, dtype=object)
    cells[1] = y
    return cells


KINDS = {
    "tensor": lambda y: y,
    "dataclass": Found,
    "dict subclass": lambda y: Items(y=y),
    "UserDict": lambda y: collections.UserDict(y=y),
    "namespace": lambda y: types.SimpleNamespace(y=y),
    "slots": Slots,
    "ChainMap": lambda y: collections.ChainMap({"y": y}),
    "deque subclass": lambda y: Many([y]),
    "partial": lambda y: functools.partial(print, y),
    "mappingproxy": lambda y: types.MappingProxyType({"y": y}),
    "values view": lambda y: {"y": y}.values(),
    "array of objects": array,
    "bound method": lambda y: Slots(y).__init__,
    "UserList": lambda y: collections.UserList([y]),
    "nested": lambda y: {"a": [types.SimpleNamespace(found=Found(Slots(y)))]},
    "cyclic": cyclic,
    "Bernoulli": lambda y: torch.distributions.Bernoulli(logits=y),
    "Independent": lambda y: torch.distributions.Independent(torch.distributions.Normal(y, torch.ones(3, 6)), 1),
}


class Returns(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.linear, self.kind = nn.Linear(4, 6), kind

    def forward(self, x):
        return KINDS[self.kind](self.linear(x))


@pytest.mark.parametrize("device", ["", "cpu"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_output_of_any_kind_is_differentiated(kind, device):
    report = archscope.analyze(Returns(kind), X, training="sgd")
    step = archscope.trace(Returns(kind), X, training=True, device=device)
    assert report.totals.training.backward_macs == WEIGHT_GRADIENT
    assert report.totals.training.saved_activation_bytes >= 3 * 6 * 4  # the output at least
    assert [call.op for call in step.calls if call.phase == "backward" and call.op == "aten::mm"] == ["aten::mm"]
    if not kind.startswith(("Bernoulli", "Independent")):  # which hold what they derive, too
        assert report.modules[0].output_shapes == ((3, 6),)


def test_the_same_tensor_under_two_names_of_one_object_is_one_output():
    class Output(dict):
        def __init__(self, y):
            super().__init__(y=y)
            self.y = y

    assert [place for place, _ in held_tensors(Output(X))] == ["['y']"]


@pytest.mark.parametrize("shape", ["tensor", "object", "conjugate", "with a real one"])
def test_a_complex_output_is_differentiated(shape):
    class Turns(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 6, dtype=torch.complex64))

        def forward(self, x):
            y = x @ self.weight
            return {"tensor": y, "object": Found(y), "conjugate": y.conj(), "with a real one": (y, y.abs())}[shape]

    step = archscope.analyze(Turns(), X.to(torch.complex64), training="sgd").totals.training
    assert step.backward_macs == WEIGHT_GRADIENT


class Whole(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.linear, self.how = nn.Linear(4, 6), how

    def forward(self, x):
        if self.how == "no_grad":
            with torch.no_grad():
                return self.linear(x)
        y = self.linear(x)
        return {"indices": y.argmax(-1), "nothing": None, "detached": [y.detach()], "closure": lambda: y}[self.how]


@pytest.mark.parametrize("how", ["no_grad", "indices", "nothing", "detached", "closure"])
def test_nothing_to_differentiate_is_an_error_and_never_a_step_of_no_operations(how):
    assert archscope.analyze(Whole(how), X).totals.macs == 3 * 4 * 6
    with pytest.raises(ForwardError, match="nothing that the model returned can be differentiated"):
        archscope.analyze(Whole(how), X, training="sgd")


def test_a_frozen_model_has_a_backward_pass_of_nothing():
    model = Returns("tensor").requires_grad_(requires_grad=False)
    assert archscope.analyze(model, X, training="sgd").totals.training.backward_macs == 0


# --- inputs ----------------------------------------------------------------------------------------------------------


class Batch:
    def __init__(self, t):
        self.t = t


class SlotBatch:
    __slots__ = ("t",)

    def __init__(self, t):
        self.t = t


Pair = collections.namedtuple("Pair", "t rest")  # noqa: PYI024 - the untyped kind is in use too
GIVEN = {
    "dict": (lambda t: {"t": t}, "b['t']", lambda b: b["t"]),
    "UserDict": (lambda t: collections.UserDict(t=t), "b['t']", lambda b: b["t"]),
    "object": (Batch, "b.t", lambda b: b.t),
    "slots": (SlotBatch, "b.t", lambda b: b.t),
    "namedtuple": (lambda t: Pair(t, None), "b.t", lambda b: b.t),
    "dict subclass": (lambda t: Items(t=t), "b['t']", lambda b: b["t"]),
    "deque": (lambda t: collections.deque([t]), "b[0]", lambda b: b[0]),
    "object in a list": (lambda t: [Batch([t])], "b[0].t[0]", lambda b: b[0].t[0]),
    "array of objects": (array, "b[1]", lambda b: b[1]),
    "partial": (lambda t: functools.partial(torch.add, t), "b.args[0]", lambda b: b.args[0]),
}


class Writes(nn.Module):
    """It writes to what it is given."""

    def __init__(self, read):
        super().__init__()
        self.linear, self.read = nn.Linear(4, 6), read

    def forward(self, b):
        return self.linear(self.read(b).add_(1))


@pytest.mark.parametrize("device", ["", "cpu"])
@pytest.mark.parametrize("kind", GIVEN)
def test_an_input_of_any_kind_is_listed_and_the_callers_tensors_are_left_alone(kind, device):
    make, name, read = GIVEN[kind]
    tensor = torch.zeros(3, 4)
    given = make(tensor)
    seen = archscope.trace(Writes(read), archscope.Inputs(args=(given,)), device=device)
    assert [(record.name, record.shape) for record in seen.inputs] == [(name, (3, 4))]
    assert seen.device == (device or "meta")
    assert float(tensor.sum()) == 0
    assert read(given) is tensor


def test_a_cache_that_a_model_fills_stays_empty_for_the_caller():
    class Cache:
        def __init__(self):
            self.layers, self.length = [], 0

    class Fills(nn.Linear):
        def forward(self, x, cache):
            cache.layers.append(super().forward(x))
            cache.length += 1
            return cache

    cache = Cache()
    assert archscope.analyze(Fills(4, 6), archscope.Inputs(args=(X, cache))).totals.macs == 3 * 4 * 6
    assert (cache.layers, cache.length) == ([], 0)


def test_what_an_input_refers_to_and_does_not_hold_stays_what_it_is():
    model = nn.Linear(4, 6)
    batch = types.SimpleNamespace(t=X, model=model, kind=Batch, run=torch.relu)
    copied = exchanged(batch, lambda tensor: tensor.to("meta"))
    assert copied is not batch
    assert copied.t.is_meta
    assert (copied.model, copied.kind, copied.run) == (model, Batch, torch.relu)


def test_a_lock_inside_an_object_is_not_copied():
    given = types.SimpleNamespace(lock=threading.Lock(), t=X)
    copied = exchanged(given, lambda tensor: tensor.to("meta"))
    assert copied.t.is_meta
    assert copied.lock is given.lock


def test_an_object_that_holds_tensors_and_cannot_be_copied_is_refused():
    class Alone:
        def __init__(self):
            self.t = X

        def __deepcopy__(self, memo):
            raise TypeError("there is one of me")

    with pytest.raises(InputError, match="is a Alone that holds tensors and cannot be copied"):
        archscope.trace(Writes(lambda b: b.t), archscope.Inputs(args=(Alone(),)), device="cpu")
    with pytest.raises(archscope.ArchscopeError, match="cannot be copied"):
        archscope.analyze(Writes(lambda b: b.t), archscope.Inputs(args=(Alone(),)))


def test_a_list_nested_too_deep_is_an_error_of_the_input():
    deep = functools.reduce(lambda inner, _: [inner], range(3000), X)
    with pytest.raises(archscope.ArchscopeError, match="cannot be made ready"):
        archscope.analyze(nn.Identity(), archscope.Inputs(args=(deep,)))
