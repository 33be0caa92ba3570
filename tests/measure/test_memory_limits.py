"""What a model may take on the CPU, and what is left of it in the process afterwards."""

import contextlib
import gc
import subprocess
import sys
import sysconfig
import textwrap
import time
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import BuildError, ForwardError, InputError
from archscope.spec import InputSpec, ModelSpec

COMMAND = str(Path(sysconfig.get_path("scripts")) / "archscope")
HUGE = """
import torch
from torch import nn

class Reads(nn.Module):
    '''96 GB of weights in a constructor that reads the value of a small tensor.'''
    def __init__(self):
        super().__init__()
        rates = [rate.item() for rate in torch.linspace(0, 0.1, 60)]
        self.layers = nn.ModuleList([nn.Linear(20_000, 20_000) for _ in rates])

class ReadsLarge(Reads):
    '''The same, of a large one.'''
    def __init__(self):
        super().__init__()
        self.first = float(self.layers[0].weight[0, 0])

class LeavesTorch(nn.Module):
    '''And one that numpy reads, before most of it is made.'''
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(20_000, 2_000).weight.detach().numpy().shape
        self.layers = nn.ModuleList([nn.Linear(20_000, 20_000) for _ in range(60)])

class OneTensor(nn.Module):
    '''One that is dropped again.'''
    def __init__(self):
        super().__init__()
        self.scale = torch.ones(200_000, 100_000)[:2, :2].tolist()
"""


@pytest.fixture
def huge(tmp_path):
    (tmp_path / "huge.py").write_text(HUGE)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "size"),
    [("Reads", "96.00 GB"), ("ReadsLarge", "96.00 GB"), ("LeavesTorch", " GB"), ("OneTensor", "80.00 GB")],
)
def test_what_would_fill_the_machine_is_refused_with_its_size(huge, name, size):
    code = f"""
        import sys, time, resource, archscope, torch
        from archscope.errors import BuildError
        archscope.analyze(torch.nn.Linear(2, 2), torch.zeros(1, 2))
        spec = archscope.load("huge.py:{name}")
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            archscope.analyze(spec, (archscope.InputSpec(shape=(1, 20_000)),))
        except BuildError as error:
            print(error)
        seconds, grown = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert seconds < 5, seconds
        assert grown < 200_000, grown
    """
    done = subprocess.run(
        ["bash", "-c", f'ulimit -v 12000000; exec {sys.executable} -W ignore -c "$0"', textwrap.dedent(code)],
        cwd=huge,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "too large to be built on the CPU" in done.stdout
    assert size in done.stdout
    assert "--max-memory" in done.stdout


def test_the_command_says_what_it_may_take(huge):
    command = [COMMAND, "analyze", "huge.py:OneTensor", "--input", "1x4", "--no-files"]
    refused = subprocess.run(
        [*command, "--max-memory", "1M"], cwd=huge, capture_output=True, check=False, text=True, timeout=120
    )
    assert refused.returncode == 3
    assert "--max-memory is 1.00 MB" in refused.stderr
    wrong = subprocess.run(
        [*command, "--max-memory", "much"], cwd=huge, capture_output=True, check=False, text=True, timeout=120
    )
    assert (wrong.returncode, "'much' is no amount of memory" in wrong.stderr) == (2, True)


class Counting(nn.Module):
    """Counts how often it is built."""

    built = 0

    def __init__(self):
        super().__init__()
        Counting.built += 1
        self.layers = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReflectionPad1d(9), nn.Linear(7, 2))

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize(
    "call",
    [
        (InputSpec(shape=(1, 1, 5)),),  # less than the padding
        (InputSpec(shape=(1, 3, 50)),),  # other channels
        (InputSpec(shape=(1, 1, 50)),),  # another width
        (InputSpec(shape=(1, 1, 50)), InputSpec(shape=(1,))),  # an argument too many
        (InputSpec(shape=(1, 1, 50), name="image"),),  # another name
    ],
)
def test_an_input_that_no_device_takes_costs_no_second_build(call):
    Counting.built = 0
    with pytest.raises((ForwardError, InputError)):
        archscope.analyze(ModelSpec(name="net", source="", build=Counting), call)
    assert Counting.built == 1


class Strange(nn.Module):
    """Fails on meta alone."""

    def __init__(self, way):
        super().__init__()
        self.layer, self.way = nn.Linear(4, 4, bias=False), way

    def forward(self, x):
        return self.layer(self.way(x))


def only_with_values(x):
    if x.is_meta:
        raise RuntimeError("shape mismatch")
    return x


@pytest.mark.parametrize(
    "way",
    [
        only_with_values,
        lambda x: x[x.abs() >= 0].reshape(x.shape),
        lambda x: torch.from_numpy(x.numpy()),
        lambda x: x * x.sum().item(),
    ],
)
def test_what_fails_on_meta_alone_still_runs_on_the_cpu(way):
    report = archscope.analyze(Strange(way), torch.ones(1, 4))
    assert (report.totals.macs, report.model.device) == (16, "cpu")


def test_weights_that_cannot_be_copied_are_no_error_of_torch():
    code = """
        import resource, torch, archscope
        from torch import nn
        model, x = nn.Linear(16_384, 16_384), torch.zeros(1, 16_384)
        archscope.analyze(model, x)
        taken = int(open("/proc/self/statm").read().split()[5]) * 4096
        resource.setrlimit(resource.RLIMIT_DATA, (taken + 300 * 2**20,) * 2)
        try:
            archscope.trace(model, x, device="cpu")
        except archscope.ArchscopeError as error:
            print(error)
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)
    assert "the weights cannot be copied to cpu" in done.stdout, done.stderr


GROWING = """
    import gc, sys, archscope, torch
    from torch import nn
    from archscope.memory import resident_bytes

    class Net(nn.Module):
        '''16 MB of weights, known by its own child.'''
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2_000, 2_000)
            object.__setattr__(self.layer, "parent", self)
        def forward(self, x):
            return self.layer(x)
    class Refuses(Net):
        def forward(self, x):
            return self.layer(x).reshape(3, 7)
    class Reads(Net):
        def forward(self, x):
            return self.layer(x) * x.sum().item()
    class ReadsAndFails(Reads):
        def forward(self, x):
            raise ValueError(super().forward(x).sum().item())
    class NoMeta(Net):
        def __init__(self):
            self.rate = torch.ones(3).sum().item()
            super().__init__()

    def measure(kind):
        x = torch.zeros(1, 2_000)
        spec = archscope.ModelSpec(name="net", source="", build=kind, inputs=(archscope.InputSpec(shape=(1, 2_000)),))
        for what in (lambda: archscope.analyze(kind(), x), lambda: archscope.analyze(spec)):
            try:
                what()
            except archscope.ArchscopeError:
                pass

    kinds = [KINDS]
    for kind in kinds * 3:
        measure(kind)
    gc.collect()
    before = resident_bytes()
    for turn in range(100):
        measure(kinds[turn % len(kinds)])
    grown = resident_bytes() - before
    assert grown < 200_000_000, grown
"""


@pytest.mark.parametrize("kinds", ["Net, Reads, NoMeta", "Refuses, ReadsAndFails"])
def test_two_hundred_analyses_leave_the_process_at_its_size(tmp_path, kinds):
    code = textwrap.dedent(GROWING).replace("KINDS", kinds)
    done = subprocess.run(
        ["bash", "-c", f'ulimit -v 12000000; exec {sys.executable} -W ignore -c "$0"', code],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_nothing_of_a_model_outlives_its_analysis():
    gc.collect()
    gc.disable()
    try:
        for way in (lambda x: x, lambda x: x * x.sum().item(), lambda x: x.reshape(3, 9)):
            model = Strange(way)
            gone = weakref.ref(next(model.parameters()))
            with contextlib.suppress(ForwardError):
                archscope.analyze(model, torch.ones(1, 4))
            del model
        assert gone() is None
    finally:
        gc.enable()


def test_a_build_that_fails_is_told_by_its_own_error():
    def build():
        torch.ones(1).item()
        raise ValueError("mine")

    start = time.monotonic()
    with pytest.raises(BuildError, match="ValueError: mine"):
        archscope.analyze(ModelSpec(name="net", source="", build=build))
    assert time.monotonic() - start < 5
