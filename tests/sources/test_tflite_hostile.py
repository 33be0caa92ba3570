"""TFLite files from strangers: absurd, damaged, endless or lying; each is a clear error of the file, none a crash."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from hostile_files import _flat, flat_like
from tflite_graphs import Graph, Op, T, built, const, saved, single

import archscope
from archscope.errors import ArchscopeError, ImportModelError

X, Y = T("x", (1, 4)), T("y", (1, 4))


def refused(tmp_path, content, words):
    with pytest.raises(ImportModelError, match=words):
        archscope.analyze(archscope.load(saved(tmp_path, content)))


def negated(*, tensors=(X, Y), inputs=("x",), outputs=("y",), taken=("x",), given=("y",)):
    return built(Graph([*tensors], [Op("NEG", inputs, outputs)], taken, given))


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"no flatbuffer\n" * 9, b"PK\x03\x04" + bytes(90), b"\0\0\0\0TFL2" * 4]
)
def test_what_is_no_tflite_file_says_so(tmp_path, content):
    refused(tmp_path, content, "TFL3")


@pytest.mark.parametrize("root", [0xFFFFFFFF, 0x7FFFFFFF, 8, 1000])
def test_a_root_that_lies_elsewhere_is_an_error(tmp_path, root):
    refused(tmp_path, root.to_bytes(4, "little") + b"TFL3" + bytes(60), "damaged|no TFLite file")


def test_a_table_that_describes_itself_ends(tmp_path):
    loop = (8).to_bytes(4, "little") + b"TFL3" + bytes(4) * 8
    refused(tmp_path, loop, "damaged|no TFLite file|no graph")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": (7,)}, "names tensor 7"),
        ({"outputs": (7,)}, "names tensor 7"),
        ({"inputs": (-2,)}, "names tensor -2"),
        ({"taken": (9,)}, "names tensor 9"),
        ({"given": (9,)}, "names tensor 9"),
        ({"inputs": ("y",)}, "which nothing makes before it"),
        ({"outputs": ("x",)}, "made already"),
        ({"inputs": ()}, "does not take what it is given"),
        ({"tensors": (T("x", (-4, 4)), Y)}, "has the shape"),
        ({"tensors": (T("x", (2**31 - 1,) * 4), Y)}, "overflows"),
        ({"tensors": (T("x", (1,) * 70), Y)}, "has the shape"),
    ],
)
def test_indices_and_shapes_that_cannot_be_are_errors(tmp_path, changes, words):
    refused(tmp_path, negated(**changes), words)


def test_cycles_are_errors(tmp_path):
    operators = [Op("ADD", ("x", "b"), ("a",)), Op("NEG", ("a",), ("b",)), Op("NEG", ("b",), ("y",))]
    graph = Graph([X, Y, T("a", (1, 4)), T("b", (1, 4))], operators, ("x",), ("y",))
    refused(tmp_path, built(graph), "which nothing makes before it")


@pytest.mark.parametrize(
    ("data", "words"), [(bytes(12), "holds 12 bytes"), (slice(10**6, 10**6 + 64), "behind the end")]
)
def test_constants_of_other_bytes_than_their_shapes_say_are_errors(tmp_path, data, words):
    weight = T("w", (4, 4), data=data)
    refused(tmp_path, built(single("FULLY_CONNECTED", [X, weight, Y], ("x", "w", None), ("y",))), words)


def test_weights_of_an_absurd_shape_are_an_error_of_the_file(tmp_path):
    for shape in ((2**20, 2**20), (0, 4)):
        weight = T("w", shape, data=bytes(8))
        refused(tmp_path, built(single("FULLY_CONNECTED", [X, weight, Y], ("x", "w", None), ("y",))), "holds 8 bytes")


def test_operators_that_do_not_take_what_they_are_given_are_errors(tmp_path):
    options = {"Padding": 0, "StrideW": 0, "StrideH": 0}
    kernel = const("w", np.ones((4,), np.float32))
    graph = single("DEPTHWISE_CONV_2D", [T("x", (1, 4)), kernel, T("y", (1, 4))], ("x", "w"), ("y",),
                   "DepthwiseConv2DOptions", options)  # fmt: skip
    refused(tmp_path, built(graph), "does not take what it is given")


def calling(number, other):
    operators = [Op("CALL", ("x",), ("y",), "CallOptions", {"Subgraph": other})]
    return Graph([X, Y], operators, ("x",), ("y",), name=f"g{number}")


def test_subgraphs_that_call_themselves_are_errors(tmp_path):
    refused(tmp_path, built([calling(0, 0)]), "calls itself")
    refused(tmp_path, built([calling(0, 1), calling(1, 2), calling(2, 1)]), "calls itself")
    refused(tmp_path, built([calling(0, 5)]), "calls subgraph 5")
    refused(
        tmp_path, built([calling(k, k + 1) for k in range(80)] + [Graph([X], [], ("x",), ("x",))]), "call each other"
    )


def test_subgraphs_that_grow_without_end_stop(tmp_path):
    def doubled(number):
        operators = [
            Op("CALL", ("x",), ("m",), "CallOptions", {"Subgraph": number + 1}),
            Op("CALL", ("m",), ("y",), "CallOptions", {"Subgraph": number + 1}),
        ]
        return Graph([X, T("m", (1, 4)), Y], operators, ("x",), ("y",))

    last = Graph([X, Y], [Op("NEG", ("x",), ("y",))], ("x",), ("y",))
    refused(tmp_path, built([*(doubled(k) for k in range(40)), last]), "runs more than")


def test_a_loop_of_a_billion_steps_is_a_lower_bound(tmp_path):
    def counted(most):
        less = Graph([T("i", (), "int32"), const("n", np.array(most, np.int32)), T("c", (), "bool")],
                     [Op("LESS", ("i", "n"), ("c",))], ("i",), ("c",))  # fmt: skip
        body = Graph([T("i", (), "int32"), const("one", np.array(1, np.int32)), T("j", (), "int32")],
                     [Op("ADD", ("i", "one"), ("j",), "AddOptions", {})], ("i",), ("j",))  # fmt: skip
        options = {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2}
        loop = Graph([const("start", np.array(0, np.int32)), T("end", (), "int32")],
                     [Op("WHILE", ("start",), ("end",), "WhileOptions", options)], (), ("end",))  # fmt: skip
        return archscope.analyze(archscope.load(saved(tmp_path, built([loop, less, body]))))

    five, endless = counted(5), counted(10**9)
    assert (five.totals.complete, five.totals.flops, five.undecided) == (True, 6 + 5, ())
    assert (endless.totals.complete, endless.totals.flops) == (False, 2)
    assert [(row.op, row.taken) for row in endless.undecided] == [("tflite::WHILE", "one step")]


def test_tables_that_are_listed_a_million_times_are_an_error_soon(tmp_path):
    """The vector of operators says 2**24, and all of its entries point at one table."""
    content = bytearray(negated())
    one = archscope.load(saved(tmp_path, bytes(content)))
    assert archscope.analyze(one).totals.flops == 4
    for count in (2**24, 2**31, 2**32 - 1):
        changed = bytes(content).replace((1).to_bytes(4, "little"), count.to_bytes(4, "little"))
        start = time.process_time()
        with pytest.raises(ArchscopeError):
            archscope.analyze(archscope.load(saved(tmp_path, changed)))
        assert time.process_time() - start < 2


def test_a_file_with_very_many_operators_ends(tmp_path):
    names = [f"t{k}" for k in range(2_001)]
    operators = [Op("NEG", (one,), (other,)) for one, other in itertools.pairwise(names)]
    graph = Graph([T(name, (1, 4)) for name in names], operators, (0,), (2_000,))
    index = {name: place for place, name in enumerate(names)}
    for op in operators:
        op.inputs, op.outputs = (index[op.inputs[0]],), (index[op.outputs[0]],)
    small = Graph(graph.tensors[:3], operators[:2], (0,), (2,))
    assert archscope.analyze(archscope.load(saved(tmp_path, built(small)))).totals.arena_bytes == 144
    start = time.process_time()
    report = archscope.analyze(archscope.load(saved(tmp_path, built(graph))))
    assert (report.totals.flops, time.process_time() - start < 10) == (8_000, True)


def test_names_are_text_and_no_more(tmp_path):
    name = "</script>\x1b[31m;=cmd()"
    graph = single("NEG", [T("x", (1, 4)), T(f"a/{name}/Neg", (1, 4))], ("x",), (f"a/{name}/Neg",))
    report = archscope.analyze(archscope.load(saved(tmp_path, built(graph))))
    assert report.totals.flops == 4
    refused(tmp_path, negated().replace(b"made by hand", b"made by \xff\xfe\xfd\xfc"), "no text|damaged")


def test_without_the_package_it_says_what_to_install(tmp_path):
    path = saved(tmp_path, negated())
    script = (
        "import sys; sys.modules['tflite'] = None\n"
        "from archscope.cli import main\nsys.argv = ['archscope', 'analyze', sys.argv[1]]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install tflite" in done.stderr


def test_damaged_files_are_errors_or_reports_and_never_crashes(tmp_path):
    source = random.Random(16)  # noqa: S311 - no secret
    refusals, whole = 0, _flat()
    for _ in range(100):
        content = flat_like(source, source.choice(whole))
        try:
            spec = archscope.load(saved(tmp_path, content))
            archscope.analyze(spec, archscope.sources.parse_inputs(("1x8x8x3",)))
        except ArchscopeError:
            refusals += 1
    assert 0 < refusals < 100


def zeros(*shape):
    return np.zeros(shape, np.float32)


CONVOLUTION = {"StrideH": 1, "StrideW": 1, "Padding": 1, "DilationHFactor": 1, "DilationWFactor": 1}
IMPOSSIBLE = {
    "a product of other sizes": single(
        "FULLY_CONNECTED", [T("x", (2, 7)), const("w", zeros(4, 5)), T("o", (2, 4))], ("x", "w", None), ("o",)
    ),
    "a batch of products of other sizes": single(
        "BATCH_MATMUL", [T("x", (2, 4, 5)), T("y", (2, 6, 7)), T("o", (2, 4, 7))], ("x", "y"), ("o",)
    ),
    "weights of other channels": single(
        "CONV_2D",
        [T("x", (1, 8, 8, 3)), const("w", zeros(4, 3, 3, 2)), T("o", (1, 6, 6, 4))],
        *(("x", "w", None), ("o",), "Conv2DOptions", CONVOLUTION),
    ),
    "no stride": single(
        "CONV_2D",
        [T("x", (1, 8, 8, 3)), const("w", zeros(4, 3, 3, 3)), T("o", (1, 8, 8, 4))],
        *(("x", "w", None), ("o",), "Conv2DOptions", {**CONVOLUTION, "StrideH": 0}),
    ),
    "no options": single(
        "CONV_2D",
        [T("x", (1, 8, 8, 3)), const("w", zeros(4, 3, 3, 3)), T("o", (1, 6, 6, 4))],
        *(("x", "w", None), ("o",)),
    ),
    "a kernel larger than its picture": single(
        "CONV_2D",
        [T("x", (1, 2, 2, 3)), const("w", zeros(4, 5, 5, 3)), T("o", (1, 2, 2, 4))],
        *(("x", "w", None), ("o",), "Conv2DOptions", CONVOLUTION),
    ),
    "a sum of other sizes": single("ADD", [T("x", (2, 3)), T("y", (4, 5)), T("o", (2, 3))], ("x", "y"), ("o",)),
    "another number of elements": single(
        "RESHAPE", [T("x", (2, 3)), const("s", np.array([5, 5], np.int32)), T("o", (5, 5))], ("x", "s"), ("o",)
    ),
    "an axis that is not there": single(
        "MEAN", [T("x", (1, 4, 4, 3)), const("a", np.array([9], np.int32)), T("o", (1, 3))], ("x", "a"), ("o",)
    ),
}


@pytest.mark.parametrize("content", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_operators_that_the_runtime_refuses_are_not_measured_as_their_file_says(tmp_path, content):
    refused(tmp_path, built(content), "does not take what it is given")
