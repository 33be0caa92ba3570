"""TFLite files written by hand: what they cost, what they hold, where, and what stays open."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tflite_graphs import Graph, Op, T, built, const, saved, single
from torch import nn

import archscope
from archscope.cli import main
from archscope.errors import BuildError, InputError
from archscope.judge.comparison import compare

CONV = {"Padding": 0, "StrideW": 2, "StrideH": 2, "DilationWFactor": 1, "DilationHFactor": 1}


def report_of(path, *inputs, **options):
    return archscope.analyze(archscope.load(path), archscope.sources.parse_inputs(inputs) or None, **options)


def seen(tmp_path, content, *inputs):
    return report_of(saved(tmp_path, content), *inputs)


def network(dtype="float32", *, batch=1):
    """A convolution of 3 to 4 channels with a ReLU6, a mean, and a layer of 4 to 5 without a bias."""
    scales = (0.5,) * 4 if dtype == "int8" else ()
    filters = const("stem/conv/w", np.ones((4, 3, 3, 3), dtype), scales=scales)
    sizes = {"signature": (-1, 9, 9, 3)} if batch is None else {}
    return Graph(
        [
            T("x", (batch or 1, 9, 9, 3), **sizes),
            filters,
            const("stem/conv/b", np.ones(4, np.float32)),
            T("stem/conv/Conv2D;stem/act/Relu6", (batch or 1, 5, 5, 4)),
            const("axes", np.array([1, 2], np.int32)),
            T("head/pool/Mean", (batch or 1, 4)),
            const("head/dense/w", np.ones((5, 4), np.float32)),
            T("head/dense/MatMul", (batch or 1, 5)),
        ],
        [
            Op("CONV_2D", ("x", "stem/conv/w", "stem/conv/b"), ("stem/conv/Conv2D;stem/act/Relu6",), "Conv2DOptions",
               {**CONV, "FusedActivationFunction": 3}),
            Op("MEAN", ("stem/conv/Conv2D;stem/act/Relu6", "axes"), ("head/pool/Mean",), "ReducerOptions", {}),
            Op("FULLY_CONNECTED", ("head/pool/Mean", "head/dense/w", None), ("head/dense/MatMul",),
               "FullyConnectedOptions", {}),
        ],
        ("x",),
        ("head/dense/MatMul",),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_network_costs_what_its_layers_do_and_stands_where_its_names_say(tmp_path, dtype):
    """5 x 5 x 4 outputs of 27 products, a bias 1 and a ReLU6 2; 100 elements averaged; 5 outputs of 4 products."""
    report = seen(tmp_path, built(network(dtype)))
    assert report.totals.complete
    assert (report.totals.macs, report.totals.flops) == (2700 + 20, 2 * 2720 + 3 * 100 + 100)
    assert (report.totals.parameters, report.totals.parameter_bytes) == (
        108 + 4 + 20,
        108 * (4 if dtype == "float32" else 1) + 96,
    )
    rows = {row.path: row for row in report.modules}
    assert (rows["stem.conv"].macs, rows["head.dense"].macs, rows["head"].macs) == (2700, 20, 20)
    assert {record.path for record in report.parameters} == {"stem.conv.weight", "stem.conv.bias", "head.dense.weight"}
    assert sum(row.own.macs for row in report.modules) == report.totals.macs
    assert "prefixes of tensor names" in report.model.description


def test_open_sizes_are_an_error_that_lists_them_and_an_input_sets_them(tmp_path):
    path = saved(tmp_path, built(network(batch=None)))
    with pytest.raises(InputError, match=r"open: x\[0\]"):
        report_of(path)
    one, four = report_of(path, "1x9x9x3"), report_of(path, "x=4x9x9x3")
    assert four.totals.macs == 4 * one.totals.macs
    assert four.modules[0].output_shapes == ((4, 5),)
    with pytest.raises(InputError, match="that size is 9, not 8"):
        report_of(path, "1x8x9x3")
    assert report_of(path, "4x3x9x9").totals == four.totals  # as PyTorch has it


def test_sizes_worked_out_from_the_input_are_followed(tmp_path):
    """What a converter writes for flatten: the batch of SHAPE, packed with -1, as the shape of RESHAPE."""
    begin, end, step = (const(name, np.array([k], np.int32)) for name, k in (("b", 0), ("e", 1), ("s", 1)))
    graph = Graph(
        [
            T("x", (1, 4, 6), signature=(-1, 4, 6)), T("shape", (3,), "int32"), begin, end, step, T("n", (), "int32"),
            const("rest", np.array(-1, np.int32)), T("sizes", (2,), "int32"), T("flat", (1, 24), signature=(-1, 24)),
            const("w", np.ones((2, 24), np.float32)), T("y", (1, 2), signature=(-1, 2)),
        ],
        [
            Op("SHAPE", ("x",), ("shape",)),
            Op("STRIDED_SLICE", ("shape", "b", "e", "s"), ("n",), "StridedSliceOptions", {"ShrinkAxisMask": 1}),
            Op("PACK", ("n", "rest"), ("sizes",), "PackOptions", {"ValuesCount": 2}),
            Op("RESHAPE", ("x", "sizes"), ("flat",)),
            Op("FULLY_CONNECTED", ("flat", "w", None), ("y",), "FullyConnectedOptions", {}),
        ],
        ("x",), ("y",),
    )  # fmt: skip
    report = seen(tmp_path, built(graph), "7x4x6")
    assert (report.totals.complete, report.totals.macs) == (True, 7 * 48)


def layer(weight, depth=8, **more):
    """A layer of ``depth`` to 4 whose weight is given."""
    tensors = [T("x", (1, depth)), weight, T("y", (1, 4))]
    return single("FULLY_CONNECTED", tensors, ("x", weight.name, None), ("y",), "FullyConnectedOptions", **more)


@pytest.mark.parametrize(
    ("dtype", "content", "nbytes"),
    [("int4", bytes(16), 16), ("int2", bytes(8), 8), ("float16", bytes(64), 64), ("int16", bytes(64), 64)],
)
def test_weights_take_their_true_bytes(tmp_path, dtype, content, nbytes):
    report = seen(tmp_path, built(layer(T("w", (4, 8), dtype, content, scales=(1.0,)))))
    assert (report.totals.parameters, report.totals.parameter_bytes) == (32, nbytes)
    assert [row.dtype for row in report.dtypes] == [dtype]


def test_a_sparse_weight_counts_what_it_holds(tmp_path):
    """5 of 32 values, 1 byte each; 5 segments and 5 indices of a byte each; 5 products."""
    sparse = T("w", (4, 8), "int8", bytes(5), scales=(1.0,), sparse=([0, 1, 2, 4, 5], [0, 3, 1, 2, 7]))
    report = seen(tmp_path, built(layer(sparse)))
    assert (report.totals.parameters, report.totals.parameter_bytes, report.totals.macs) == (5, 15, 5)


def test_buffers_behind_the_file_are_found_there(tmp_path):
    inside = built(layer(T("w", (4, 8), data=slice(0, 0)), 8))
    content = built(layer(T("w", (4, 8), data=slice(len(inside) + 100, len(inside) + 228)), 8))
    report = seen(tmp_path, content + bytes(100 + 228))
    assert report.totals.parameter_bytes == 128
    with pytest.raises(archscope.errors.ImportModelError, match="behind the end"):
        seen(tmp_path, content)


def test_two_tensors_of_one_buffer_are_one_parameter(tmp_path):
    graph = Graph(
        [
            T("x", (1, 4)),
            const("w", np.ones((4, 4), np.float32)),
            T("v", (4, 4), buffer="w"),
            T("y", (1, 4)),
            T("z", (1, 4)),
        ],
        [
            Op("FULLY_CONNECTED", ("x", "w", None), ("y",), "FullyConnectedOptions", {}),
            Op("FULLY_CONNECTED", ("y", "v", None), ("z",), "FullyConnectedOptions", {}),
        ],
        ("x",),
        ("z",),
    )
    report = seen(tmp_path, built(graph))
    assert (report.totals.parameters, report.totals.macs) == (16, 32)


def test_half_precision_weights_that_are_unpacked_first_are_parameters(tmp_path):
    graph = layer(T("w32", (4, 8)))
    graph.tensors.append(const("w", np.ones((4, 8), np.float16)))
    graph.operators.insert(0, Op("DEQUANTIZE", ("w",), ("w32",)))
    graph.inputs = ("x",)
    report = seen(tmp_path, built(graph))
    assert (report.totals.parameters, report.totals.parameter_bytes, report.totals.flops) == (32, 64, 64)


def test_what_operators_compute_with_is_a_parameter_and_settings_are_buffers(tmp_path):
    """A scale of 4 channels; not a lone eps, a shape, a mask of truth values, nor what a padding is made of."""
    graph = Graph(
        [
            T("x", (2, 4)), const("scale", np.ones(4, np.float32)), T("a", (2, 4)),
            const("eps", np.array(1e-3, np.float32)), T("b", (2, 4)),
            const("pads", np.array([[0, 0], [1, 1]], np.int32)), const("fill", np.array(0.5, np.float32)),
            T("c", (2, 6)), const("mask", np.ones((2, 6), bool)), T("d", (2, 6)),
        ],
        [
            Op("MUL", ("x", "scale"), ("a",), "MulOptions", {}),
            Op("ADD", ("a", "eps"), ("b",), "AddOptions", {}),
            Op("PADV2", ("b", "pads", "fill"), ("c",)),
            Op("SELECT_V2", ("mask", "c", "c"), ("d",)),
        ],
        ("x",), ("d",),
    )  # fmt: skip
    report = seen(tmp_path, built(graph))
    assert [record.path for record in report.parameters] == ["scale"]
    assert (report.totals.buffers, report.totals.flops) == (1 + 4 + 1 + 12, 8 + 8 + 12)


def test_an_embedding_of_places_is_a_parameter_also_where_only_a_part_is_read(tmp_path):
    tensors = [
        T("x", (1, 3, 4)),
        const("places", np.ones((1, 9, 4), np.float32)),
        T("part", (1, 3, 4)),
        T("y", (1, 3, 4)),
    ]
    tensors += [const(name, np.array(sizes, np.int32)) for name, sizes in (("at", [0, 0, 0]), ("size", [1, 3, 4]))]
    operators = [
        Op("SLICE", ("places", "at", "size"), ("part",)),
        Op("ADD", ("x", "part"), ("y",), "AddOptions", {}),
    ]
    report = seen(tmp_path, built(Graph(tensors, operators, ("x",), ("y",))))
    assert (report.totals.parameters, report.totals.buffers) == (36, 6)


def test_an_operator_that_nobody_knows_is_uncounted_by_name(tmp_path):
    graph = single("Acme", [T("x", (1, 4)), T("y", (1, 4))], ("x",), ("y",), is_custom=True)
    report = seen(tmp_path, built(graph))
    assert not report.totals.complete
    assert [row.op for row in report.uncounted] == ["tflite.custom::Acme"]
    newer = seen(tmp_path, built(single(250, [T("x", (1, 4)), T("y", (1, 4))], ("x",), ("y",))))
    assert [row.op for row in newer.uncounted] == ["tflite::operator 250"]


def test_an_activation_function_inside_a_copy_is_not_forgotten(tmp_path):
    tensors = [T("x", (1, 4)), T("y", (1, 8))]
    options = {"Axis": 1, "FusedActivationFunction": 1}
    report = seen(
        tmp_path, built(single("CONCATENATION", tensors, ("x", "x"), ("y",), "ConcatenationOptions", options))
    )
    assert not report.totals.complete


def test_what_depends_on_values_is_a_lower_bound(tmp_path):
    graph = Graph(
        [
            T("x", (2, 4), "bool"),
            T("where", (1, 2), "int64", signature=(-1, 2)),
            T("f", (1, 2), signature=(-1, 2)),
            T("y", (1, 2), signature=(-1, 2)),
        ],
        [Op("WHERE", ("x",), ("where",)), Op("CAST", ("where",), ("f",), "CastOptions"), Op("EXP", ("f",), ("y",))],
        ("x",),
        ("y",),
    )
    report = seen(tmp_path, built(graph))
    assert (report.totals.complete, report.totals.flops) == (False, 0)
    assert {row.op for row in report.uncounted} == {f"tflite::{op} (shape unknown)" for op in ("WHERE", "CAST", "EXP")}


def test_signatures_are_called_by_name(tmp_path):
    one, two = network(), layer(const("w", np.ones((4, 8), np.float32)))
    path = saved(tmp_path, built([one, two], [("image", 0, {"picture": "x"}), ("row", 1, {"values": "x"})]))
    assert report_of(path).inputs[0].name == "picture"
    assert report_of(path).totals.macs == 2720
    report = archscope.analyze(archscope.load(path), call="row")
    assert (report.totals.macs, report.inputs[0].name, report.totals.parameters) == (32, "values", 32)
    assert archscope.analyze(archscope.load(path), torch.rand(1, 8), call="row").totals.macs == 32
    with pytest.raises(InputError, match="no signature 'other'"):
        archscope.analyze(archscope.load(path), call="other")
    ran = CliRunner().invoke(main, ["analyze", path, "--call", "row", "--input", "values=1x8", "--json", "-"])
    assert json.loads(ran.stdout)["totals"]["macs"] == 32


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.act = nn.ReLU6()
        self.head = nn.Linear(4, 5, bias=False)

    def forward(self, x):
        return self.head(self.act(self.conv(x)).mean((2, 3)))


def test_a_file_is_compared_with_its_model_and_held_to_budgets(tmp_path):
    graph = network()
    names = {"stem/conv/Conv2D;stem/act/Relu6": "m.Net/torch.nn.modules.conv.Conv2d_conv;1"}
    names |= {"head/dense/MatMul": "m.Net/torch.nn.modules.linear.Linear_head;", "head/pool/Mean": "m.Net;2"}
    for tensor in graph.tensors:
        tensor.name = names.get(tensor.name, tensor.name)
    for op in graph.operators:
        op.inputs = tuple(names.get(name, name) for name in op.inputs)
        op.outputs = tuple(names.get(name, name) for name in op.outputs)
    graph.outputs = ("m.Net/torch.nn.modules.linear.Linear_head;",)
    path = saved(tmp_path, built(graph))
    model = archscope.analyze(Net().eval(), torch.rand(1, 3, 9, 9))
    found = compare(model, report_of(path))
    assert found.totals.delta.macs == found.totals.delta.parameters == 0
    script = tmp_path / "net.py"
    script.write_text(f"from torch import nn\n\n\n{inspect.getsource(Net)}")
    ran = CliRunner().invoke(main, ["compare", f"{script}:Net", path, "--input", "1x3x9x9"])
    assert (ran.exit_code, "fused activations" in ran.stdout) == (0, True), ran.stderr
    rows = {row.path: row for row in report_of(path).modules}
    for row in model.modules:
        assert row.path == "act" or rows[row.path].macs == row.macs
    assert rows["conv"].type == "Conv2d"
    causes = {cause.name: cause for cause in found.causes}
    assert causes["fused activations"].calls == 1
    assert sum(cause.parameters for cause in found.causes) == 0
    for limit, code in (("--max-macs=2720", 0), ("--max-macs=2719", 1), ("--max-arena-bytes=1K", 1)):
        assert CliRunner().invoke(main, ["check", path, limit]).exit_code == code


def test_what_needs_the_model_says_so(tmp_path):
    spec = archscope.load(saved(tmp_path, built(network())))
    with pytest.raises(BuildError, match="graph without code"):
        archscope.analyze(spec, training="adamw")
