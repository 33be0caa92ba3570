"""What a forward pass does to what surrounds it, and to what it holds besides tensors, is undone afterwards."""

import array
import itertools
import os
import random
import signal
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules import module as hooks

import archscope
from archscope.errors import ForwardError

X = torch.ones(1, 4)
archscope.analyze(nn.Linear(4, 4), X)  # loads what sets its own


def environment():
    os.environ["ARCHSCOPE_TEST_NEW"] = "1"
    os.environ["HOME"] = "elsewhere"
    os.environ.pop("PATH")


def path():
    sys.path.insert(0, "elsewhere")
    sys.path = [*sys.path, "further"]


def signals():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.alarm(100)


def every_modules_hooks():
    hooks.register_module_forward_hook(lambda *_: None, always_call=True)
    hooks.register_module_forward_pre_hook(lambda *_: None)
    hooks.register_module_full_backward_hook(lambda *_: None)
    hooks.register_module_parameter_registration_hook(lambda *_: None)


def threads():
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_warn_always(True)


def state():
    return (
        dict(os.environ),
        id(sys.path),
        [*sys.path],
        [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)],
        [round(seconds) for seconds in signal.getitimer(signal.ITIMER_REAL)],
        [dict(held) for name, held in vars(hooks).items() if name.startswith("_global_") and isinstance(held, dict)],
        torch.get_num_threads(),
        torch.is_warn_always_enabled(),
    )


class Does(nn.Module):
    def __init__(self, *deeds, error=None):
        super().__init__()
        self.layer = nn.Linear(4, 4, bias=False)
        self.deeds, self.error = deeds, error

    def forward(self, x):
        for deed in self.deeds:
            deed()
        if self.error:
            raise self.error
        return self.layer(x)


DEEDS = [environment, path, signals, every_modules_hooks, threads]


@pytest.mark.parametrize("deeds", [*((deed,) for deed in DEEDS), DEEDS])
@pytest.mark.parametrize("error", [None, ValueError("mine"), KeyboardInterrupt()], ids=repr)
def test_what_surrounds_a_run_is_as_it_was(deeds, error):
    before = state()
    if error is None:
        assert archscope.analyze(Does(*deeds), X).totals.macs == 16
    elif isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt) as caught:
            archscope.analyze(Does(*deeds, error=error), X)
        assert caught.value is error
    else:
        with pytest.raises(ForwardError, match="mine"):
            archscope.analyze(Does(*deeds, error=error), X)
    assert state() == before


def test_what_a_constructor_sets_is_there_for_the_forward_and_gone_afterwards():
    class Sets(nn.Linear):
        def __init__(self):
            super().__init__(4, 4)
            os.environ["ARCHSCOPE_TEST_NEW"] = "4"

        def forward(self, x):
            return super().forward(x)[:, : int(os.environ["ARCHSCOPE_TEST_NEW"])]

    before = state()
    assert archscope.analyze(archscope.ModelSpec(name="net", source="", build=Sets), X).totals.macs == 16
    assert state() == before


class Holds(nn.Module):
    """Draws from, and writes to, everything that it holds."""

    def __init__(self, then):
        super().__init__()
        self.layer, self.then = nn.Linear(4, 4, bias=False), then
        self.torch = torch.Generator().manual_seed(1)
        self.python = random.Random(1)  # noqa: S311 - no secret
        self.numpy = np.random.default_rng(1)
        self.old = [np.random.RandomState(1)]
        self.array = {"a": (np.zeros(3),)}
        self.objects = np.array([1, "a"], dtype=object)
        self.bytes, self.typed = bytearray(b"abc"), array.array("i", [1, 2])
        self.next = itertools.count()

    def forward(self, x):
        torch.rand(2, generator=self.torch)
        self.python.random()
        self.numpy.random()
        self.old[0].rand()
        self.array["a"][0][:] = 7
        self.objects[0] = 2
        self.bytes[0], self.typed[0] = 0, 9
        next(self.next)
        return self.then(self.layer(x))

    def drawn(self):
        return (
            self.torch.get_state().tolist(),
            self.python.getstate(),
            str(self.numpy.bit_generator.state),
            self.old[0].get_state()[1].tolist(),
            self.array["a"][0].tolist(),
            [*self.objects],
            bytes(self.bytes),
            [*self.typed],
        )


def fails(_x):
    raise ValueError("mine")


@pytest.mark.parametrize("then", [nn.Identity(), lambda x: x * x.sum().item(), fails], ids=["meta", "cpu", "raising"])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_generators_and_arrays_of_a_model_are_as_they_were(then, device):
    if device == "meta":
        with torch.device("meta"):
            model = Holds(then)
        model.torch = torch.Generator("cpu").manual_seed(1)
    else:
        model = Holds(then)
    before, generator = model.drawn(), model.torch
    if then is fails:
        with pytest.raises(ForwardError, match="mine"):
            archscope.analyze(model, X)
    else:
        assert archscope.analyze(model, X).totals.macs == 16
    assert model.drawn() == before
    assert model.torch is generator
    if device == "cpu":
        assert next(model.next) == 0


def test_a_generator_that_two_modules_share_is_one_in_the_run():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.random = random.Random(1)  # noqa: S311 - no secret
            self.inner = nn.Linear(4, 4)
            self.inner.random = self.random

        def forward(self, x):
            assert self.random is self.inner.random
            assert self.random.getstate() == random.Random(1).getstate()  # noqa: S311 - no secret
            return self.inner(x)

    archscope.analyze(Pair(), X)
