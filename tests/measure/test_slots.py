"""Objects with slots, views of memory and streams that a model holds are after a run what they were before."""

from __future__ import annotations

import dataclasses
import io

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import ForwardError

X = torch.ones(1, 4)


class Cache:
    __slots__ = ("__count", "items", "unset")

    def __init__(self):
        self.__count = 0
        self.items = []

    def add(self, item):
        self.__count += 1
        self.items.append(item)
        self.unset = item

    def told(self):
        return self.__count, [*self.items], hasattr(self, "unset")


@dataclasses.dataclass(slots=True)
class State:
    last: torch.Tensor | None = None
    inner: Cache = dataclasses.field(default_factory=Cache)


class Sentinel:
    __slots__ = ()


NOTHING = Sentinel()


class Named:
    __slots__ = ("count",)

    def __init__(self):
        self.count = 0


ONE_OF_A_KIND = Named()  # what a module keeps under a name is shared, not copied


class Holds(nn.Module):
    def __init__(self, then):
        super().__init__()
        self.layer, self.then = nn.Linear(4, 4, bias=False), then
        self.cache, self.state, self.nothing, self.named = Cache(), State(), NOTHING, ONE_OF_A_KIND
        self.view = memoryview(bytearray(8)).cast("d")
        self.stream = io.BytesIO(b"abc")

    def forward(self, x):
        assert self.nothing is NOTHING
        assert self.named is ONE_OF_A_KIND
        self.cache.add(x)
        self.state.inner.add(1)
        self.state.last = x
        self.named.count += 1
        self.view[0] = 7.0
        self.stream.read(1)
        self.stream.write(b"z")
        return self.then(self.layer(x))

    def told(self):
        state = self.state.last, self.state.inner.told()
        return self.cache.told(), state, self.named.count, [*self.view], self.stream.tell(), self.stream.getvalue()


def fails(_x):
    raise ValueError("mine")


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("then", [nn.Identity(), lambda x: x * x.sum().item(), fails], ids=["meta", "cpu", "raising"])
def test_what_slots_hold_is_as_before(then, device):
    model = Holds(then).to(device)
    before = model.told()
    if then is fails:
        with pytest.raises(ForwardError, match="mine"):
            archscope.analyze(model, X)
    else:
        assert archscope.analyze(model, X).totals.macs == 16
    assert model.told() == before
    assert before[1][0] is None
