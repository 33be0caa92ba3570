"""ONNX files, written by hand and exported by torch: what they cost, where, and what stays open."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper
from onnx_graphs import NETWORKS, exported, model, onnx, saved, tensor, value

import archscope
from archscope.cli import main
from archscope.errors import BuildError, InputError
from archscope.judge.comparison import compare

X, Y = value("x", [1, 4]), value("y", None)
SQUARE = tensor("w", np.ones((4, 4), np.float32))


def product(left="x", right="w", output="y"):
    return helper.make_node("MatMul", [left, right], [output])


def report_of(path, *inputs):
    return archscope.analyze(archscope.load(path), archscope.sources.parse_inputs(inputs) or None)


@pytest.mark.parametrize("dynamo", [False, True], ids=["scripted", "dynamo"])
@pytest.mark.parametrize("network", NETWORKS)
def test_an_export_costs_what_the_model_costs(tmp_path, network, dynamo):
    make, args = NETWORKS[network]
    net, given = make(), args()
    told = archscope.analyze(net.eval(), given)
    report = report_of(exported(tmp_path, net, given, dynamo=dynamo))
    assert report.totals.complete
    assert report.totals.macs == told.totals.macs
    by_path = {row.path: row for row in report.modules}
    for row in told.modules:
        if row.macs and row.path in by_path:
            assert by_path[row.path].macs == row.macs, row.path
    assert {"stem", "blocks.0.conv"} <= set(by_path) or network != "cnn"


@pytest.mark.parametrize("network", NETWORKS)
def test_shapes_of_all_nodes_are_those_of_a_run(tmp_path, network):
    make, args = NETWORKS[network]
    given = args()
    path = exported(tmp_path, make(), given, dynamo=True)
    made = onnx.load(path)
    report = archscope.analyze(archscope.load(path), keep_calls=True)
    made.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for node in made.graph.node for name in node.output if name
    )
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {entry.name: tensor.numpy() for entry, tensor in zip(session.get_inputs(), given, strict=True)}
    ran = dict(zip([entry.name for entry in session.get_outputs()], session.run(None, feeds), strict=True))
    seen = sorted(
        (node.op_type, tuple(ran[name].shape for name in node.output if name)) for node in onnx.load(path).graph.node
    )
    told = sorted((row.op.removeprefix("onnx::"), row.outputs) for row in report.calls for _ in range(row.times))
    assert told == seen


def test_open_sizes_are_an_error_that_lists_them_and_an_input_sets_them(tmp_path):
    path = saved(tmp_path, model([product()], [value("x", ["batch", 4])], [Y], [SQUARE]))
    with pytest.raises(InputError, match=r"open: batch of x\[0\]"):
        report_of(path)
    assert report_of(path, "3x4").totals.macs == 3 * 4 * 4
    assert report_of(path, "x=5x4").inputs[0].shape == (5, 4)
    with pytest.raises(InputError, match="not 5"):
        report_of(path, "3x5")
    with pytest.raises(InputError, match="not int64"):
        report_of(path, "3x4:int64")


def test_one_name_of_an_open_size_has_one_value(tmp_path):
    two = [value("x", ["batch", 4]), value("z", ["batch", 4])]
    path = saved(tmp_path, model([helper.make_node("Add", ["x", "z"], ["y"])], two, [Y]))
    assert report_of(path, "3x4").totals.flops == 12
    with pytest.raises(InputError, match="batch is 3, not 5"):
        report_of(path, "3x4", "5x4")


def test_a_shared_initialiser_counts_once(tmp_path):
    nodes = [product(output="a"), product("a")]
    report = report_of(saved(tmp_path, model(nodes, [X], [Y], [SQUARE])))
    assert (report.totals.parameters, report.totals.macs) == (16, 2 * 16)


def test_quantised_weights_count_at_their_true_size(tmp_path):
    packed = helper.make_tensor("q", TensorProto.INT4, [4, 4], bytes(8), raw=True)
    nodes = [helper.make_node("DequantizeLinear", ["q", "s"], ["w"]), product()]
    report = report_of(saved(tmp_path, model(nodes, [X], [Y], [packed, tensor("s", np.float32(0.1))], opset=21)))
    assert (report.totals.parameters, report.totals.parameter_bytes, report.totals.macs) == (16, 8, 16)
    assert report.totals.flops == 2 * 16 + 2 * 16


def test_weights_of_four_bits_in_blocks_count_as_before_packing(tmp_path):
    weights = [tensor("q", np.zeros((8, 2, 16), np.uint8)), tensor("s", np.ones((16,), np.float32))]
    node = helper.make_node(
        "MatMulNBits", ["x", "q", "s"], ["y"], domain="com.microsoft", N=8, K=64, bits=4, block_size=32
    )
    path = saved(tmp_path, model([node], [value("x", [3, 64])], [Y], weights, domains=["com.microsoft"]))
    totals = report_of(path).totals
    assert (totals.parameters, totals.parameter_bytes, totals.macs) == (8 * 64, 256, 3 * 8 * 64)


def test_external_data_is_not_needed(tmp_path):
    outside = TensorProto(name="w", data_type=1, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="weights.bin")
    assert report_of(saved(tmp_path, model([product()], [X], [Y], [outside]))).totals.parameter_bytes == 64


BODY = helper.make_graph(
    [
        helper.make_node("Identity", ["ci"], ["co"]),
        product("v", "w", "vo"),
        helper.make_node("Identity", ["vo"], ["s"]),
    ],
    "body",
    [value("i", [], TensorProto.INT64), value("ci", [], TensorProto.BOOL), value("v", None)],
    [value("co", [], TensorProto.BOOL), value("vo", None), value("s", None)],
)


def test_a_loop_costs_its_steps(tmp_path):
    node = helper.make_node("Loop", ["m", "", "x"], ["last", "y"], body=BODY)
    report = report_of(saved(tmp_path, model([node], [X], [Y], [SQUARE, tensor("m", np.int64(5))])))
    assert report.totals.complete
    assert (report.totals.macs, report.modules[0].output_shapes) == (5 * 16, ((5, 1, 4),))


def test_a_loop_whose_trips_nobody_knows_is_a_lower_bound(tmp_path):
    node = helper.make_node("Loop", ["m", "", "x"], ["y", "all"], body=BODY)
    report = report_of(saved(tmp_path, model([node], [X, value("m", [], TensorProto.INT64)], [Y], [SQUARE])))
    assert not report.totals.complete
    assert report.totals.macs == 16
    assert [(row.op, row.taken) for row in report.undecided] == [("onnx::Loop", "one step")]


def test_a_scan_costs_the_length_of_what_it_scans(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "e"], ["so"]), product("so", "w", "o")],
        "body",
        [value("s", [1, 4]), value("e", [1, 4])],
        [value("so", None), value("o", None)],
    )
    node = helper.make_node("Scan", ["x", "all"], ["last", "y"], body=body, num_scan_inputs=1)
    report = report_of(saved(tmp_path, model([node], [X, value("all", [7, 1, 4])], [Y], [SQUARE])))
    assert (report.totals.macs, report.totals.flops) == (7 * 16, 7 * (32 + 4))


@pytest.mark.parametrize(("known", "macs"), [(True, 16), (False, 0), (None, 16)])
def test_a_branch_is_the_one_that_is_known_or_the_larger(tmp_path, known, macs):
    then = helper.make_graph([product(output="a")], "then", [], [value("a", None)])
    other = helper.make_graph([helper.make_node("Relu", ["x"], ["b"])], "else", [], [value("b", None)])
    node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    given, weights = [X, value("c", [], TensorProto.BOOL)], [SQUARE]
    if known is not None:
        given, weights = [X], [SQUARE, tensor("c", np.bool_(known))]
    report = report_of(saved(tmp_path, model([node], given, [Y], weights)))
    assert report.totals.macs == macs
    assert [row.taken for row in report.undecided] == ([] if known is not None else ["larger branch"])


def test_a_function_is_followed_with_its_attributes(tmp_path):
    scaled = helper.make_node("Gemm", ["a", "w"], ["b"])
    scaled.attribute.add(name="transB", ref_attr_name="turned", type=onnx.AttributeProto.INT)
    function = helper.make_function(
        "own", "Layer", ["a", "w"], ["b"], [scaled], [helper.make_opsetid("", 20)], ["turned"]
    )
    node = helper.make_node("Layer", ["x", "w"], ["y"], domain="own", turned=1)
    weight = tensor("w", np.ones((6, 4), np.float32))
    report = report_of(saved(tmp_path, model([node], [X], [Y], [weight], functions=[function], domains=["own"])))
    assert (report.totals.macs, report.modules[0].output_shapes) == (24, ((1, 6),))


def test_shapes_computed_from_shapes_are_followed(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Gather", ["sizes", "zero"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        product("flat"),
    ]
    weights = [tensor("zero", [0]), tensor("rest", [-1]), tensor("w", np.ones((12, 2), np.float32))]
    path = saved(tmp_path, model(nodes, [value("x", ["n", 3, 4])], [Y], weights))
    report = report_of(path, "5x3x4")
    assert (report.totals.macs, report.totals.buffers) == (5 * 12 * 2, 2)


def test_what_depends_on_values_is_uncounted(tmp_path):
    nodes = [helper.make_node("NonZero", ["x"], ["at"]), helper.make_node("Neg", ["at"], ["y"])]
    report = report_of(saved(tmp_path, model(nodes, [X], [Y])))
    assert not report.totals.complete
    assert {row.op for row in report.uncounted} == {"onnx::NonZero (shape unknown)", "onnx::Neg (shape unknown)"}


def test_an_operator_of_a_domain_nobody_knows_is_uncounted(tmp_path):
    made = model(
        [helper.make_node("Own", ["x"], ["a"], domain="own"), product("a")], [X], [Y], [SQUARE], domains=["own"]
    )
    made.graph.value_info.append(value("a", [1, 4]))
    report = report_of(saved(tmp_path, made))
    assert ([row.op for row in report.uncounted], report.totals.macs) == (["own::Own"], 16)


def test_the_peak_is_that_of_the_files_own_order(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Exp", ["b"], ["y"]),
    ]
    assert report_of(saved(tmp_path, model(nodes, [X], [Y]))).totals.peak_activation_bytes == 2 * 16


def test_what_needs_a_module_says_that_there_is_none(tmp_path):
    path = saved(tmp_path, model([product()], [X], [Y], [SQUARE]))
    with pytest.raises(BuildError, match="graph without code"):
        archscope.analyze(archscope.load(path), training="adamw")


def test_the_command_line_measures_checks_and_compares_files(tmp_path):
    path = saved(tmp_path, model([product()], [X], [Y], [SQUARE]))
    told = CliRunner().invoke(main, ["analyze", path, "--json", "-"])
    assert json.loads(told.output)["totals"]["macs"] == 16
    assert CliRunner().invoke(main, ["check", path, "--max-macs", "16"]).exit_code == 0
    assert CliRunner().invoke(main, ["check", path, "--max-macs", "15"]).exit_code == 1
    assert CliRunner().invoke(main, ["compare", path, path, "--exit-code"]).exit_code == 0


@pytest.mark.parametrize("dynamo", [False, True], ids=["scripted", "dynamo"])
def test_a_comparison_names_what_the_export_changed(tmp_path, dynamo):
    net, args = NETWORKS["cnn"][0](), NETWORKS["cnn"][1]()
    for norm in (net.stem[1], net.blocks[0].norm, net.blocks[1].norm):
        norm.bias.data.normal_()  # equal shifts would be one initialiser
    told = archscope.analyze(net.eval(), args)
    comparison = compare(told, report_of(exported(tmp_path, net, args, dynamo=dynamo)))
    causes = {cause.name: cause for cause in comparison.causes}
    # three norms of 8 channels lose weight and bias, and the two convolutions of the blocks, without biases, get theirs
    assert causes["folded batch norms"].calls == 3
    assert sum(cause.parameters for cause in comparison.causes) == comparison.totals.delta.parameters == -3 * 16 + 2 * 8
    assert [(-cause).parameters for cause in comparison.causes] == [cause.parameters for cause in (-comparison).causes]
    assert compare(told, told).causes == ()
