"""TFLite files against the runtime itself: the shapes of all tensors and the arena that its planner lays out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tflite_graphs import Graph, Op, T, built, const, saved

import archscope
from archscope.sources.tflite_file import from_tflite

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
CONV = {"Padding": 0, "StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1}
POOL = {"Padding": 1, "StrideW": 2, "StrideH": 2, "FilterWidth": 3, "FilterHeight": 2}
ORDER = const("order", np.array([0, 2, 1, 3], np.int32))


def ran(content, sizes=()):
    """By tensor: its shape and its place in memory, as the runtime has them."""
    runtime = Interpreter(model_content=content, experimental_op_resolver_type=PLAIN)
    for index, shape in sizes:
        runtime.resize_tensor_input(index, shape)
    runtime.allocate_tensors()
    found = {}
    for told in runtime.get_tensor_details():
        array = runtime.tensor(told["index"])()
        found[told["index"]] = array.shape, array.__array_interface__["data"][0], array.nbytes
        del array
    return found


def branches():
    """Sums in the place of an input, a view, two branches, a concatenation; an input that is read late."""
    transposed = [Op("TRANSPOSE", (one, "order"), (two,)) for one, two in (("x", "a"), ("s", "b"), ("f", "g"))]
    return Graph(
        [
            T("x", (1, 8, 8, 5)), ORDER, T("a", (1, 8, 8, 5)), T("s", (1, 8, 8, 5)), T("b", (1, 8, 8, 5)),
            T("e", (1, 8, 8, 5)), T("c", (1, 8, 8, 10)), const("n", np.array([1, 8, 16, 5], np.int32)),
            T("f", (1, 8, 16, 5)), T("g", (1, 16, 8, 5)), T("p", (1, 8, 3, 5)), T("y", (1, 8, 8, 5)),
        ],
        [
            transposed[0],
            Op("ADD", ("a", "a"), ("s",), "AddOptions", {}),
            transposed[1],
            Op("EXP", ("s",), ("e",), "ExpOptions", {}),
            Op("CONCATENATION", ("b", "e"), ("c",), "ConcatenationOptions", {"Axis": 3}),
            Op("RESHAPE", ("c", "n"), ("f",), "ReshapeOptions", {"NewShape": [1, 8, 16, 5]}),
            transposed[2],
            Op("MAX_POOL_2D", ("g",), ("p",), "Pool2DOptions", POOL),
            Op("MUL", ("x", "b"), ("y",), "MulOptions", {}),
        ],
        ("x",), ("y", "p"),
    )  # fmt: skip


def half():
    """Weights of half precision, which are unpacked once and kept; strides, dilation, padding."""
    return Graph(
        [
            T("x", (1, 11, 9, 4)), const("w16", np.ones((6, 1, 1, 4), np.float16)), T("w", (6, 1, 1, 4)),
            const("b", np.ones(6, np.float32)), T("c", (1, 11, 9, 6)), const("d", np.ones((1, 3, 3, 12), np.float32)),
            const("zeros", np.zeros(12, np.float32)), T("y", (1, 5, 3, 12)), const("pads", np.zeros((4, 2), np.int32)),
            T("q", (1, 5, 3, 12)),
        ],
        [
            Op("DEQUANTIZE", ("w16",), ("w",)),
            Op("CONV_2D", ("x", "w", "b"), ("c",), "Conv2DOptions", CONV),
            Op("DEPTHWISE_CONV_2D", ("c", "d", "zeros"), ("y",), "DepthwiseConv2DOptions",
               {**CONV, "Padding": 1, "StrideW": 2, "StrideH": 2, "DepthMultiplier": 2}),
            Op("PAD", ("y", "pads"), ("q",)),
        ],
        ("x",), ("q",),
    )  # fmt: skip


def test_shapes_and_the_arena_are_those_of_the_runtime(tmp_path):
    for graph in (branches(), half()):
        content = built(graph)
        runtime = ran(content)
        seen = archscope.load(saved(tmp_path, content)).trace(None)
        index = {tensor.name: place for place, tensor in enumerate(graph.tensors)}
        for call, op in zip(seen.calls, graph.operators, strict=True):
            assert [meta.shape for meta in call.outputs] == [runtime[index[name]][0] for name in op.outputs], op.name
        there = [runtime[index[t.name]][1:] for t in graph.tensors if t.data is None and t.name != "w"]
        span = max(place + nbytes for place, nbytes in there) - min(place for place, _ in there)
        assert seen.arena == span + (4 * 6 * 4 if "w" in index else 0)


def test_open_sizes_are_followed_as_the_runtime_follows_them(tmp_path):
    graph = Graph(
        [
            T("x", (1, 8, 8, 3), signature=(-1, -1, -1, 3)), const("w", np.ones((4, 3, 3, 3), np.float32)),
            const("b", np.ones(4, np.float32)), T("c", (1, 8, 8, 4), signature=(-1, -1, -1, 4)),
            const("axes", np.array([1, 2], np.int32)), T("m", (1, 4), signature=(-1, 4)),
            T("p", (1, 4, 3, 4), signature=(-1, -1, -1, 4)), const("v", np.ones((2, 4), np.float32)),
            T("y", (1, 2), signature=(-1, 2)),
        ],
        [
            Op("CONV_2D", ("x", "w", "b"), ("c",), "Conv2DOptions", {**CONV, "StrideH": 2}),
            Op("AVERAGE_POOL_2D", ("c",), ("p",), "Pool2DOptions", POOL),
            Op("MEAN", ("p", "axes"), ("m",), "ReducerOptions", {}),
            Op("FULLY_CONNECTED", ("m", "v", None), ("y",), "FullyConnectedOptions", {}),
        ],
        ("x",), ("y",),
    )  # fmt: skip
    content = built(graph)
    spec = archscope.load(saved(tmp_path, content))
    report = archscope.analyze(spec, archscope.sources.parse_inputs(("3x17x22x3",)), keep_calls=True)
    runtime = ran(content, [(0, (3, 17, 22, 3))])
    index = {tensor.name: place for place, tensor in enumerate(graph.tensors)}
    made = sorted(tuple(runtime[index[name]][0]) for op in graph.operators for name in op.outputs)
    assert sorted(shape for row in report.calls for shape in row.outputs) == made


SINGLE = {
    "STRIDED_SLICE": ((5, 6), [np.array([1, 0]), np.array([5, -1]), np.array([2, 1])], "StridedSliceOptions", {}),
    "SLICE": ((5, 6), [np.array([1, 2]), np.array([3, -1])], "", {}),
    "TRANSPOSE": ((2, 3, 4), [np.array([2, 0, 1])], "", {}),
    "PAD": ((2, 3), [np.array([[1, 2], [0, 1]])], "", {}),
    "TILE": ((2, 3), [np.array([2, 3])], "", {}),
    "EXPAND_DIMS": ((2, 3), [np.array(-1)], "", {}),
    "SQUEEZE": ((1, 3, 1), [], "SqueezeOptions", {"SqueezeDims": [2]}),
    "RESIZE_BILINEAR": ((1, 4, 4, 2), [np.array([7, 9])], "ResizeBilinearOptions", {}),
    "SPACE_TO_DEPTH": ((1, 4, 6, 2), [], "SpaceToDepthOptions", {"BlockSize": 2}),
    "DEPTH_TO_SPACE": ((1, 2, 3, 8), [], "DepthToSpaceOptions", {"BlockSize": 2}),
    "SPACE_TO_BATCH_ND": ((1, 4, 4, 1), [np.array([2, 2]), np.array([[0, 0], [2, 0]])], "", {}),
    "BATCH_TO_SPACE_ND": ((4, 2, 2, 1), [np.array([2, 2]), np.array([[0, 0], [0, 1]])], "", {}),
    "GATHER": ((5, 6), [np.array([1, 4, 2])], "GatherOptions", {"Axis": 1}),
    "MEAN": ((2, 3, 4), [np.array([-1])], "ReducerOptions", {"KeepDims": True}),
    "ARG_MAX": ((2, 3, 4), [np.array(1)], "ArgMaxOptions", {"OutputType": 2}),
    "RESHAPE": ((2, 3, 4), [np.array([4, -1])], "", {}),
    "REVERSE_V2": ((2, 3), [np.array([0])], "", {}),
    "PACK": ((2, 3), [], "PackOptions", {"ValuesCount": 1, "Axis": 1}),
    "MIRROR_PAD": ((4, 3), [np.array([[1, 2], [0, 1]])], "MirrorPadOptions", {"Mode": 0}),
}


@pytest.mark.parametrize("op", SINGLE)
def test_shapes_of_single_operators_are_those_of_the_runtime(tmp_path, op):
    shape, constants, kind, options = SINGLE[op]
    held = [const(f"k{place}", np.asarray(array, np.int32)) for place, array in enumerate(constants)]
    open_sizes = (-1,) * {"TRANSPOSE": 3, "PACK": 3, "RESHAPE": 2}.get(op, len(shape))  # what the file says is no help
    made = "int32" if op == "ARG_MAX" else "float32"
    output = T("y", (1,) * len(open_sizes), made, signature=open_sizes)
    names = ("x", *(tensor.name for tensor in held))
    content = built(Graph([T("x", shape), *held, output], [Op(op, names, ("y",), kind, options)], ("x",), ("y",)))
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    seen = from_tflite(str(path), path).trace(None)
    assert seen.modules[0].output_shapes == (tuple(ran(content)[len(held) + 1][0]),)
