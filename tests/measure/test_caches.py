"""What a model's code caches outside of the model is as it was after a measurement."""

import collections
import contextvars
import functools
import threading
import types
import weakref
from typing import ClassVar

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import ForwardError

X = torch.ones(2, 4)
TABLE = {"old": torch.ones(1)}
NAMES = {}
CONTEXT = contextvars.ContextVar("CONTEXT")
LAST = None
RING = collections.deque([torch.ones(1)], maxlen=2)
SEEN = set()
HERE = threading.local()
BY_CLASS = weakref.WeakKeyDictionary()
STATS = types.SimpleNamespace(last=None, calls=0)


@functools.lru_cache
def angles(size, device):
    return torch.arange(size, device=device) / size


@functools.cache
def for_ever(size, device):
    return (torch.ones(size, device=device),)


@functools.lru_cache
def untouched(_x):
    return object()


def memoized(function):
    known = {}

    @functools.wraps(function)
    def remembered(size, device):
        if size not in known:
            known[size] = function(size, device)
        return known[size]

    return remembered


@memoized
def by_closure(size, device):
    return torch.ones(size, device=device)


def once():
    made = None

    def get(x):
        nonlocal made
        if made is None:
            made = torch.ones_like(x)
        return made

    return get


by_nonlocal = once()


class Rope:
    cache = None
    tables: ClassVar = {}

    @classmethod
    def table(cls, x):
        if cls.cache is None:
            cls.cache = torch.ones(4, device=x.device)
        return cls.cache

    @staticmethod
    def by_size(x):
        return Rope.tables.setdefault(x.shape, torch.ones_like(x))


def in_a_global_dictionary(x):
    return TABLE.setdefault(x.shape, torch.ones_like(x))


def in_a_global_variable(x):
    global LAST  # noqa: PLW0603 - models do
    if LAST is None:
        LAST = [torch.ones_like(x)]
    return LAST[0]


def in_a_deque(x):
    if len(RING) < 2:
        RING.append(torch.ones_like(x))
    return RING[-1]


def in_a_set(x):
    if not SEEN:
        SEEN.add(torch.ones_like(x))
    return next(iter(SEEN))


def in_a_thread(x):
    if not hasattr(HERE, "table"):
        HERE.table = torch.ones_like(x)
    return HERE.table


def in_an_object(x):
    if STATS.last is None:
        STATS.last = {"x": torch.ones_like(x)}
    return STATS.last["x"]


def by_a_weak_key(x):
    return BY_CLASS.setdefault(Rope, torch.ones_like(x))


def in_a_new_global(x):
    if "fresh" not in globals():
        globals()["fresh"] = torch.ones_like(x)
    return globals()["fresh"]


def in_an_attribute_of_a_function(x):
    if not hasattr(in_an_attribute_of_a_function, "table"):
        in_an_attribute_of_a_function.table = torch.ones_like(x)
    return in_an_attribute_of_a_function.table


def in_a_default(x, known={}):  # noqa: B006 - models do
    return known.setdefault("x", torch.ones_like(x))


def as_a_module(x):
    if "layer" not in NAMES:
        NAMES["layer"] = nn.Linear(4, 4, bias=False, device=x.device)
    return NAMES["layer"](x)


def in_a_function_made_there(x):
    if "made" not in NAMES:
        NAMES["made"] = [lambda: x, functools.partial(torch.add, x), ValueError(x)]
    return NAMES["made"][0]() * 0 + 1


WAYS = [
    in_a_function_made_there,
    in_a_global_dictionary,
    in_a_global_variable,
    in_a_new_global,
    in_a_deque,
    in_a_set,
    in_a_thread,
    in_an_object,
    in_an_attribute_of_a_function,
    in_a_default,
    by_a_weak_key,
    as_a_module,
    Rope.table,
    Rope.by_size,
    lambda x: angles(4, x.device) + for_ever(4, x.device)[0],
    lambda x: by_closure(4, x.device),
    by_nonlocal,
]


def fallback(x):
    return x * x.sum().item()


def failing(_x):
    raise ValueError("mine")


class Net(nn.Module):
    own = None

    def __init__(self, way, then):
        super().__init__()
        self.layer, self.then = nn.Linear(4, 4, bias=False), then
        Net.way = staticmethod(way)

    def forward(self, x):
        x = self.layer(x + type(self).way(x))
        if Net.own is None:
            Net.own = x.detach()
        return self.then(x)


def forget():
    global LAST  # noqa: PLW0603 - see above
    for name in {*TABLE} - {"old"}:
        del TABLE[name]
    for kept in (NAMES, SEEN, BY_CLASS, Rope.tables, vars(HERE), vars(in_an_attribute_of_a_function)):
        kept.clear()
    while len(RING) > 1:
        RING.pop()
    in_a_default.__defaults__[0].clear()
    globals().pop("fresh", None)
    by_closure.__closure__[1].cell_contents.clear()
    by_nonlocal.__closure__[0].cell_contents = STATS.last = LAST = Net.own = Rope.cache = None
    for cache in (angles, for_ever, untouched):
        cache.cache_clear()


@pytest.fixture(autouse=True)
def nothing_cached():
    forget()
    yield
    forget()


@pytest.mark.parametrize("then", [nn.Identity(), fallback, failing], ids=["meta", "cpu", "raising"])
@pytest.mark.parametrize("way", WAYS)
def test_a_cache_outside_of_the_model_holds_nothing_of_a_run(way, then):
    model = Net(way, then)
    if then is failing:
        with pytest.raises(ForwardError, match="mine"):
            archscope.analyze(model, X)
        model.then = nn.Identity()
    else:
        assert archscope.analyze(model, X).totals.macs >= 32
    assert Net.own is None
    assert {"old": TABLE["old"]} == TABLE
    assert (LAST, len(RING), len(SEEN), vars(HERE), STATS.last, len(BY_CLASS)) == (None, 1, 0, {}, None, 0)
    assert (NAMES, Rope.cache, Rope.tables, "fresh" in globals()) == ({}, None, {}, False)
    assert (angles.cache_info().currsize, for_ever.cache_info().currsize) == (0, 0)
    if way is not as_a_module:
        assert torch.equal(model.eval()(X), model.then(model.layer(X + 1))) or way.__name__ == "<lambda>"
    assert model(X).device.type == "cpu"


def test_what_was_cached_before_is_there_again():
    class Keeps(nn.Linear):
        last = torch.ones(1)

        def forward(self, x):
            Keeps.last, TABLE["old"] = x, x
            RING[0] = x
            return super().forward(x)

    before = (Keeps.last, TABLE["old"], RING[0])
    archscope.analyze(Keeps(4, 4), X)
    assert all(now is was for now, was in zip((Keeps.last, TABLE["old"], RING[0]), before, strict=True))


def test_what_holds_no_tensor_of_the_run_stays():
    class Counts(nn.Linear):
        calls = 0

        def forward(self, x):
            Counts.calls += 1
            NAMES["calls"] = Counts.calls
            untouched(3)
            return super().forward(x)

    archscope.analyze(Counts(4, 4), X)
    assert Counts.calls == NAMES["calls"] == 1
    assert untouched.cache_info().currsize == 1


def test_a_cache_that_another_thread_fills_meanwhile_keeps_that():
    theirs = []
    other = threading.Thread(target=lambda: theirs.append(torch.full((1,), 7.0)))
    other.start()
    other.join()

    class Takes(nn.Linear):
        def forward(self, x):
            NAMES["theirs"] = theirs[0]
            NAMES["mine"] = x
            return super().forward(x)

    archscope.analyze(Takes(4, 4), X)
    assert [*NAMES] == ["theirs"]


@pytest.mark.parametrize("hooked", [False, True])
def test_counters_of_closures_come_back(hooked):
    calls = 0

    def count(*args):
        nonlocal calls
        calls += 1
        return args[-1]

    model = nn.Linear(4, 4)
    if hooked:
        model.register_forward_pre_hook(count)
    else:
        model.forward = count
    archscope.analyze(model, X)
    assert calls == 0
    model(X)
    assert calls == 1


def test_context_variables_are_as_they_were():
    class Sets(nn.Linear):
        def forward(self, x):
            CONTEXT.set(x)
            return super().forward(x)

    archscope.analyze(Sets(4, 4), X)
    assert CONTEXT.get(None) is None


def test_lazy_modules_leave_no_meta_tensors_in_a_cache():
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LazyLinear(4)

        def forward(self, x):
            return self.layer(x) + TABLE.setdefault("lazy", torch.ones_like(x))

    archscope.analyze(Lazy(), X)
    assert "lazy" not in TABLE


def test_a_build_on_meta_leaves_no_meta_tensors_in_a_cache():
    class Builds(nn.Linear):
        def __init__(self):
            super().__init__(4, 4)
            self.register_buffer("table", angles(4, None) + 0)

        def forward(self, x):
            return super().forward(x) * self.table.sum().item()

    report = archscope.analyze(archscope.ModelSpec(name="net", source="", build=Builds), X)
    assert report.totals.macs == 32
    assert angles(4, None).device.type == "cpu"
