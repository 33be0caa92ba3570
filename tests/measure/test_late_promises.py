"""What a result only promises is told, nothing is waited for in vain, and what promises nothing raises no alarm."""

from __future__ import annotations

import concurrent.futures
import itertools
import weakref
from collections import defaultdict

import pytest
import torch
from test_out_of_sight import kinds, measured


def promised(m, x):
    future = torch.futures.Future()
    return future.then(lambda _: m.layer(x))


def kept(m, x):
    future = torch.futures.Future()
    future.set_result(m.layer(x))
    return {"found": future.then(lambda done: done.value() + 1)}


def worked_out_elsewhere(m, x):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return m.layer(x), pool.submit(int, "3")


class Lazy:
    """Works out each part when it is asked for."""

    def __init__(self, make):
        self.make = make

    def __getitem__(self, place):
        return self.make(place)

    def __len__(self):
        return 2


PROMISES = {
    "a future of torch's": promised,
    "a dictionary that makes its values": lambda m, x: defaultdict(lambda: m.layer(x)),
    "a dictionary that has a layer make them": lambda m, _x: defaultdict(m.layer.forward),
    "a sequence that does": lambda m, x: Lazy(lambda place: m.layer(x.split(2)[place])),
}


@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_makes_the_report_incomplete(name):
    report = measured(PROMISES[name])
    assert kinds(report) == {"later"}
    assert not report.totals.complete


def test_a_future_that_nobody_fulfils_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr("archscope.measure.running.late_results._PATIENCE", 0.01)
    assert kinds(measured(lambda _m, _x: concurrent.futures.Future())) == {"later"}


FULFILLED = {
    "a future of torch's": kept,
    "a thread's number": worked_out_elsewhere,
    "a starmap": lambda m, x: itertools.starmap(m.layer, [(part,) for part in x.split(2)]),
    "a dictionary of zeros": lambda m, x: (losses := defaultdict(lambda: 0.0), losses.update(y=m.layer(x)), losses)[-1],
    "a dictionary of lists": lambda m, x: (found := defaultdict(list), found["y"].append(m.layer(x)), found)[-1],
    "a weak reference": lambda m, x: (y := m.layer(x), weakref.ref(y)),
}


@pytest.mark.parametrize("name", FULFILLED)
def test_what_is_there_raises_no_alarm(name):
    report = measured(FULFILLED[name])
    assert report.totals.complete
    assert report.totals.macs == 256


def times(model, x, count):
    for _ in range(count):
        x = model.layer(x)
    return x


# Ways to do less on meta than a device does; on the CPU, and on a GPU, the layer runs twice.
ELSEWHERE = {
    "a storage's device": lambda m, x: times(m, x, 1 if x.untyped_storage().device.type == "meta" else 2),
    "the name of a type": lambda m, x: times(
        m, x, 2 if x.type() in {"torch.FloatTensor", "torch.cuda.FloatTensor"} else 1
    ),
    "the devices that are known": lambda m, x: times(m, x, 2 if str(x.device) in {"cpu", "cuda:0"} else 1),
    "another device": lambda m, x: times(m, x, 2 if x.device != torch.device("meta") else 1),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_model_that_does_less_on_meta_is_run_where_it_does_not(name):
    report = measured(ELSEWHERE[name])
    assert (report.model.device, report.totals.macs) == ("cpu", 512)


ANYWHERE = {
    "an epsilon": lambda m, x: m.layer(x) + (1e-5 if x.device.type in {"cpu", "cuda"} else 1e-6),
    "a storage's device": lambda m, x: m.layer(x).to(x.untyped_storage().device),
    "a cast": lambda m, x: m.layer(x.type(torch.float32)),
}


@pytest.mark.parametrize("name", ANYWHERE)
def test_a_question_that_changes_nothing_is_none(name):
    report = measured(ANYWHERE[name])
    assert (report.model.device, report.totals.macs) == ("meta", 256)
