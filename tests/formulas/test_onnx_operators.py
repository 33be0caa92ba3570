"""Operators of ONNX: each of the default domain has a rule or a reason, and formulas count as naive loops do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx import defs, helper
from onnx_graphs import model, saved, tensor, value

import archscope
from archscope.formulas import DEFAULT_FORMULAS
from archscope.formulas.onnx_movement import ONNX_GAPS

#: Operators of the default domain that no test here compares with a count of a loop, a run or an ATen twin's own test.
F = np.float32


def operators():
    return {schema.name for schema in defs.get_all_schemas_with_history() if not schema.domain}


def test_every_operator_of_the_default_domain_has_a_rule_or_a_reason():
    assert len(operators()) > 190
    assert {op for op in operators() if DEFAULT_FORMULAS.find(f"onnx::{op}") is None} == set(ONNX_GAPS)


def cost(tmp_path, op, shapes, weights=(), outputs=1, domain="", opset=23, **attributes):
    """MACs and FLOPs of one node whose first inputs have ``shapes``; further ones are ``weights``, None left out."""
    names = [f"x{k}" for k in range(len(shapes))]
    held = [tensor(f"w{k}", array) for k, array in enumerate(weights) if array is not None]
    further = [f"w{k}" if array is not None else "" for k, array in enumerate(weights)]
    node = helper.make_node(op, names + further, [f"y{k}" for k in range(outputs)], domain=domain, **attributes)
    given = [value(name, shape) for name, shape in zip(names, shapes, strict=True)]
    made = model([node], given, [value("y0", None)], held, opset=opset, domains=[domain] if domain else ())
    report = archscope.analyze(archscope.load(saved(tmp_path, made)))
    assert report.totals.complete, report.uncounted
    return report.totals.macs, report.totals.flops


def places(*sizes):
    return itertools.product(*map(range, sizes))


@pytest.mark.parametrize("groups", [1, 2])
def test_convolution(tmp_path, groups):
    # every output of 4 x 3 x 3 adds the products of a window of (4 / groups) x 3 x 2
    macs = sum(1 for _ in places(4, 5, 6, 4 // groups, 3, 2))
    weights = [np.ones((4, 4 // groups, 3, 2), F), np.ones(4, F)]
    assert cost(tmp_path, "Conv", [[1, 4, 7, 7]], weights, group=groups) == (macs, 2 * macs + 4 * 5 * 6)


def test_transposed_convolution(tmp_path):
    macs = sum(1 for _ in places(4, 5, 5, 3, 2, 2))  # every input is spread by 3 x 2 x 2
    assert cost(tmp_path, "ConvTranspose", [[1, 4, 5, 5]], [np.ones((4, 3, 2, 2), F)], strides=[2, 2]) == (
        macs,
        2 * macs,
    )


def test_deformable_convolution(tmp_path):
    macs = sum(1 for _ in places(5, 4, 4, 3, 2, 2))
    sampled = sum(1 for _ in places(3, 2, 2, 4, 4))
    weights = [np.ones((5, 3, 2, 2), F), np.zeros((1, 8, 4, 4), F)]
    assert cost(tmp_path, "DeformConv", [[1, 3, 5, 5]], weights, opset=22) == (macs, 2 * macs + 7 * sampled)


def test_matrix_products(tmp_path):
    macs = sum(1 for _ in places(2, 3, 4, 5))
    assert cost(tmp_path, "MatMul", [[2, 3, 4], [4, 5]]) == (macs, 2 * macs)
    assert cost(tmp_path, "MatMul", [[4], [4]]) == (4, 8)
    macs = sum(1 for _ in places(3, 4, 5))
    assert cost(tmp_path, "Gemm", [[4, 3], [5, 4], [5]], transA=1, transB=1, alpha=0.5) == (macs, 2 * macs + 2 * 15)
    assert cost(tmp_path, "Gemm", [[3, 4], [4, 5]]) == (macs, 2 * macs)


def test_einsum(tmp_path):
    macs = sum(1 for _ in places(2, 3, 4, 5))
    assert cost(tmp_path, "Einsum", [[2, 3, 4], [2, 4, 5]], equation="bij,bjk->bik") == (macs, 2 * macs)
    assert cost(tmp_path, "Einsum", [[2, 3, 4], [2, 4, 5]], equation="...ij,...jk") == (macs, 2 * macs)
    assert cost(tmp_path, "Einsum", [[3], [4]], equation="i,j->ij") == (0, 12)
    assert cost(tmp_path, "Einsum", [[3, 4]], equation="ij->ji") == (0, 0)
    assert cost(tmp_path, "Einsum", [[3, 4]], equation="ij->i") == (0, 12)
    chain = 2 * 3 * 4 + 2 * 4 * 5
    assert cost(tmp_path, "Einsum", [[2, 3], [3, 4], [4, 5]], equation="ab,bc,cd->ad") == (chain, 2 * chain)


@pytest.mark.parametrize(("op", "gates", "each"), [("LSTM", 4, 13), ("GRU", 3, 10), ("RNN", 1, 2)])
def test_recurrent_layers(tmp_path, op, gates, each):
    steps, batch, inputs, hidden, directions = 5, 2, 3, 4, 2
    macs = sum(1 for _ in places(steps, batch, directions, gates * hidden, inputs + hidden))
    biases = sum(1 for _ in places(steps, batch, directions, 2 * gates * hidden))
    weights = [
        np.ones((directions, gates * hidden, inputs), F),
        np.ones((directions, gates * hidden, hidden), F),
        np.ones((directions, 2 * gates * hidden), F),
    ]
    found = cost(tmp_path, op, [[steps, batch, inputs]], weights, hidden_size=hidden, direction="bidirectional")
    assert found == (macs, 2 * macs + biases + each * steps * batch * directions * hidden)


def test_attention(tmp_path):
    batch, heads, length, source, size = 2, 3, 4, 6, 5
    scores = sum(1 for _ in places(batch, heads, length, source))
    apart = [[batch, heads, length, size], [batch, heads, source, size], [batch, heads, source, size]]
    assert cost(tmp_path, "Attention", apart) == (2 * scores * size, 4 * scores * size + 6 * scores)
    beside = [[batch, n, heads * size] for n in (length, source, source)]
    found = cost(tmp_path, "Attention", beside, q_num_heads=heads, kv_num_heads=heads, is_causal=1)
    assert found == (2 * scores * size, 4 * scores * size + 7 * scores)


def test_attention_of_onnxruntime(tmp_path):
    batch, tokens, features, heads = 2, 5, 8, 2
    projected = sum(1 for _ in places(batch, tokens, features, 3 * features))
    scores = sum(1 for _ in places(batch, heads, tokens, tokens))
    macs = projected + 2 * scores * (features // heads)
    weights = [np.ones((features, 3 * features), F), np.ones(3 * features, F)]
    found = cost(tmp_path, "Attention", [[batch, tokens, features]], weights, domain="com.microsoft", num_heads=heads)
    assert found == (macs, 2 * macs + batch * tokens * 3 * features + 6 * scores)
    packed = [[batch, tokens, features], [batch, tokens, features // 2], [batch, tokens, features // 2]]
    found = cost(tmp_path, "GroupQueryAttention", packed, domain="com.microsoft", num_heads=heads, kv_num_heads=1)
    assert found[0] == 2 * scores * (features // heads)
    found = cost(
        tmp_path, "MultiHeadAttention", [[batch, tokens, features]] * 3, domain="com.microsoft", num_heads=heads
    )
    assert found[0] == 2 * scores * (features // heads)


def test_normalisations(tmp_path):
    one = np.ones(4, F)
    assert cost(tmp_path, "BatchNormalization", [[2, 4, 3]], [one, one, one, one]) == (0, 2 * 24)
    assert cost(tmp_path, "LayerNormalization", [[2, 3, 4]], [one, one]) == (0, 7 * 24 + 2 * 6)
    assert cost(tmp_path, "RMSNormalization", [[2, 3, 4]], [one]) == (0, 4 * 24 + 2 * 6)
    assert cost(tmp_path, "InstanceNormalization", [[2, 4, 3]], [one, one]) == (0, 7 * 24 + 2 * 8)
    assert cost(tmp_path, "GroupNormalization", [[2, 4, 3]], [one, one], num_groups=2) == (0, 7 * 24 + 2 * 4)
    assert cost(tmp_path, "LpNormalization", [[2, 4]], axis=1) == (0, 3 * 8 + 2)
    assert cost(tmp_path, "LRN", [[1, 4, 3, 3]], size=5) == (0, 9 * 36)
    assert cost(tmp_path, "MeanVarianceNormalization", [[2, 3, 4, 4]]) == (0, 5 * 96 + 2 * 3)


def test_poolings(tmp_path):
    assert cost(tmp_path, "MaxPool", [[1, 2, 6, 6]], kernel_shape=[3, 2], strides=[3, 2]) == (0, 2 * 2 * 3 * 5)
    assert cost(tmp_path, "AveragePool", [[1, 2, 6, 6]], kernel_shape=[3, 2], strides=[3, 2]) == (0, 2 * 2 * 3 * 6)
    assert cost(tmp_path, "GlobalAveragePool", [[1, 2, 6, 6]]) == (0, 72)
    assert cost(tmp_path, "GlobalMaxPool", [[1, 2, 6, 6]]) == (0, 70)
    assert cost(tmp_path, "LpPool", [[1, 2, 6]], kernel_shape=[3], strides=[3], opset=22) == (0, 2 * 2 * 3 * 2 + 4)
    assert cost(tmp_path, "GlobalLpPool", [[1, 2, 6]], opset=22) == (0, 2 * 12 + 2)


ONE_EACH = "Abs Neg Reciprocal Ceil Floor Round Sign Sqrt Exp Log Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh "
ONE_EACH += "Acosh Atanh Sigmoid Relu IsNaN"
PER_ELEMENT = dict.fromkeys(ONE_EACH.split(), 1) | {
    "LeakyRelu": 2,
    "Elu": 3,
    "Selu": 4,
    "Celu": 4,
    "ThresholdedRelu": 1,
    "HardSigmoid": 4,
    "HardSwish": 5,
    "Softplus": 3,
    "Softsign": 3,
    "Mish": 4,
    "Gelu": 4,
    "Shrink": 4,
    "Hardmax": 2,
    "Softmax": 5,
    "LogSoftmax": 5,
    "IsInf": 2,
    "Identity": 0,
    "Flatten": 0,
    "Dropout": 0,
    "Size": 0,
    "Shape": 0,
}


@pytest.mark.parametrize("op", PER_ELEMENT)
def test_operators_on_single_elements(tmp_path, op):
    assert cost(tmp_path, op, [[2, 3, 4]]) == (0, PER_ELEMENT[op] * 24)


@pytest.mark.parametrize(
    "op", ["Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Sum", "Equal", "Greater", "Less"]
)
def test_operators_on_pairs(tmp_path, op):
    settings = {"fmod": 1} if op == "Mod" else {}
    assert cost(tmp_path, op, [[3, 1], [4]], **settings) == (0, 12)


def test_clip_counts_the_bounds_that_are_given(tmp_path):
    assert cost(tmp_path, "Clip", [[3, 4]], [F(0), F(6)]) == (0, 24)
    assert cost(tmp_path, "Clip", [[3, 4]], [F(0)]) == (0, 12)
    assert cost(tmp_path, "Clip", [[3, 4]], opset=6) == (0, 0)
    assert cost(tmp_path, "Clip", [[3, 4]], opset=6, min=0.0, max=6.0) == (0, 24)


REDUCTIONS = {"ReduceSum": 12, "ReduceMean": 12, "ReduceMax": 12, "ReduceMin": 12, "ReduceProd": 12, "ReduceL1": 24}
REDUCTIONS |= {"ReduceL2": 24 + 3, "ReduceSumSquare": 24, "ReduceLogSum": 12 + 3, "ReduceLogSumExp": 48 + 6}


@pytest.mark.parametrize("op", REDUCTIONS)
def test_reductions(tmp_path, op):
    assert cost(tmp_path, op, [[3, 4]], [np.array([1])]) == (0, REDUCTIONS[op])


def test_scans_sortings_and_resamplings(tmp_path):
    assert cost(tmp_path, "CumSum", [[3, 4]], [np.array(1)]) == (0, 12)
    assert cost(tmp_path, "ArgMax", [[3, 4]], axis=1) == (0, 12)
    assert cost(tmp_path, "TopK", [[3, 8]], [np.array([4])], outputs=2) == (0, 24 * 3)
    scales = np.array([1, 1, 2, 2], F)
    for mode, each in (("nearest", 0), ("linear", 7), ("cubic", 31)):
        assert cost(tmp_path, "Resize", [[1, 2, 3, 3]], [None, scales], mode=mode) == (0, each * 72)
    assert cost(tmp_path, "GridSample", [[1, 2, 3, 3], [1, 4, 5, 2]]) == (0, 7 * 40)
    assert cost(tmp_path, "ScatterND", [[4, 3]], [np.array([[0], [2]]), np.ones((2, 3), F)]) == (0, 0)
    added = cost(tmp_path, "ScatterND", [[4, 3]], [np.array([[0], [2]]), np.ones((2, 3), F)], reduction="add")
    assert added == (0, 6)


def test_quantisation(tmp_path):
    scale, zero = F(0.1), np.uint8(3)
    assert cost(tmp_path, "QuantizeLinear", [[3, 4]], [scale, zero]) == (0, 60)
    assert cost(tmp_path, "DynamicQuantizeLinear", [[3, 4]], outputs=3)[1] == 7 * 12


def test_layers_of_onnxruntime(tmp_path):
    one, own = np.ones(4, F), {"domain": "com.microsoft"}
    assert cost(tmp_path, "BiasGelu", [[2, 3, 4], [4]], **own) == (0, 5 * 24)
    assert cost(tmp_path, "FastGelu", [[2, 3, 4]], **own) == (0, 8 * 24)
    assert cost(tmp_path, "QuickGelu", [[2, 3, 4]], **own) == (0, 3 * 24)
    assert cost(tmp_path, "SkipLayerNormalization", [[2, 3, 4]] * 2, [one, one], **own) == (0, 24 + 7 * 24 + 2 * 6)
    assert cost(tmp_path, "FusedMatMul", [[4, 3], [4, 5]], transA=1, alpha=0.5, **own) == (60, 120 + 15)
    fused = cost(tmp_path, "FusedConv", [[1, 2, 4, 4]], [np.ones((3, 2, 3, 3), F)], activation="Relu", **own)
    assert fused == (3 * 4 * 18, 2 * 3 * 4 * 18 + 12)
