"""A model that other threads train, serve and measure at the same time, and models that lead to themselves."""

import collections
import functools
import sys
import threading
import types
import warnings
import weakref
from typing import NamedTuple

import pytest
import torch
from torch import nn

import archscope
from archscope import trace

IMAGE = torch.zeros(2, 3, 16, 16)
MACS = 2 * (14 * 14 * 8 * 27 + 12 * 12 * 8 * 72)


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(8, 8, 3))


@pytest.fixture
def eager_switching():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*tasks):
    """Run all at once; the errors of any."""
    errors = []

    def guarded(task):
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def process_state():
    return (
        torch.backends.mha.get_fastpath_enabled(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.are_deterministic_algorithms_enabled(),
        [*warnings.filters],
        warnings.showwarning,
        torch.is_autocast_enabled("cpu"),
    )


def held(model):
    """Every attribute of every module, and what its dictionaries hold, by identity."""
    return [
        (name, key, id(value), [*map(id, value.values())] if isinstance(value, dict) else value)
        for name, module in model.named_modules()
        for key, value in vars(module).items()
    ]


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.usefixtures("eager_switching")
def test_eight_threads_measure_while_one_trains_and_one_serves(same):
    models = [Net().train()] * 8 if same else [Net().train() for _ in range(8)]
    torch.optim.SGD(nn.Linear(1, 1).parameters()).step()  # loads what it needs, with its own filters of warnings
    before, state = [held(model) for model in models], process_state()
    parameters = [[*map(id, model.parameters())] for model in models]
    macs, done, served, losses = [], threading.Event(), [], []
    images = torch.rand(2, 3, 16, 16)
    call = threading.Lock()  # torch loses counts of batch norms when two threads train one model

    def measure(model):
        macs.extend(archscope.analyze(model, IMAGE).totals.macs for _ in range(5))

    def measure_all():
        try:
            assert not together(*(functools.partial(measure, model) for model in models))
        finally:
            done.set()

    def train():
        optimizer = torch.optim.SGD(models[0].parameters(), lr=0.01)
        while not done.is_set() or not losses:
            optimizer.zero_grad()
            with call:
                loss = models[0](images).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())

    def serve():
        while not done.is_set() or not served:
            with torch.no_grad(), call:
                served.append(models[0](images))

    errors = together(measure_all, train, serve)
    assert not errors
    assert macs == [MACS] * 40
    assert all(loss.isfinite() for loss in losses)
    assert not any(output.is_meta for output in served)
    assert all(output.shape == (2, 8, 12, 12) for output in served)
    assert process_state() == state
    assert [[*map(id, model.parameters())] for model in models] == parameters
    for model, was in zip(models, before, strict=True):
        assert [item[:2] for item in held(model)] == [item[:2] for item in was]
        assert all(module.training for module in model.modules())
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert models[0][1].num_batches_tracked == len(losses) + len(served)  # it saw what it was called with


@pytest.mark.usefixtures("eager_switching")
def test_the_weights_of_an_idle_model_are_untouched():
    model = Net().eval()
    before, weights = held(model), {name: value.clone() for name, value in model.state_dict().items()}
    assert not together(*[lambda: archscope.analyze(model, IMAGE, training="adamw")] * 8)
    assert held(model) == before
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.usefixtures("eager_switching")
def test_a_model_that_falls_back_to_the_cpu_serves_on():
    class Reads(nn.Linear):
        def forward(self, x):
            return super().forward(x) * x.sum().item()

    model, done, served = Reads(4, 3), threading.Event(), []
    x = torch.ones(2, 4)
    expected = model(x)

    def measure():
        assert [archscope.analyze(model, x).totals.macs for _ in range(20)] == [24] * 20
        done.set()

    def serve():
        while not done.is_set() or not served:
            served.append(model(x))

    assert not together(measure, serve)
    assert all(torch.equal(output, expected) for output in served)


class Measuring(nn.Module):
    """Measures another model, and one of its own layers, in the middle of its forward."""

    def __init__(self):
        super().__init__()
        self.own = nn.Linear(4, 3, bias=False)
        self.found = []

    def forward(self, x):
        self.found.append(archscope.analyze(nn.Linear(4, 5, bias=False), torch.zeros(1, 4)).totals.macs)
        self.found.append(archscope.analyze(self.own, torch.zeros(7, 4)).totals.macs)
        assert self.found[-2:] == [20, 84]
        return self.own(x)


def test_a_forward_may_measure():
    model = Measuring()
    assert archscope.analyze(model, torch.zeros(2, 4)).modules[1].macs >= 24
    model(torch.zeros(2, 4))
    assert model.found == [20, 84]
    assert not model.own._forward_hooks


# Models that lead to their own modules by another way than by an attribute: the work must still be theirs.


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return self.second(self.first(x))


def patched_by_a_closure():
    model = Two()
    model.forward = lambda x: model.second(model.first(x))
    return model


def patched_by_a_method():
    model = Two()
    model.run = model.forward
    model.forward = types.MethodType(lambda self, x: self.run(x), model)
    return model


def patched_by_a_partial():
    model = Two()
    model.first.forward = functools.partial(lambda layer, x: nn.functional.linear(x, layer.weight), model.first)
    return model


def hooked_by_a_closure():
    model = Two()
    layers = [model.first]
    model.register_forward_pre_hook(lambda _module, args: (layers[0](args[0]),))
    model.forward = model.second.__call__
    return model


class Child(nn.Module):
    def __init__(self, parent, way):
        super().__init__()
        object.__setattr__(self, "parent", way(parent))

    def forward(self, x):
        parent = self.parent() if isinstance(self.parent, weakref.ReferenceType) else self.parent
        return parent.second(parent.first(x))


class Parent(Two):
    def __init__(self, way):
        super().__init__()
        self.child = Child(self, way)

    def forward(self, x):
        return self.child(x)


def named_by_a_module():
    class Keyed(Two):
        def __init__(self):
            super().__init__()
            self.after = {self.first: self.second}

        def forward(self, x):
            ((first, second),) = self.after.items()
            assert self.after[self.first] is second
            return second(first(x))

    return Keyed()


class Kind:
    """One of a kind, compared by identity."""

    def __init__(self):
        self.name = "wide"


WIDE = Kind()


def told_apart_by_identity():
    class Sentinel(Two):
        def __init__(self):
            super().__init__()
            self.kind = WIDE

        def forward(self, x):
            return super().forward(x) if self.kind is WIDE else x

    return Sentinel()


class Pair(NamedTuple):
    a: object
    b: object


def held_in_tuples_and_objects():
    class Bag:
        pass

    class Held(Two):
        def __init__(self):
            super().__init__()
            bag = Bag()
            bag.pair = Pair(self.first, (self.second,))
            self.bags = collections.deque([bag], maxlen=2)

        def forward(self, x):
            first, (second,) = self.bags[0].pair
            return second(first(x))

    return Held()


THE_MODEL = Two()


class Global(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = THE_MODEL

    def forward(self, x):
        return THE_MODEL(x)


WAYS = [
    patched_by_a_closure,
    patched_by_a_method,
    patched_by_a_partial,
    hooked_by_a_closure,
    lambda: Parent(lambda parent: parent),
    lambda: Parent(weakref.ref),
    lambda: Parent(weakref.proxy),
    named_by_a_module,
    told_apart_by_identity,
    held_in_tuples_and_objects,
    Global,
]


@pytest.mark.parametrize("make", WAYS)
@pytest.mark.parametrize("training", [False, True])
def test_work_is_seen_whatever_way_a_model_takes_to_its_modules(make, training):
    model = make()
    before = held(model)
    seen = trace(model, torch.zeros(2, 4), training=training)
    forward = [call for call in seen.calls if call.phase == "forward" and call.op == "aten::mm"]
    assert [call.path.rpartition(".")[2] for call in forward] == ["first", "second"]
    assert [storage in seen.weights.values() for call in forward for storage in [call.arguments["mat2"].storage]]
    assert {module.path.rpartition(".")[2]: module.calls for module in seen.modules}["second"] == 1
    assert held(model) == before
    assert model(torch.zeros(2, 4)).device.type == "cpu"


def test_a_hook_that_removes_itself_stays_on_the_model():
    calls = []

    class Once(Two):
        def __init__(self):
            super().__init__()
            self.handle = self.register_forward_pre_hook(self.prepare)

        def prepare(self, _module, _args):
            calls.append(self)
            self.handle.remove()

    model = Once()
    archscope.analyze(model, torch.zeros(2, 4))
    assert len(model._forward_pre_hooks) == 1
    model(torch.zeros(2, 4))
    assert not model._forward_pre_hooks
    assert calls[-1] is model


def test_what_a_forward_writes_down_is_not_the_models():
    class Remembers(Two):
        def __init__(self):
            super().__init__()
            self.cache, self.seen = {}, []
            self.stats = types.SimpleNamespace(calls=0)

        def forward(self, x):
            self.cache["x"] = x
            self.seen.append(x)
            self.stats.calls += 1
            self.late = nn.Linear(2, 2)
            self.first.register_forward_hook(lambda *_: None)
            return super().forward(x)

    model = Remembers()
    stats = model.stats
    archscope.analyze(model, torch.zeros(2, 4))
    assert (model.cache, model.seen, stats.calls, hasattr(model, "late")) == ({}, [], 0, False)
    assert not model.first._forward_hooks


def test_an_object_that_closes_what_it_holds_is_not_copied():
    closed = []

    class Handle:
        def __init__(self):
            self.open = True

        def __del__(self):
            closed.append(self)

    class Holds(Two):
        def __init__(self):
            super().__init__()
            self.handle = Handle()

        def __del__(self):
            closed.append(self)

    model = Holds()
    archscope.analyze(model, torch.zeros(2, 4))
    assert not closed
    assert type(model) is Holds
