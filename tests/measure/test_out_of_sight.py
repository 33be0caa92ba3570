"""Work that no operator call shows is noticed: other threads, arrays, processes, switched dispatch, late results."""

from __future__ import annotations

import _thread
import concurrent.futures
import ctypes
import functools
import multiprocessing
import multiprocessing.pool
import os
import queue
import threading
import types

import joblib
import numpy as np
import pytest
import torch
from told import render_markdown, render_text
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

import archscope
from archscope.measure.quick_totals import quick_totals


class Net(nn.Module):
    """A layer of 8 to 8 features (256 MACs for 4 rows), and ``work(model, x)`` as its forward."""

    def __init__(self, work):
        super().__init__()
        self.layer = nn.Linear(8, 8, bias=False)
        self.table = np.arange(8, dtype=np.float32)
        self.work = work

    def forward(self, x):
        return self.work(self, x)


def measured(work):
    return archscope.analyze(Net(work), torch.rand(4, 8))


def kinds(report):
    return {row.kind for row in report.unseen}


def of_thread(model, x):
    found = []
    worker = threading.Thread(target=lambda: found.append(model.layer(x)))
    worker.start()
    worker.join()
    return found[0]


def of_pool(model, x):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(pool.map(model.layer, x.split(2)))


def of_subclass(model, x):
    class Worker(threading.Thread):
        def run(self):
            self.found = torch.mm(x, model.layer.weight)

    worker = Worker()
    worker.start()
    worker.join()
    return worker.found


def of_timer(model, x):
    found = []
    timer = threading.Timer(0, lambda: found.append(model.layer(x)))
    timer.start()
    timer.join()
    return found[0]


def of_thread_pool(model, x):
    with multiprocessing.pool.ThreadPool(2) as pool:
        return sum(pool.map(model.layer, x.split(2)))


def of_bare_thread(model, x):
    found = queue.Queue()
    _thread.start_new_thread(lambda: found.put(model.layer(x)), ())
    return found.get(timeout=10)


def of_joblib(model, x):
    return sum(joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(model.layer)(part) for part in x.split(2)))


THREADS = [of_thread, of_pool, of_subclass, of_timer, of_thread_pool, of_bare_thread, of_joblib]


@pytest.mark.parametrize("work", THREADS)
def test_operators_of_another_thread_make_the_report_incomplete(work):
    report = measured(work)
    assert not report.totals.complete
    assert kinds(report) == {"thread"}
    assert all(
        row.where.startswith(("tests/measure/test_out_of_sight.py:", "joblib/")) for row in report.unseen if row.where
    )


@pytest.fixture
def worker():
    """A thread that stands ready before the model runs, and does what it is handed."""
    tasks, results = queue.Queue(), queue.Queue()

    def serve():
        for function in iter(tasks.get, None):
            results.put(function())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield lambda function: (tasks.put(function), results.get(timeout=10))[1]
    tasks.put(None)
    thread.join()


@pytest.mark.parametrize(
    "part", [lambda m, x: m.layer(x), lambda m, x: torch.mm(x, m.layer.weight), lambda m, x: m.layer(x).relu() + 1]
)
def test_a_worker_that_runs_already_is_noticed_by_what_comes_back(worker, part):
    assert not measured(lambda m, x: worker(lambda: part(m, x)) + 1).totals.complete
    assert not measured(lambda m, x: worker(lambda: part(m, x))).totals.complete


def test_an_executor_that_stands_ready_is_noticed():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        report = measured(lambda m, x: pool.submit(torch.mm, x, m.layer.weight).result())
    assert kinds(report) == {"thread"}


def test_a_thread_that_runs_no_operator_raises_no_alarm():
    def work(model, x):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            scale = pool.submit(lambda: 2.0).result()
        timer = threading.Thread(target=lambda: None)
        timer.start()
        timer.join()
        return model.layer(x) * scale

    report = measured(work)
    assert report.totals.complete
    assert report.totals.macs == 256


# What numpy, Python or the memory itself works out, and what it makes of that.
OUTSIDE = {
    "from_numpy": lambda m, x: torch.from_numpy(m.layer(x).detach().numpy() @ m.table.reshape(8, 1)),
    "as_tensor": lambda m, x: torch.as_tensor(m.layer(x).detach().numpy() @ m.table.reshape(8, 1)),
    "tensor of an array": lambda m, x: torch.tensor(np.asarray(m.layer(x).detach()) * 2),
    "__array__": lambda m, x: torch.from_numpy(np.exp(np.asarray(m.layer(x).detach()))),
    "lists": lambda m, x: torch.tensor([[2 * v for v in row] for row in m.layer(x).tolist()]),
    "lists, summed": lambda m, x: torch.tensor([sum(row) for row in m.layer(x).tolist()]),
    "new_tensor": lambda m, x: x.new_tensor([max(row) for row in m.layer(x).tolist()]),
    "numbers": lambda m, x: torch.tensor([v.item() * 3 for v in m.layer(x).flatten()]),
    "legacy": lambda m, x: torch.Tensor([2 * v for v in m.layer(x)[0].tolist()]),
    "dlpack": lambda m, x: torch.from_dlpack(np.from_dlpack(m.layer(x).detach()) * 2) + 1,
    "frombuffer": lambda m, x: torch.frombuffer(bytearray(m.layer(x).detach().numpy().tobytes()), dtype=x.dtype) + 1,
    "frombuffer, returned": lambda m, x: torch.frombuffer(bytearray(m.layer(x).detach().numpy()), dtype=x.dtype),
    "whole numbers": lambda m, x: torch.from_numpy(m.layer(x).int().numpy() @ np.ones((8, 8), dtype=np.int32)),
}


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # torch's own, which numpy would have otherwise
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_tensor_made_outside_of_values_that_were_read_makes_the_report_incomplete(name):
    report = measured(OUTSIDE[name])
    assert not report.totals.complete
    assert kinds(report) == {"outside"}
    assert report.totals.macs == 256


def written_by(change):
    def work(model, x):
        y = model.layer(x)
        change(y)
        return y + 1

    return work


def by_address(y):
    (ctypes.c_float * y.numel()).from_address(y.data_ptr())[0] = 7.0


def by_storage(y):
    (ctypes.c_float * y.numel()).from_address(y.untyped_storage().data_ptr())[3] = 7.0


WRITES = {
    "a numpy view": lambda y: np.multiply(y.numpy(), 2, out=y.numpy()),
    "one element of it": lambda y: y.numpy().__setitem__((1, 1), 7.0),
    "a view of a view": lambda y: y.view(-1).numpy()[4:].fill(7.0),
    "an address": by_address,
    "a storage's address": by_storage,
    "dlpack": lambda y: np.from_dlpack(y.clone()) if y is None else y.detach().numpy().sort(),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_through_memory_that_was_given_away_is_noticed(name):
    report = measured(written_by(WRITES[name]))
    assert not report.totals.complete
    assert kinds(report) == {"write"}


def test_a_write_to_the_result_itself_is_noticed():
    def work(model, x):
        y = model.layer(x)
        y.numpy()[:] = 3
        return y

    assert kinds(measured(work)) == {"write"}


def switched(model, x):
    guard = torch._C._DisableTorchDispatch()
    y = model.layer(x)
    del guard
    return y


def without_modes(model, x):
    with _disable_current_modes():
        return torch.mm(x, model.layer.weight)


def popped(model, x):
    mode = torch._C._pop_torch_dispatch_stack(None)
    y = model.layer(x)
    torch._C._push_on_torch_dispatch_stack(mode)
    return y


def excluded(model, x):
    with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(torch._C.DispatchKey.Python)):
        return model.layer(x) * 2


def in_place(model, x):
    y = torch.zeros(4, 8)
    with _disable_current_modes():
        y.addmm_(x.to("cpu") if not x.is_meta else torch.rand(4, 8), torch.rand(8, 8))
    return y + 1


@pytest.mark.parametrize("work", [switched, without_modes, popped, excluded, in_place])
def test_dispatch_that_the_model_switches_off_is_noticed(work):
    report = measured(work)
    assert not report.totals.complete
    assert kinds(report) & {"dispatch", "elsewhere"}


def test_printing_and_modes_of_the_model_s_own_raise_no_alarm():
    class Own(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    def work(model, x):
        with Own():
            y = model.layer(x)
        return y, repr(y), str(x)

    report = measured(work)
    assert report.totals.complete
    assert report.totals.macs == 256


def forked(model, x):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"done")
        os._exit(0)
    os.waitpid(child, 0)
    os.read(read, 4)
    return model.layer(x)


def of_process(model, x):
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    return model.layer(x)


def of_process_pool(model, x):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return model.layer(x) * pool.apply(float, ("2",))


@pytest.mark.parametrize("work", [forked, of_process, of_process_pool])
def test_work_for_another_process_is_noticed(work):
    assert kinds(measured(work)) == {"process"}


async def later(model, x):
    return model.layer(x)


async def waits(model, x):
    await asyncio_sleep()
    return model.layer(x)


@types.coroutine
def asyncio_sleep():
    yield


# Results that do their work when they are used: here it is done.
DONE = {
    "a map": lambda m, x: map(m.layer, x.split(2)),
    "a generator": lambda m, x: (m.layer(part) for part in x.split(2)),
    "a zip in a dict": lambda m, x: {"found": zip(map(m.layer, x.split(2)), range(2), strict=True)},
    "a coroutine": later,
    "a map of maps": lambda m, x: (map(m.layer, part.split(1)) for part in x.split(2)),
}
# And here nobody but its user can.
DEFERRED = {
    "a lambda": lambda m, x: lambda: m.layer(x),
    "a partial": lambda m, x: {"call": functools.partial(m.layer, x)},
    "an object that holds one": lambda m, x: types.SimpleNamespace(x=x, call=lambda: m.layer(x)),
    "a coroutine that waits": waits,
}


@pytest.mark.parametrize("name", DONE)
def test_what_a_result_does_later_is_done_and_counted(name):
    report = measured(DONE[name])
    assert report.totals.macs == 256
    assert report.totals.complete


@pytest.mark.parametrize("name", DEFERRED)
def test_a_result_that_only_its_user_can_finish_is_told(name):
    report = measured(DEFERRED[name])
    assert kinds(report) == {"later"}
    assert not report.totals.complete


def guarded(take):
    """A model that goes without values where it gets none."""

    def work(model, x):
        try:
            times = take(x)
        except (RuntimeError, TypeError, BufferError):
            times = 0
        for _ in range(times):
            x = model.layer(x)
        return x

    return work


GUARDED = {
    "a number": lambda x: int(x.max()) + 2,
    "a list": lambda x: 2 * len(x.tolist()) // 4,
    "an array": lambda x: 2 + int(x.numpy().max()),
    "a comparison": lambda x: 2 if (x < 9).all() else 0,
    "a copy": lambda x: 2 + int(x.cpu().min()),
    "a mask": lambda x: x[x < 9].numel() // 16,
    "dlpack": lambda x: 2 + int(np.from_dlpack(x).max()),
}


@pytest.mark.parametrize("name", GUARDED)
def test_a_model_that_swallows_the_want_of_values_runs_where_they_are(name):
    report = measured(guarded(GUARDED[name]))
    assert report.model.device == "cpu"
    assert "the model reads values, which meta tensors do not have" in report.model.fallback
    assert report.totals.macs == 2 * 256


def test_a_sweep_sees_as_much():
    spec = archscope.ModelSpec(
        name="n", source="", build=lambda: Net(of_subclass), inputs=(archscope.InputSpec(shape=(4, 8)),)
    )
    assert not quick_totals(spec).complete
    guard = archscope.ModelSpec(
        name="n",
        source="",
        build=lambda: Net(guarded(GUARDED["a number"])),
        inputs=(archscope.InputSpec(shape=(4, 8)),),
    )
    assert quick_totals(guard).macs == 2 * 256


# Constants, and values that never left: nothing of the run's own values is in what enters.
HARMLESS = {
    "numbers": lambda m, x: m.layer(x) * torch.tensor([1.0, 2.0] * 4),
    "a table of numpy's": lambda m, x: m.layer(x) + torch.from_numpy(np.sin(np.arange(8, dtype=np.float32))),
    "an array that the model keeps": lambda m, x: m.layer(x) + torch.as_tensor(m.table),
    "on the input's device": lambda m, x: m.layer(x) * torch.tensor([1.0, 2.0] * 4, device=x.device),
    "of its kind": lambda m, x: m.layer(x) * x.new_tensor([1.0, 2.0] * 4),
    "nothing": lambda m, x: torch.cat([torch.tensor([], device=x.device), m.layer(x).flatten()]),
    "sizes": lambda m, x: m.layer(x) + torch.tensor([*x.shape, *x.shape, 1, 2, 3, 4]),
    "constants read": lambda m, x: m.layer(x) * torch.tensor(torch.linspace(0, 1, 8).tolist()),
    "constants as an array": lambda m, x: m.layer(x) * torch.from_numpy(torch.arange(8.0).numpy() * 2),
    "a condition": lambda m, x: m.layer(x) * torch.tensor([1.0, 2.0] * 4) if x.sum() > -1 else x,
    "numbers after a read": lambda m, x: (m.layer(x).tolist(), m.layer(x) * torch.tensor([1.0, 2.0, 3.0, 4.0] * 2))[1],
    "a setting after a read": lambda m, x: (x.sum().item(), m.layer(x) * torch.tensor(1 / x.shape[0]))[1],
    "an item set": lambda m, x: (y := m.layer(x), y.max().item(), y.__setitem__(0, 1.0), y)[-1],
    "a read for its own sake": lambda m, x: (x.numpy().mean(), m.layer(x))[1],
    "an address compared": lambda m, x: m.layer(x) if x.data_ptr() == x.data_ptr() else x,
}


@pytest.mark.parametrize("name", HARMLESS)
def test_constants_raise_no_alarm(name):
    report = measured(HARMLESS[name])
    assert report.unseen == ()
    assert report.totals.complete


def test_indices_that_go_out_and_come_back_are_no_work():
    def work(model, x):
        y = model.layer(x)
        order = y.sum(1).argsort().tolist()
        return y[torch.tensor(order[:2])] + y[torch.tensor([order.index(i) for i in range(2)])]

    assert measured(work).totals.complete


def test_torch_and_python_come_back_as_they_were():
    def watched():
        owners = {
            torch.Tensor: ("numpy", "tolist", "data_ptr", "__dlpack__"),
            threading.Thread: ("start",),
            os: ("fork",),
            torch._C: ("_DisableTorchDispatch",),
            concurrent.futures.ThreadPoolExecutor: ("submit",),
        }
        return {(owner, name): vars(owner).get(name) for owner, names in owners.items() for name in names}

    before = watched()
    measured(of_thread)
    with pytest.raises(archscope.errors.ForwardError):
        measured(lambda m, x: m.layer(x[:, :3]))
    assert watched() == before


def test_a_report_says_what_was_out_of_sight_and_on_which_line():
    report = measured(OUTSIDE["lists"])
    said = "a tensor was made outside torch of values that the model had read, at tests/measure/test_out_of_sight.py:"
    assert f"[unseen]: {said}" in render_text(report)
    assert "a tensor was made outside torch" in render_markdown(report)
    assert "MACs and FLOPs are lower bounds" in render_text(report)
    assert archscope.from_json(archscope.to_json(report)) == report


@torch.library.custom_op("archscope_tests::by_numpy", mutates_args=())
def by_numpy(x: torch.Tensor) -> torch.Tensor:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: torch.from_numpy(x.numpy() * 2) + torch.tensor(x.tolist())).result()


by_numpy.register_fake(torch.empty_like)


def test_what_a_custom_operator_s_kernel_does_is_the_operator_s():
    net = Net(lambda m, x: by_numpy(m.layer(x)) + 1)
    for device in ("meta", "cpu"):
        report = archscope.analyze(archscope.trace(net, torch.rand(4, 8), device=device))
        assert report.unseen == ()
        assert [row.op for row in report.uncounted] == ["archscope_tests::by_numpy"]
