"""A measured model comes back as it was, and models of every make are measured."""

from __future__ import annotations

import copy
import dataclasses
import gc
import warnings
import weakref
from collections import OrderedDict, deque, namedtuple
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import archscope
from archscope.errors import ForwardError
from archscope.measure.running.tracing import trace

with warnings.catch_warnings(action="ignore"):  # what torch.compile imports uses what torch deprecates
    import torch._dynamo

ROWS = (archscope.InputSpec(shape=(2, 4)),)


# --- what a model is, down to the last attribute ---------------------------------------------------------------------


def photograph(value, seen=None):  # noqa: PLR0911 - one for each kind
    """``value`` as nested tuples: identities, and for tensors version, flags, gradient and every number."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return ("again", seen[id(value)])
    if isinstance(value, torch.Tensor):
        seen[id(value)] = len(seen)
        numbers = None if value.is_meta else tuple(value.detach().flatten().tolist())
        flags = (type(value), value.dtype, str(value.device), tuple(value.shape), value.requires_grad, value._version)
        grad = value.grad if value.is_leaf else None
        return ("tensor", id(value), flags, numbers, id(grad), photograph(grad, seen))
    if isinstance(value, (str, int, float, bool, type(None), type, torch.dtype, torch.device)):
        return value
    seen[id(value)] = len(seen)
    if isinstance(value, nn.Module):
        return ("module", id(value), type(value), photograph(value.__dict__, seen))
    if isinstance(value, dict):
        items = tuple((photograph(key, seen), photograph(item, seen)) for key, item in value.items())
        return ("dict", id(value), type(value), items)
    if isinstance(value, (list, tuple, deque)):
        return (type(value), id(value), tuple(photograph(item, seen) for item in value))
    if isinstance(value, set):
        return ("set", id(value), frozenset(map(id, value)))
    if hasattr(value, "__dict__") and not callable(value):
        return ("object", id(value), photograph(value.__dict__, seen))
    return ("opaque", id(value))


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


class Cache:
    """A plain object that forward writes to."""

    def __init__(self):
        self.steps = 0
        self.values = torch.ones(4)
        self.nested = {"keys": [torch.ones(4)]}


class Greedy(nn.Module):
    """Its forward changes everything that it can reach; its parameters have gradients, hooks and mixed flags."""

    def __init__(self, fail=None):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.drop.eval()
        self.linear.bias.requires_grad_(requires_grad=False)
        self.linear.weight.grad = torch.ones(4, 4)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.plain = torch.ones(4)
        self.listed = [torch.ones(4), "text"]
        self.deep = {"a": [[torch.ones(4)]], "b": OrderedDict(x=torch.ones(4))}
        self.pair = Pair(torch.ones(4), torch.ones(4))
        self.queue = deque([torch.ones(4)], maxlen=2)
        self.names = {"seen"}
        self.cache = Cache()
        self.hidden = [nn.BatchNorm1d(4)]  # a module that torch does not know of
        self.fail = fail
        self.linear.register_forward_hook(lambda module, args, output: output + 1)
        self.linear.register_forward_pre_hook(lambda module, args: None)
        self.norm.register_full_backward_hook(lambda module, grad_in, grad_out: None)

    def forward(self, x):
        self.steps = getattr(self, "steps", 0) + 1
        self.count += 1
        self.plain.mul_(2)
        self.listed[0].add_(1)
        self.listed.append(x)
        self.deep["a"][0][0].mul_(3)
        self.deep["a"][0].append(x)
        self.deep["b"]["x"].mul_(2)
        self.deep["b"]["y"] = x
        self.pair.first.add_(1)
        self.queue[0].add_(1)
        self.queue.append(x)
        self.names.add("more")
        self.cache.steps += 1
        self.cache.values = self.cache.values * 2
        self.cache.nested["keys"][0].zero_()
        self.cache.nested["keys"].append(x)
        self.linear.weight.data.mul_(2)
        self.linear.bias.requires_grad_(requires_grad=True)
        self.linear.register_forward_hook(lambda module, args, output: None)
        self.train()
        self.double()
        self.added = nn.Linear(2, 2)
        x = self.hidden[0](self.norm(self.linear(x.double()).float().double()).float())
        if self.fail:
            raise self.fail
        return self.drop(x)


FAILURES = {
    "runs": None,
    "raises": ValueError("told to"),
    "is interrupted": KeyboardInterrupt(),
    "exits": SystemExit(3),
}


@pytest.mark.parametrize("device", ["meta", "cpu", ""])
@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("training", [False, True])
def test_a_measured_model_is_what_it_was_down_to_the_last_attribute(device, how, training):
    model = Greedy(FAILURES[how])
    before = photograph(model)
    try:
        trace(model, ROWS, device=device, training=training)
    except (archscope.ArchscopeError, KeyboardInterrupt) as error:
        assert isinstance(error, (KeyboardInterrupt, ForwardError))  # noqa: PT017 - both are expected, one is not ours
        assert how != "runs" or device == "cpu"
    assert photograph(model) == before


def test_a_model_trains_on_after_it_was_measured():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    twin = copy.deepcopy(model)
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9) for net in (model, twin)]
    for step in range(3):
        batch = torch.arange(8.0).reshape(2, 4) + step
        archscope.analyze(model, archscope.Inputs(args=(batch,)))
        for net, optimizer in zip((model, twin), optimizers, strict=True):
            optimizer.zero_grad()
            net(batch).sum().backward()
            optimizer.step()
    for measured, untouched in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
        assert torch.equal(measured, untouched)


def test_inputs_come_back_as_they_were():
    class Writes(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    for device in ("meta", "cpu"):
        x = torch.ones(2, requires_grad=True) if device == "meta" else torch.ones(2)
        before = photograph(x)
        trace(Writes(), archscope.Inputs(args=(x,)), device=device)
        assert photograph(x) == before


def test_hooks_of_the_users_own_run_in_their_order_and_stay():
    order = []
    model = nn.Linear(4, 4)
    model.register_forward_pre_hook(lambda module, args: order.append("first"))
    model.register_forward_pre_hook(lambda module, args: order.append("second"))
    model.register_forward_hook(lambda module, args, output: output.exp())
    seen = trace(model, ROWS)
    assert order == ["first", "second"]
    assert "aten::exp" in [call.op for call in seen.calls]
    assert [call.path for call in seen.calls if call.op == "aten::exp"] == [""]
    assert (len(model._forward_pre_hooks), len(model._forward_hooks)) == (2, 1)


# --- the same figures wherever they are asked for --------------------------------------------------------------------


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 4)

    def forward(self, x):
        x = self.project(x).reshape(1, 1, 2, 4)
        return nn.functional.scaled_dot_product_attention(x, x, x) + torch.ones(4)


def inference():
    return torch.inference_mode()


def autocast():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def on_meta():
    return torch.device("meta")


@pytest.mark.parametrize("around", [inference, autocast, on_meta, torch.enable_grad, torch.no_grad])
@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_what_the_caller_has_switched_on_changes_no_figure(around, device):
    model = Attends()
    plain = trace(model, ROWS, device=device)
    with around():
        other = trace(model, ROWS, device=device)
    assert [(call.op, call.path, call.outputs) for call in other.calls] == [
        (call.op, call.path, call.outputs) for call in plain.calls
    ]


def test_a_transformer_costs_the_same_on_the_cpu_where_a_fast_path_would_hide_it():
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
    )
    inputs = archscope.Inputs(args=(torch.rand(2, 5, 8),))
    before = torch.backends.mha.get_fastpath_enabled()
    meta, cpu = (archscope.analyze(trace(encoder, inputs, device=device)) for device in ("meta", "cpu"))
    assert {row.path: row.macs for row in cpu.modules} == {row.path: row.macs for row in meta.modules}
    assert torch.backends.mha.get_fastpath_enabled() is before


def test_a_module_that_hides_in_a_list_is_measured_in_eval_mode_too():
    class Hides(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = [nn.Dropout(0.5)]

        def forward(self, x):
            return self.hidden[0](x)

    assert trace(Hides(), ROWS).calls == ()


def test_a_default_device_of_the_callers_own_changes_no_figure():
    plain = archscope.analyze(Attends(), ROWS)
    torch.set_default_device("meta")
    try:
        assert archscope.analyze(Attends(), ROWS).totals == plain.totals
    finally:
        torch.set_default_device(None)


# --- models of every make --------------------------------------------------------------------------------------------


def macs(model, inputs=ROWS):
    return archscope.analyze(model, inputs).totals.macs


def block():
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU())


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, when it first compiles
@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda net: nn.DataParallel(torch.compile(net))])
def test_wrappers_are_taken_off(wrap):
    report = archscope.analyze(wrap(block()), ROWS)
    assert [row.path for row in report.modules] == ["", "0", "1"]
    assert (report.totals.macs, report.model.name) == (24, "Sequential")


def test_compiled_parts_of_a_model_run_as_they_were_written():
    class Parts(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.compile(block(), backend=lambda graph, inputs: pytest.fail("was compiled"))
            self.inplace = nn.Linear(3, 3)
            self.inplace.compile(backend=lambda graph, inputs: pytest.fail("was compiled"))

        def forward(self, x):
            return self.inplace(self.body(x))

    report = archscope.analyze(Parts(), ROWS)
    assert (report.totals.macs, report.model.fallback) == (24 + 18, "")
    assert {row.path: row.macs for row in report.modules}["inplace"] == 18


def normed(new):
    layer = nn.Linear(4, 3)
    if new:
        return parametrizations.weight_norm(layer)
    with pytest.warns(FutureWarning, match="weight_norm"):
        return nn.utils.weight_norm(layer)


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_weight_norm_old_and_new_is_measured_and_left_alone(new, device):
    model = nn.Sequential(normed(new))
    before = photograph(model)
    seen = trace(model, ROWS, device=device)
    assert archscope.analyze(seen).totals.macs == 24
    assert archscope.analyze(seen).totals.parameters == 12 + 3 + 3  # direction, bias, one length per output
    assert photograph(model) == before


def test_parametrizations_are_modules_and_work_inside_them_is_theirs():
    class Doubled(nn.Module):
        def forward(self, weight):
            return weight * 2

    model = nn.Sequential(nn.Linear(4, 3), parametrizations.spectral_norm(nn.Linear(3, 3)))
    parametrize.register_parametrization(model[0], "weight", Doubled())
    before = photograph(model)
    report = archscope.analyze(model, ROWS)
    row = next(row for row in report.modules if row.path == "0.parametrizations.weight.0")
    assert (row.type, row.own_flops) == ("Doubled", 12)
    assert report.totals.macs >= 24 + 18
    assert photograph(model) == before


def test_a_module_inside_itself_and_a_child_that_knows_its_parent_are_walked_once():
    model = block()
    model[0].parent = model
    model[1].myself = model[1]
    report = archscope.analyze(model, ROWS)
    assert (report.totals.parameters, report.totals.macs) == (15, 24)
    assert {row.path: row.aliases for row in report.modules}["1"] == ("1.myself",)
    assert report.modules[0].aliases == ("0.parent",)


def test_a_module_that_calls_itself_again_counts_every_call():
    class Deeper(nn.Linear):
        def forward(self, x, depth=3):
            x = super().forward(x)
            return self(x, depth - 1) if depth > 1 else x

    seen = trace(nn.Sequential(Deeper(4, 4)), ROWS)
    assert [module.calls for module in seen.modules] == [1, 3]
    assert archscope.analyze(seen).totals.macs == 3 * 32


def test_a_copy_that_forward_makes_of_a_module_runs_as_a_part_of_the_caller():
    class Copies(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return copy.deepcopy(self.inner)(x)

    report = archscope.analyze(Copies(), ROWS)
    assert {row.path: row.own_macs for row in report.modules} == {"": 32, "inner": 0}


@dataclasses.dataclass
class Found:
    boxes: torch.Tensor
    extra: list


Named = namedtuple("Named", "a b")  # noqa: PYI024 - the untyped kind is in use too


class Structured(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.linear, self.kind = nn.Linear(4, 3), kind

    def forward(self, x):  # noqa: PLR0911 - one for each kind
        y = self.linear(x)
        match self.kind:
            case "nothing":
                return None
            case "dict":
                return {"out": y, "aux": [y, (y,)], "text": "done"}
            case "namedtuple":
                return Named(y, None)
            case "dataclass":
                return Found(y, [y])
            case "object":
                cache = Cache()
                cache.values = y
                return cache
            case "generator":
                return (self.linear(row) for row in x)
            case "number":
                return 3
        return OrderedDict(out=y)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, 24) for kind in ("nothing", "dict", "namedtuple", "dataclass", "object", "number", "ordered")),
        ("generator", 24 + 2 * 12),  # the call above, and one for each row: work that is done only when it is asked for
    ],
)
def test_outputs_of_any_structure_are_taken(kind, expected):
    assert macs(Structured(kind)) == expected


def test_arguments_of_any_structure_are_taken():
    class Takes(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, batch, flag, *, mask=None):
            return self.linear(batch["rows"][0]) if flag and mask is not None else None

    x = torch.rand(2, 4)
    report = archscope.analyze(
        Takes(), archscope.Inputs(args=({"rows": [x]}, True), kwargs={"mask": torch.ones(2, dtype=torch.bool)})
    )
    assert report.totals.macs == 24
    assert [(record.name, record.shape) for record in report.inputs] == [("batch['rows'][0]", (2, 4)), ("mask", (2,))]


def test_a_replaced_forward_and_a_lambda_in_a_module_are_run():
    model = block()
    model.activate = lambda x: x.sigmoid()
    model.forward = lambda x: model.activate(model[0](x))
    seen = trace(model, ROWS)
    assert [call.op for call in seen.calls if call.path == ""] == ["aten::sigmoid"]


def test_a_traced_graph_is_a_model_like_any_other():
    assert macs(torch.fx.symbolic_trace(block())) == 24


class ReadsValues(nn.Module):
    """A gate that depends on values, on tables made in the constructor, and on a mask."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.register_buffer("table", torch.tensor([2, 1]))

    def forward(self, x):
        for _ in range(int(self.table[0])):
            y = self.linear(x)
        return y[x.sum(1) > -1e9]


@pytest.mark.parametrize("how", ["model", "spec"])
def test_a_model_that_reads_values_runs_on_the_cpu_with_its_own_and_says_so(how):
    spec = archscope.ModelSpec(name="reads", source="", build=ReadsValues)
    report = archscope.analyze(ReadsValues() if how == "model" else spec, ROWS)
    assert (report.totals.macs, report.model.device) == (2 * 24, "cpu")
    assert report.model.fallback


def test_a_model_that_cannot_be_built_on_meta_is_built_on_the_cpu():
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.rates = [float(rate) for rate in torch.linspace(0, 1, 3)]
            self.linear = nn.Linear(4, len(self.rates))

        def forward(self, x):
            return self.linear(x)

    report = archscope.analyze(archscope.ModelSpec(name="steps", source="", build=Steps), ROWS)
    assert (report.totals.macs, report.model.device) == (24, "meta")


def test_a_huge_model_with_a_wrong_input_is_not_built_again_on_the_cpu():
    built = []

    def build():
        built.append(torch.get_default_device().type)
        return nn.Linear(10**6, 10**6, bias=False)  # 4 TB

    with pytest.raises(ForwardError, match="forward pass raised"):
        archscope.analyze(archscope.ModelSpec(name="huge", source="", build=build), ROWS)
    assert built == ["meta"]


def test_building_and_running_leave_no_trace_in_the_random_state():
    before = torch.get_rng_state()
    spec = archscope.ModelSpec(name="reads", source="", build=ReadsValues)
    archscope.analyze(spec, ROWS)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_same_model_on_the_cpu_gives_the_same_figures_every_time():
    spec = archscope.ModelSpec(name="reads", source="", build=ReadsValues)
    assert archscope.analyze(spec, ROWS) == archscope.analyze(spec, ROWS)


def test_a_measured_model_is_freed_when_its_owner_lets_go():
    model = block()
    layer = weakref.ref(model[0])
    report = archscope.analyze(model, ROWS)
    del model
    gc.collect()
    assert layer() is None
    assert report.totals.macs == 24
