"""What a model's code changes in the process is put back, each piece whatever becomes of the others."""

import os
import random
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

import archscope
from archscope.errors import BuildError, ForwardError

X = torch.ones(1, 8)
LINEAR = nn.Linear(8, 2, bias=False)
archscope.analyze(LINEAR, X)  # what is loaded for it sets filters of its own


class Raising(nn.Module):
    """Does ``mess`` and then raises ``error``."""

    def __init__(self, mess, error):
        super().__init__()
        self.mess, self.error = mess, error

    def forward(self, _x):
        self.mess()
        raise self.error


def mix_old_and_new():
    torch.set_float32_matmul_precision("medium")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.use_deterministic_algorithms(True)


def mix_new_and_old():
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.mkldnn.fp32_precision = "bf16"
    torch.use_deterministic_algorithms(True)


def every_precision():
    torch.backends.fp32_precision = "tf32"
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.fp32_precision = "ieee"
    torch.use_deterministic_algorithms(True, warn_only=True)


def everything_else():
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    torch.autograd.set_detect_anomaly(True)
    torch.backends.cuda.enable_math_sdp(False)
    torch.backends.mha.set_fastpath_enabled(not torch.backends.mha.get_fastpath_enabled())
    torch.manual_seed(99)
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002 - models do
    np.seterr(all="raise")
    sys.setrecursionlimit(5000)
    warnings.filters.insert(0, ("ignore", None, Warning, None, 0))
    warnings.showwarning = print


def read(function):
    try:
        return function()
    except RuntimeError as error:
        return str(error)


def state():
    backends = torch.backends
    return (
        read(torch.get_float32_matmul_precision),
        *(read(lambda holder=holder: holder.allow_tf32) for holder in (backends.cuda.matmul, backends.cudnn)),
        *(
            getattr(holder, "fp32_precision", None)
            for holder in (
                backends,
                backends.cuda.matmul,
                backends.cudnn,
                backends.cudnn.conv,
                backends.cudnn.rnn,
                backends.mkldnn,
                backends.mkldnn.matmul,
            )
        ),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_anomaly_enabled(),
        backends.cuda.math_sdp_enabled(),
        backends.mha.get_fastpath_enabled(),
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - the same
        np.geterr(),
        sys.getrecursionlimit(),
        [*warnings.filters],
        warnings.showwarning,
        Path.cwd(),
        _get_current_dispatch_mode_stack(),
        torch.overrides._get_current_function_mode_stack(),
    )


@pytest.mark.parametrize("mess", [mix_old_and_new, mix_new_and_old, every_precision, everything_else])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("mine"), None])
def test_each_piece_of_state_comes_back_and_so_does_the_models_exception(mess, error):
    before = state()
    if error is None:
        model = LINEAR
        handle = model.register_forward_hook(lambda *_: mess())
        assert archscope.analyze(model, X).totals.macs == 16
        handle.remove()
    elif isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt) as caught:
            archscope.analyze(Raising(mess, error), X)
        assert caught.value is error
    else:
        with pytest.raises(ForwardError, match="ValueError: mine"):
            archscope.analyze(Raising(mess, error), X)
    assert state() == before


def test_a_state_that_is_mixed_already_is_left_as_it_is():
    mix_old_and_new()
    try:
        before = state()
        with pytest.raises(KeyboardInterrupt):
            archscope.analyze(Raising(mix_new_and_old, KeyboardInterrupt()), X)
        assert state()[3:] == before[3:]
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = "none"
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.fp32_precision = torch.backends.mkldnn.matmul.fp32_precision = "none"
        torch.use_deterministic_algorithms(False)


def test_a_folder_that_is_gone_hides_no_exception(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def leave():
        os.chdir(tmp_path)
        folder.rmdir()
        torch.use_deterministic_algorithms(True)

    with pytest.raises(KeyboardInterrupt):
        archscope.analyze(Raising(leave, KeyboardInterrupt()), X)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_process_without_a_folder_can_measure(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert archscope.analyze(nn.Linear(8, 2), X).totals.macs == 16


def test_a_constructor_that_mixes_switches_is_told_by_its_own_exception():
    before = state()

    def build():
        mix_old_and_new()
        raise KeyError("no such layer")

    with pytest.raises(BuildError, match="KeyError: 'no such layer'"):
        archscope.analyze(archscope.ModelSpec(name="net", source="", build=build))
    assert state() == before


class Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("mode", [Mode, lambda: torch.device("meta"), torch.no_grad])
def test_a_mode_that_a_model_enters_and_never_leaves_is_left(mode):
    before = state()
    kept = []

    def enter():
        kept.append(mode())
        kept[-1].__enter__()

    with pytest.raises(ForwardError, match="mine"):
        archscope.analyze(Raising(enter, ValueError("mine")), X)
    assert state() == before
    assert torch.empty(2).device.type == "cpu"
    assert not torch.is_inference_mode_enabled()


class Stubborn(dict):
    """A container that cannot be looked at any more once a model has run."""

    broken = False

    def __len__(self):
        if Stubborn.broken:
            raise ValueError("broken")
        return super().__len__()

    def __bool__(self):
        return True


def test_a_container_that_cannot_be_put_back_keeps_no_other_from_it():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stubborn = Stubborn(a=1)
            self.weight = nn.Parameter(torch.empty(2, 2, device="meta"))
            self.count = [1]

        def forward(self, x):
            Stubborn.broken = True
            self.stubborn["b"] = 2
            self.count.append(2)
            raise KeyboardInterrupt

    model = Net()
    try:
        with pytest.raises(KeyboardInterrupt):
            archscope.analyze(model, X)
        assert model.count == [1]
    finally:
        Stubborn.broken = False
