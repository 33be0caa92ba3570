"""Models that find their modules and tensors by weak containers, sets and keys: the copy that runs finds its own."""

import weakref

import pytest
import torch
from torch import nn
from torch.utils.weak import WeakIdKeyDictionary

import archscope
from archscope import trace

X = torch.zeros(2, 4)


class Two(nn.Module):
    def __init__(self, hold, run):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.run = run
        self.held = hold(self)

    def forward(self, x):
        return self.second(self.run(self, x))


def product(model, x, weight):
    assert model.first.weight is weight
    return nn.functional.linear(x, weight)


def member(model, x):
    assert model.first in model.held
    assert model.second in model.held
    return model.first(x)


def the_only(model, x):
    (weight,) = model.held
    return product(model, x, weight)


WAYS = {
    "a weak key": (
        lambda m: weakref.WeakKeyDictionary({m.first: m.first}),
        lambda m, x: m.held[m.first](x),
    ),
    "a weak key with a list": (
        lambda m: [weakref.WeakKeyDictionary({m.second: [m.first]})],
        lambda m, x: m.held[0][m.second][0](x),
    ),
    "a weak value": (
        lambda m: weakref.WeakValueDictionary(layer=m.first),
        lambda m, x: m.held["layer"](x),
    ),
    "a weak set": (lambda m: weakref.WeakSet([m.first, m.second]), member),
    "a set": (lambda m: {m.first, m.second}, member),
    "a frozen set": (lambda m: frozenset([m.first, m.second]), member),
    "pairs in a set": (
        lambda m: {(m.first, 1)},
        lambda m, x: next(layer for layer, _ in m.held)(x) if (m.first, 1) in m.held else x,
    ),
    "a pair as a key": (lambda m: {(m.first, 1): m.first}, lambda m, x: m.held[m.first, 1](x)),
    "its id": (lambda m: {id(m.first): m.first}, lambda m, x: m.held[id(m.first)](x)),
    "a weak tensor": (
        lambda m: weakref.WeakValueDictionary(weight=m.first.weight),
        lambda m, x: product(m, x, m.held["weight"]),
    ),
    "a weak reference to a tensor": (
        lambda m: weakref.ref(m.first.weight),
        lambda m, x: product(m, x, m.held()),
    ),
    "a tensor as a weak key": (
        lambda m: WeakIdKeyDictionary({m.first.weight: m.first}),
        lambda m, x: m.held[m.first.weight](x),
    ),
    "a tensor as a key": (
        lambda m: {m.first.weight: m.first},
        lambda m, x: m.held[m.first.weight](x),
    ),
    "a set of tensors": (lambda m: {m.first.weight}, the_only),
    "a frozen set of tensors": (lambda m: frozenset([m.first.weight]), the_only),
}


def content(held):
    if isinstance(held, list):
        return [content(part) for part in held]
    if isinstance(held, weakref.ReferenceType):
        return id(held())
    if hasattr(held, "items"):
        return sorted((key if isinstance(key, (str, int)) else id(key), id(value)) for key, value in held.items())
    return sorted(map(id, held))


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", WAYS)
def test_a_model_finds_its_own_by_what_it_holds(name, training, device):
    with torch.device(device):
        model = Two(*WAYS[name])
    held, kind = model.held, type(model.held)
    before = content(held) if name != "pairs in a set" else held.copy()
    seen = trace(model, X, training=training)
    products = [call for call in seen.calls if call.phase == "forward" and call.op == "aten::mm"]
    assert len(products) == 2
    assert products[1].path == "second"
    assert all(call.arguments["mat2"].storage in seen.weights.values() for call in products)
    assert seen.fallback == ""
    assert model.held is held
    assert type(held) is kind
    assert (content(held) if name != "pairs in a set" else held) == before


def test_what_a_forward_adds_to_a_weak_container_is_not_the_models():
    kept = []

    def run(model, x):
        kept.append(nn.Linear(1, 1))
        model.held[kept[-1]] = x
        del model.held[model.first]
        return model.first(x)

    for device in ("cpu", "meta"):
        with torch.device(device):
            model = Two(lambda m: weakref.WeakKeyDictionary({m.first: m.second}), run)
        archscope.analyze(model, X)
        assert dict(model.held) == {model.first: model.second}
