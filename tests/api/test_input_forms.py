"""The forms in which ``analyze`` takes inputs: each gives the figures of the same call, worked out by hand."""

from __future__ import annotations

import collections
import dataclasses
import functools
import types
from typing import NamedTuple

import attrs
import pytest
import torch
from torch import nn

import archscope
from archscope.errors import InputError, UsageError

X, Y, MASK = torch.rand(2, 8), torch.rand(2, 8), torch.ones(2, 8, dtype=torch.bool)
LINEAR = 2 * 8 * 8  # MACs of one layer on X


class Two(nn.Module):
    """Adds what its two layers give, and multiplies by a mask when there is one."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x, y=None, mask=None, *, mode: str = "both", repeat: int = 1):
        z = self.a(x)
        if y is not None:
            z = z + self.b(y)
        for _ in range(repeat - 1):
            z = self.a(z)
        if mode == "twice":
            z = self.a(z)
        return z if mask is None else z * mask


class One(nn.Module):
    """Takes one tensor."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)

    def forward(self, x):
        return self.a(x)


class Batched(nn.Module):
    """Takes one batch, and reads it as an object, as a mapping or as a pair."""

    def __init__(self, read):
        super().__init__()
        self.a, self.b, self.read = nn.Linear(8, 8), nn.Linear(8, 8), read

    def forward(self, batch):
        x, y = self.read(batch)
        return self.a(x) + self.b(y)


class Listed(nn.Module):
    """Takes a list of images, as torchvision's detectors do."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)

    def forward(self, images, targets=None):
        return torch.stack([self.body(image[None]).mean((0, 2, 3)) for image in images])


IMAGES = [torch.rand(3, 8, 8), torch.rand(3, 8, 8)]
BODY = 4 * 6 * 6 * 27  # MACs of one image

# What is passed after the model, and the MACs that the call has.
FORMS = {
    "a tensor": ((X,), {}, LINEAR),
    "a tensor by name": ((), {"x": X}, LINEAR),
    "a tuple of arguments": (((X, Y),), {}, 2 * LINEAR),
    "a list of arguments": (([X, Y],), {}, 2 * LINEAR),
    "a tuple with what is no tensor": (((X, None, MASK),), {}, LINEAR),
    "arguments one by one": ((X, Y), {}, 2 * LINEAR),
    "arguments one by one and by name": ((X, Y), {"mask": MASK}, 2 * LINEAR),
    "a tensor and an argument by name": ((X,), {"mask": MASK}, LINEAR),
    "a tuple and an argument by name": (((X, Y),), {"mode": "twice"}, 3 * LINEAR),
    "a dict of arguments": (({"x": X, "y": Y},), {}, 2 * LINEAR),
    "a dict and an argument by name": (({"x": X, "y": Y},), {"repeat": 3}, 4 * LINEAR),
    "a dict with a number and a text": (({"x": X, "mode": "twice", "repeat": 2},), {}, 3 * LINEAR),
    "Inputs": ((archscope.Inputs(args=(X,), kwargs={"y": Y}),), {}, 2 * LINEAR),
    "Inputs and an argument by name": ((archscope.Inputs(args=(X,)),), {"y": Y}, 2 * LINEAR),
    "an InputSpec": ((archscope.InputSpec(shape=(2, 8)),), {}, LINEAR),
    "specs with names": (
        ((archscope.InputSpec(shape=(2, 8)), archscope.InputSpec(shape=(2, 8), name="y")),),
        {},
        2 * LINEAR,
    ),
    "a shape": (((2, 8),), {}, LINEAR),
    "a shape as a list": (([2, 8],), {}, LINEAR),
    "a torch.Size": ((X.shape,), {}, LINEAR),
    "shapes in a list": (([(2, 8), (2, 8)],), {}, 2 * LINEAR),
    "shapes in a tuple": ((((2, 8), (2, 8)),), {}, 2 * LINEAR),
    "shapes one by one": (((2, 8), (2, 8)), {}, 2 * LINEAR),
    "shapes by name": (({"x": (2, 8), "y": (2, 8)},), {"repeat": 2}, 3 * LINEAR),
    "text": (("2x8",), {}, LINEAR),
    "text with a dtype": (("2x8:float32",), {}, LINEAR),
    "text with a name": (("x=2x8",), {}, LINEAR),
    "texts": ((["2x8", "y=2x8"],), {}, 2 * LINEAR),
    "texts by name": (({"x": "2x8", "y": "2x8:float32", "mode": "twice"},), {}, 3 * LINEAR),
    "a text and an argument by name": (("2x8",), {"mask": "2x8:bool"}, LINEAR),
    "a shape and a number": (((2, 8),), {"repeat": 2}, 2 * LINEAR),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_inputs_is_the_same_call(form):
    args, kwargs, macs = FORMS[form]
    assert archscope.analyze(Two(), *args, **kwargs).totals.macs == macs


def test_a_dict_is_the_one_argument_of_a_forward_that_has_none_of_its_keys():
    model = Batched(lambda batch: (batch["x"], batch["y"]))
    for given in ({"x": X, "y": Y}, {"x": (2, 8), "y": "2x8"}, {"batch": {"x": X, "y": Y}}, ({"x": X, "y": Y},)):
        assert archscope.analyze(model, given).totals.macs == 2 * LINEAR
    assert archscope.analyze(model, batch={"x": (2, 8), "y": (2, 8)}).totals.macs == 2 * LINEAR


def test_a_list_is_the_one_argument_where_its_entries_are_no_arguments():
    assert archscope.analyze(Listed(), IMAGES).totals.macs == 2 * BODY
    assert archscope.analyze(Listed(), (IMAGES,)).totals.macs == 2 * BODY
    assert archscope.analyze(Listed(), tuple(IMAGES)).totals.macs == 2 * BODY
    assert archscope.analyze(Listed(), {"images": IMAGES}).totals.macs == 2 * BODY
    assert archscope.analyze(Listed(), [(3, 8, 8), (3, 8, 8)]).totals.macs == 2 * BODY
    assert archscope.analyze(Batched(lambda batch: batch), [X, Y]).totals.macs == 2 * LINEAR


def test_what_a_loader_yields_is_understood_labels_and_all():
    samples = torch.utils.data.TensorDataset(torch.rand(4, 8), torch.zeros(4, dtype=torch.int64))
    batch = next(iter(torch.utils.data.DataLoader(samples, batch_size=2)))
    report = archscope.analyze(One(), batch)
    assert (report.totals.macs, [row.name for row in report.inputs]) == (LINEAR, ["x"])
    dicts = torch.utils.data.DataLoader([{"x": torch.rand(8), "y": torch.rand(8)}] * 4, batch_size=2)
    assert archscope.analyze(Two(), next(iter(dicts))).totals.macs == 2 * LINEAR


def test_two_tensors_by_hand_are_never_cut_down_to_one():
    with pytest.raises(InputError, match="too many positional arguments"):
        archscope.analyze(One(), (X, Y))


# --- batches of other libraries --------------------------------------------------------------------------------------


class Pair(NamedTuple):
    x: torch.Tensor
    y: torch.Tensor


@dataclasses.dataclass
class DataBatch:
    x: torch.Tensor
    y: torch.Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class SlotBatch:
    x: torch.Tensor
    y: torch.Tensor


@attrs.define
class AttrsBatch:
    x: torch.Tensor
    y: torch.Tensor


class GraphBatch:
    """Like torch_geometric's Data: a store behind attributes, keys() as a method, to() that gives another one."""

    def __init__(self, **store):
        self.__dict__["_store"] = store

    def __getattr__(self, name):
        try:
            return self.__dict__["_store"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name):
        return self._store[name]

    def keys(self):
        return list(self._store)

    def to(self, device):
        return GraphBatch(**{name: tensor.to(device) for name, tensor in self._store.items()})


class OwnMapping(collections.abc.Mapping):
    def __init__(self, **own):
        self.own = own

    def __getitem__(self, key):
        return self.own[key]

    def __iter__(self):
        return iter(self.own)

    def __len__(self):
        return len(self.own)


class MaskedTensors:
    """Like DETR's NestedTensor: two tensors behind a decompose()."""

    def __init__(self, tensors, mask):
        self.tensors, self.mask = tensors, mask

    def decompose(self):
        return self.tensors, self.mask


class SlotsOnly:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


def by_name(kind):
    return kind(x=X, y=Y)


def batch_encoding():
    from transformers import BatchEncoding

    return BatchEncoding({"x": X, "y": Y})


def model_output():
    from transformers.utils import ModelOutput

    @dataclasses.dataclass
    class Output(ModelOutput):
        x: torch.Tensor | None = None
        y: torch.Tensor | None = None

    return Output(x=X, y=Y)


# A batch, whether its fields are meant for the arguments of their names, and how a model of one argument reads it.
ITEMS, ATTRIBUTES = (lambda batch: (batch["x"], batch["y"])), (lambda batch: (batch.x, batch.y))
BATCHES = {
    "dict": (lambda: {"x": X, "y": Y}, ITEMS),
    "OrderedDict": (lambda: collections.OrderedDict(x=X, y=Y), ITEMS),
    "UserDict": (lambda: collections.UserDict(x=X, y=Y), ITEMS),
    "a Mapping": (lambda: by_name(OwnMapping), ITEMS),
    "MappingProxyType": (lambda: types.MappingProxyType({"x": X, "y": Y}), ITEMS),
    "BatchEncoding": (batch_encoding, ITEMS),
    "ModelOutput": (model_output, ITEMS),
    "dataclass": (lambda: by_name(DataBatch), ATTRIBUTES),
    "frozen dataclass with slots": (lambda: by_name(SlotBatch), ATTRIBUTES),
    "attrs": (lambda: by_name(AttrsBatch), ATTRIBUTES),
    "namedtuple": (lambda: by_name(Pair), ATTRIBUTES),
    "SimpleNamespace": (lambda: by_name(types.SimpleNamespace), ATTRIBUTES),
    "graph batch": (lambda: by_name(GraphBatch), ATTRIBUTES),
    "object with slots": (lambda: by_name(SlotsOnly), ATTRIBUTES),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_a_foreign_batch_gives_arguments_by_name_or_is_the_one_argument(kind):
    made, read = BATCHES[kind]
    assert archscope.analyze(Two(), made()).totals.macs == 2 * LINEAR, "its fields are arguments of forward"
    if kind != "MappingProxyType":  # which cannot be copied, and so is passed by its entries alone
        assert archscope.analyze(Batched(read), made()).totals.macs == 2 * LINEAR, "forward takes the batch"


def test_a_batch_without_the_names_of_arguments_is_passed_whole():
    model = Batched(lambda batch: batch.decompose())
    assert archscope.analyze(model, MaskedTensors(X, Y)).totals.macs == 2 * LINEAR


def test_a_named_tuple_with_other_names_gives_its_entries_in_order():
    class Other(NamedTuple):
        image: torch.Tensor
        text: torch.Tensor

    assert archscope.analyze(Two(), Other(X, Y)).totals.macs == 2 * LINEAR


def test_nested_and_packed_tensors_are_one_argument():
    nested = torch.nested.nested_tensor([torch.rand(3, 8), torch.rand(5, 8)], layout=torch.jagged)
    assert archscope.analyze(One(), nested).totals.macs == 8 * 8 * 8
    packed = nn.utils.rnn.pack_sequence([torch.rand(3, 8), torch.rand(1, 8)])
    assert archscope.analyze(nn.GRU(8, 4), packed).totals.parameters == 12 * 8 + 12 * 4 + 24


# --- what is not understood ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "named", "why"),
    [
        ((X, Y, MASK, X), {}, "too many positional arguments"),
        ({"x": X, "z": Y}, {}, "unexpected keyword argument 'z'"),
        (X, {"nope": Y}, "unexpected keyword argument 'nope'"),
        ({"y": Y}, {}, "missing a required argument: 'x'"),
        (X, {"x": X}, "multiple values for argument 'x'"),
    ],
)
def test_what_forward_does_not_take_is_told_with_three_forms_that_it_does(given, named, why):
    with pytest.raises(InputError) as caught:
        archscope.analyze(Two(), given, **named)
    error = caught.value
    assert why in error.what
    assert "forward(x, y=None, mask=None, *, mode: str = 'both', repeat: int = 1)" in error.where
    for form in ("analyze(model, x)", 'analyze(model, {"x": x})', 'analyze(model, "1x8")', "--input x=1x8"):
        assert form in error.help


def test_a_decorator_may_take_or_give_arguments_that_forward_does_not_tell_of():
    def decorated(forward):
        @functools.wraps(forward)
        def called(self, *args, verbose=False, **kwargs):
            return forward(self, *args, weight=self.a, **kwargs)

        return called

    class Net(One):
        @decorated
        def forward(self, x, weight):
            return weight(x)

    assert archscope.analyze(Net(), X).totals.macs == LINEAR
    assert archscope.analyze(Net(), X, verbose=True).totals.macs == LINEAR
    with pytest.raises(InputError, match="does not take what was given"):
        archscope.analyze(Net(), X, z=Y)


def test_the_forms_that_are_offered_work():
    model = Two()
    assert archscope.analyze(model, "1x8").totals.macs == 64
    assert archscope.analyze(model, {"x": X}).totals.macs == LINEAR


def test_a_misspelt_option_is_told_apart_from_an_argument():
    with pytest.raises(InputError) as caught:
        archscope.analyze(One(), X, componets=())
    assert "did you mean components=?" in caught.value.help


def test_a_container_without_forward_names_what_can_be_measured():
    model = nn.ModuleDict({"g": One(), "d": Two()})
    with pytest.raises(archscope.ArchscopeError) as caught:
        archscope.analyze(model, X)
    assert "has no forward" in caught.value.what
    assert "g (One), d (Two)" in caught.value.help
    assert archscope.analyze(model).totals.parameters == 3 * 72, "its parameters are known all the same"


# --- other subjects and options --------------------------------------------------------------------------------------


def test_a_class_a_function_and_text_are_models_too(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("from torch import nn\n\n\ndef net(width=8):\n    return nn.Linear(8, width)\n")
    monkeypatch.chdir(tmp_path)
    assert archscope.analyze(One, X).totals.macs == LINEAR
    assert archscope.analyze(lambda: One().double(), X.double()).totals.macs == LINEAR
    assert archscope.analyze("net.py:net", X).totals.macs == LINEAR
    assert archscope.analyze(archscope.load("net.py:net", width=4), "1x8").totals.macs == 32
    with pytest.raises(UsageError, match="an int is no model"):
        archscope.analyze(3, X)


def test_several_networks_are_one_report_with_a_component_each():
    report = archscope.analyze((One(), Two(), One()), One=X, Two=(X, Y))
    figures = {row.name: (row.parameters, row.macs) for row in report.components if row.name != "[unassigned]"}
    assert figures == {"One": (72, LINEAR), "Two": (144, 2 * LINEAR), "One_2": (72, 0)}
    assert report.uncalled == ("One_2",)


def test_another_method_than_forward_is_called_by_its_name():
    class Lit(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(8, 8)

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, index):
            x, y = batch
            return (self(x) - y).square().mean() + self.forward(x).sum() * index

    report = archscope.analyze(Lit(), (X, Y), 0, call="training_step")
    assert report.totals.macs == 2 * LINEAR
    assert [(row.name, row.shape) for row in report.inputs] == [("batch[0]", (2, 8)), ("batch[1]", (2, 8))]
    with pytest.raises(archscope.ArchscopeError, match="no method 'validation_step'"):
        archscope.analyze(Lit(), X, call="validation_step")


def test_options_of_a_measurement_are_those_of_the_command_line():
    report = archscope.analyze(Two(), X, Y, training=True, conventions=["fvcore", "macs"], device="cpu")
    assert report.model.device == "cpu"
    assert report.totals.training.optimizer == "adamw"
    assert {rule.name: rule.counted for rule in report.conventions} == {"fvcore": 2 * LINEAR, "macs": 2 * LINEAR}
    with pytest.raises(UsageError, match="no optimizer 'adan'"):
        archscope.analyze(Two(), X, training="adan")
    with pytest.raises(UsageError, match="no convention 'fvcor'"):
        archscope.analyze(Two(), X, conventions="fvcor")
    with pytest.raises(UsageError, match="no device 'tpu'"):
        archscope.analyze(Two(), X, device="tpu")


def test_a_spec_with_its_own_inputs_takes_further_arguments_by_name():
    spec = archscope.ModelSpec(name="two", source="", build=Two, inputs=archscope.Inputs(args=((X,) * 2)))
    assert archscope.analyze(spec).totals.macs == 2 * LINEAR
    assert archscope.analyze(spec, mode="twice").totals.macs == 3 * LINEAR
    assert archscope.analyze(spec, X).totals.macs == LINEAR
