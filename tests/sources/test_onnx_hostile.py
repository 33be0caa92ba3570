"""ONNX files from strangers: absurd, damaged, endless or pointing elsewhere; each is a clear error, none a crash."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_graphs import NETWORKS, exported, model, saved, tensor, value

import archscope
from archscope.errors import ArchscopeError, ImportModelError

X, Y = value("x", [1, 4]), value("y", None)
SQUARE = tensor("w", np.ones((4, 4), np.float32))
CONDITION = value("c", [], TensorProto.BOOL)


def product(left, output):
    return helper.make_node("MatMul", [left, "w"], [output])


def refused(tmp_path, made, words):
    with pytest.raises(ImportModelError, match=words):
        archscope.analyze(archscope.load(saved(tmp_path, made)))


def external(location, **told):
    outside = TensorProto(name="w", data_type=1, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    for key, entry in {"location": location, **told}.items():
        outside.external_data.add(key=key, value=str(entry))
    return model([product("x", "y")], [X], [Y], [outside])


@pytest.mark.parametrize(
    "location", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..\\x", "C:\\x", "\\\\host\\x", "", "a\0b"]
)
def test_external_data_elsewhere_is_refused(tmp_path, location):
    refused(tmp_path, external(location), "outside of its own folder")


def test_external_data_behind_a_link_elsewhere_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    refused(tmp_path, external("link"), "outside of its own folder")


def test_external_data_that_is_cut_short_or_lies_nowhere_is_an_error(tmp_path):
    (tmp_path / "short").write_bytes(b"abc")
    refused(tmp_path, external("short"), "cut short")
    refused(tmp_path, external("short", length=10**30), "its shape says 64")
    refused(tmp_path, external("short", offset=-1), "its shape says 64")
    refused(tmp_path, external("short", offset="zz"), "no number")


@pytest.mark.parametrize(
    ("dims", "words"), [([2**40, 2**40], "overflows"), ([-4, 4], "shape"), ([10**5, 10**5], "holds no values")]
)
def test_weights_of_absurd_shapes_are_errors(tmp_path, dims, words):
    refused(tmp_path, model([product("x", "y")], [X], [Y], [TensorProto(name="w", data_type=1, dims=dims)]), words)


def test_a_result_of_absurd_shape_is_an_error(tmp_path):
    node = helper.make_node("Expand", ["x", "s"], ["y"])
    refused(tmp_path, model([node], [value("x", [1])], [Y], [tensor("s", [2**40, 2**40])]), "overflows")


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([product("b", "a"), product("a", "b"), product("b", "y")], "cycle"),
        ([product("y", "y")], "cycle"),
        ([product("nowhere", "y")], "which nothing makes"),
        ([product("x", "y"), product("x", "y")], "twice"),
    ],
)
def test_graphs_that_cannot_run_are_errors(tmp_path, nodes, words):
    refused(tmp_path, model(nodes, [X], [Y], [SQUARE]), words)


def test_a_graph_out_of_order_is_put_in_order(tmp_path):
    made = model([product("a", "y"), product("x", "a")], [X], [Y], [SQUARE])
    assert archscope.analyze(archscope.load(saved(tmp_path, made))).totals.macs == 32


def nested(depth):
    if not depth:
        return helper.make_graph([helper.make_node("Relu", ["x"], ["o0"])], "g", [], [value("o0", None)])
    inner = nested(depth - 1)
    node = helper.make_node("If", ["c"], [f"o{depth}"], then_branch=inner, else_branch=nested(0))
    return helper.make_graph([node], "g", [], [value(f"o{depth}", None)])


def test_graphs_inside_graphs_end(tmp_path):
    def made(depth):
        node = helper.make_node("If", ["c"], ["y"], then_branch=nested(depth), else_branch=nested(0))
        return model([node], [X, CONDITION], [Y])

    assert archscope.analyze(archscope.load(saved(tmp_path, made(10)))).totals.flops == 4
    refused(tmp_path, made(28), "inside each other")


def functions(bodies):
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    return [helper.make_function("own", name, ["a"], ["b"], nodes, imports) for name, nodes in bodies.items()]


def call(name, left, output):
    return helper.make_node(name, [left], [output], domain="own")


def test_functions_that_call_themselves_or_grow_without_end_are_errors(tmp_path):
    for bodies, words in (
        ({"F": [call("F", "a", "b")]}, "calls itself"),
        ({"F": [call("G", "a", "b")], "G": [call("F", "a", "b")]}, "calls itself"),
        (
            {"F0": [helper.make_node("Relu", ["a"], ["b"])]}
            | {f"F{k}": [call(f"F{k - 1}", "a", "t"), call(f"F{k - 1}", "t", "b")] for k in range(1, 40)},
            "more than",
        ),
    ):
        last = [*bodies][-1]
        made = model([call(last, "x", "y")], [X], [Y], functions=functions(bodies), domains=["own"])
        refused(tmp_path, made, words)


def test_a_loop_of_a_billion_steps_is_a_lower_bound(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Identity", ["ci"], ["co"]), product("v", "vo")],
        "body",
        [value("i", [], TensorProto.INT64), value("ci", [], TensorProto.BOOL), value("v", None)],
        [value("co", [], TensorProto.BOOL), value("vo", None)],
    )
    node = helper.make_node("Loop", ["m", "", "x"], ["y"], body=body)
    made = model([node], [X], [Y], [SQUARE, tensor("m", np.int64(10**9))])
    report = archscope.analyze(archscope.load(saved(tmp_path, made)))
    assert (report.totals.complete, report.totals.macs) == (False, 16)


@pytest.mark.parametrize("content", [b"", b"no protobuf\n" * 20, b"PK\x03\x04" + bytes(90), b"\x08\x07"])
def test_what_is_no_onnx_file_says_so(tmp_path, content):
    refused(tmp_path, content, "ONNX")


def test_names_of_no_text_are_an_error(tmp_path):
    whole = model([helper.make_node("Relu", ["x"], ["y"], name="abcdef")], [X], [Y]).SerializeToString()
    refused(tmp_path, whole.replace(b"abcdef", b"ab\xff\xfeef"), "no text")


def test_without_the_package_it_says_what_to_install(tmp_path):
    path = saved(tmp_path, model([helper.make_node("Relu", ["x"], ["y"])], [X], [Y]))
    script = (
        "import sys; sys.modules['onnx'] = None\n"
        "from archscope.cli import main\nsys.argv = ['archscope', 'analyze', sys.argv[1]]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install onnx" in done.stderr


def test_damaged_files_are_errors_or_reports_and_never_crashes(tmp_path):
    make, args = NETWORKS["cnn"]
    files = [exported(tmp_path, make(), args(), dynamo=dynamo, name=f"{dynamo}.onnx") for dynamo in (False, True)]
    contents = []
    for file in files:
        with open(file, "rb") as stream:  # noqa: PTH123 - a path as the helper gives it
            contents.append(stream.read())
    source = random.Random(16)  # noqa: S311 - no secret
    refusals = 0
    for _ in range(250):
        broken = bytearray(source.choice(contents))
        for _ in range(source.choice([1, 3, 20])):
            place = source.randrange(len(broken))
            kind = source.random()
            if kind < 0.7:
                broken[place] = source.randrange(256)
            elif kind < 0.9:
                del broken[place : place + source.randrange(1, 6)]
            else:
                del broken[place:]
                break
        try:
            archscope.analyze(archscope.load(saved(tmp_path, bytes(broken))))
        except ArchscopeError:
            refusals += 1
    assert 0 < refusals < 250
