"""What is remembered of a run changes nothing of what is seen."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings

import pytest
import torch
from architectures import ARCHITECTURES, build, config_of, inputs_of
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from toys import ReadsValues, Refuses

import archscope
from archscope.errors import ForwardError
from archscope.measure.running import signatures
from archscope.measure.running.meta_cache import MetaCache, repeatable
from archscope.measure.running.tracing import trace

aten = torch.ops.aten
SIZES = st.integers(1, 4)
DTYPES = st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.bool])
SCALARS = st.sampled_from([1, 1.0, True, 2, 0.5])


class Counted:
    """Runs an operator and counts how often."""

    def __init__(self):
        self.times = 0

    def __call__(self, func, args, kwargs):
        self.times += 1
        return func(*args, **kwargs)


def facts(output):
    """What a tensor on meta is."""
    if isinstance(output, (tuple, list)):
        return tuple(map(facts, output))
    storage = output.untyped_storage().nbytes()
    return output.shape, output.stride(), output.dtype, output.device, storage, output.storage_offset(), type(output)


def asked_twice(memo, func, *args, **kwargs):
    """The first and the second answer, what torch says, and how often the operator ran."""
    run = Counted()
    first = memo.run(run, func, args, kwargs)
    second = memo.run(run, func, args, kwargs)
    truth = func(*args, **kwargs)
    assert facts(first) == facts(second) == facts(truth)
    return run.times


@st.composite
def tensors(draw, rank=3, dtypes=DTYPES):
    """A tensor on meta of any layout: permuted, sliced, expanded."""
    shape = tuple(draw(SIZES) for _ in range(rank))
    tensor = torch.empty(shape, dtype=draw(dtypes), device="meta").permute(draw(st.permutations(range(rank))))
    if draw(st.booleans()):
        tensor = tensor[..., ::2]
    return tensor.unsqueeze(-1).expand(*tensor.shape, draw(SIZES)) if draw(st.booleans()) else tensor


@given(x=tensors(), scalar=SCALARS)
def test_an_elementwise_answer_is_remembered_whatever_layout_dtype_and_scalar(x, scalar):
    memo = MetaCache()
    for func in (aten.mul.Tensor, aten.add.Tensor, aten.div.Tensor, aten.eq.Scalar):
        assert asked_twice(memo, func, x, scalar) == 1
    for func in (aten.clone.default, aten.neg.default, aten.exp.default):
        if func is not aten.neg.default or x.dtype != torch.bool:
            assert asked_twice(memo, func, x) == 1
    assert asked_twice(memo, aten.sum.dim_IntList, x, [0], True) == 1
    assert asked_twice(memo, aten.cat.default, [x, x], 1) == 1


@given(x=tensors(rank=4, dtypes=st.just(torch.float32)), outputs=SIZES, last=st.booleans())
def test_a_layer_s_answer_is_remembered_in_its_layout(x, outputs, last):
    x = x if x.dim() == 4 else x[..., 0]
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    channels = x.shape[1]
    weight, line = torch.empty(outputs, channels, 1, 1, device="meta"), torch.empty(channels, device="meta")
    memo = MetaCache()
    assert asked_twice(memo, aten.convolution.default, x, weight, None, [1, 1], [1, 0], [1, 1], False, [0, 0], 1) == 1
    assert asked_twice(memo, aten.native_batch_norm.default, x, line, line, line, line, False, 0.1, 1e-5) == 1
    assert asked_twice(memo, aten.max_pool2d_with_indices.default, x, [1, 1]) == 1


@given(x=tensors(), y=tensors(), scalars=st.lists(SCALARS, min_size=2, max_size=4))
def test_answers_to_different_questions_are_kept_apart(x, y, scalars):
    memo = MetaCache()
    for tensor in (x, y):
        for scalar in scalars:
            for dtype in (torch.float32, torch.float64):
                torch.set_default_dtype(dtype)
                try:
                    asked_twice(memo, aten.mul.Tensor, tensor, scalar)
                    asked_twice(memo, aten.div.Tensor, tensor, scalar)
                    asked_twice(memo, aten.sum.dim_IntList, tensor, [0], dtype=torch.float64)
                    asked_twice(memo, aten.sum.dim_IntList, tensor, [0])
                finally:
                    torch.set_default_dtype(torch.float32)


def test_what_writes_views_draws_on_values_or_is_not_torch_s_own_is_never_remembered():
    for func in (aten.relu_.default, aten.view.default, aten.add.out, aten.nonzero.default, aten.t_.default):
        assert not repeatable(func)
    assert not repeatable(torch.ops.prims.convert_element_type.default)
    assert not repeatable(torch.ops.higher_order.cond)
    assert repeatable(aten.relu.default)


@pytest.mark.parametrize(
    ("func", "arguments"),
    [
        (aten._unsafe_view.default, (torch.empty(2, 3, device="meta"), [6])),
        (aten.lift.default, (torch.empty(2, 3, device="meta"),)),
        (aten.relu.default, (torch.ones(2, 3),)),
        (aten.mul.Tensor, (torch.empty(2, 3, device="meta"), torch.tensor(2.0))),
        (aten.mul.Scalar, (torch.empty(2, device="meta"), 1j)),
    ],
)
def test_what_shares_storage_or_is_more_than_its_sizes_runs_every_time(func, arguments):
    memo, run = MetaCache(), Counted()
    for _ in range(3):
        output = memo.run(run, func, arguments, {})
    assert run.times == 3
    assert type(output) is torch.Tensor


def everything_runs(monkeypatch):
    monkeypatch.setattr(signatures, "repeatable", lambda _func: False)
    monkeypatch.setattr(signatures, "_OF_TORCH", {})


def same_with_and_without(monkeypatch, model, inputs, *, training=False):
    seen = trace(model, inputs, device="meta", training=training)
    with monkeypatch.context() as patch:
        everything_runs(patch)
        plain = trace(model, inputs, device="meta", training=training)
    assert seen == plain
    assert len(seen.calls) > 10


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["featherface-baseline", "featherface-v2"])
def test_a_run_of_the_zoo_is_seen_the_same_without_memory(monkeypatch, name, training):
    spec = archscope.load(name)
    with torch.device("meta"):
        model = spec.build()
    same_with_and_without(monkeypatch, model, spec.inputs, training=training)


@pytest.mark.parametrize("name", ["bert", "llama", "mamba", "mixtral", "regnet", "swin", "t5", "wav2vec2", "yolos"])
def test_a_run_of_an_architecture_is_seen_the_same_without_memory(monkeypatch, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what transformers warns of is not ours
        model = build(config_of(name, depth=2))
        same_with_and_without(monkeypatch, model, archscope.Inputs(kwargs=inputs_of(ARCHITECTURES[name])))


@pytest.mark.parametrize("layer", [nn.LSTM(4, 4), nn.TransformerEncoderLayer(4, 2), nn.MultiheadAttention(4, 2)])
def test_a_recurrent_or_attending_layer_s_step_is_seen_the_same_without_memory(monkeypatch, layer):
    x = torch.empty(3, 2, 4)
    arguments = (x, x, x) if isinstance(layer, nn.MultiheadAttention) else (x,)
    same_with_and_without(monkeypatch, layer, archscope.Inputs(args=arguments), training=True)


def test_tangents_of_forward_mode_are_counted_the_same_without_memory(monkeypatch):
    layer = nn.Linear(4, 4)

    class Tangent(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            y = x
            for _ in range(6):
                y = torch.func.jvp(lambda z: self.layer(self.layer(z)).tanh(), (y,), (torch.ones_like(y),))[1]
            return y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own decompositions are scripted
        same_with_and_without(monkeypatch, Tangent(), torch.ones(2, 4))


def test_a_model_that_measures_a_part_of_itself_while_it_runs_is_counted_whole():
    class Measures(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))

        def forward(self, x):
            self.inside = archscope.analyze(self.inner, x).totals.macs
            return self.inner(x)

    inner = 2 * 3 * 4 * 4
    report = archscope.analyze(Measures(), torch.ones(3, 4))
    assert report.totals.macs == 2 * inner  # once measured, once run
    with FlopCounterMode(display=False) as around:
        archscope.analyze(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), torch.ones(3, 4))
    assert around.get_total_flops() == 2 * inner


class Watching(nn.Module):
    """Notes what the garbage collector leaves alone while its inner model runs."""

    def __init__(self, inner, noted):
        super().__init__()
        self.inner = inner
        self.note = noted.append

    def forward(self, x):
        self.note((x.device.type, gc.isenabled(), gc.get_freeze_count() > 1000))
        return self.inner(x)


def test_the_garbage_collector_spares_what_was_there_and_is_as_it_was_afterwards():
    noted = []
    trace(Watching(ReadsValues(), noted), torch.empty(1, 4))
    with pytest.raises(ForwardError):
        trace(Watching(Refuses(), noted), torch.empty(1, 7), device="meta")
    assert noted == [("meta", True, True), ("cpu", True, True), ("meta", True, True)]
    assert gc.get_freeze_count() == 0


def test_what_the_caller_froze_stays_frozen():
    gc.freeze()
    before = gc.get_freeze_count()
    try:
        trace(Watching(ReadsValues(), []), torch.empty(1, 4))
        # a run replaces a few dozen objects of torch's own; unfrozen, none would be left
        assert gc.get_freeze_count() > before - 1000 > 1000
    finally:
        gc.unfreeze()


FRESH = """
import gc, torch
gc.disable()
import archscope
with torch.device("meta"):
    model = archscope.load("featherface-v2").build()
image = archscope.load("featherface-v2").inputs
print(*(archscope.analyze(model, image).totals.peak_activation_bytes for _ in range(2)))
"""


def test_the_first_run_of_a_process_holds_no_more_than_the_next():
    found = subprocess.run([sys.executable, "-c", FRESH], check=True, capture_output=True, text=True)
    first, second = found.stdout.split()
    assert first == second
