"""Transforms, reductions, resamplings, boxes and elementwise operators of ONNX by hand, at each edge of a setting."""

from __future__ import annotations

import math

import pytest
from opcalls import cost_of, meta

from archscope.formulas import DEFAULT_FORMULAS


def flops(op, output, **arguments):
    """The operations of an operator of ONNX that has no products; the cost is whole."""
    cost = cost_of(f"onnx::{op}", output, **arguments)
    assert (cost.macs, cost.partial) == (0, False)
    return cost.flops


def butterflies(rows, n, *, real=False):
    """Each of log2 n levels pairs n elements: n / 2 complex products (6) and twice as many sums (2 each)."""
    count = sum(6 + 2 * 2 for _ in range(rows * math.ceil(math.log2(n)) * n // 2))
    return count // 2 if real else count


@pytest.mark.parametrize(
    ("given", "output", "options", "expected"),
    [
        ((2, 8, 1), (2, 8, 2), {}, butterflies(2, 8, real=True)),
        ((2, 8, 2), (2, 8, 2), {}, butterflies(2, 8)),
        ((2, 8, 1), (2, 5, 2), {"onesided": 1}, butterflies(2, 8, real=True)),
        ((2, 8, 2), (2, 8, 2), {"inverse": 1}, butterflies(2, 8) + 32),  # each real number scaled
        ((2, 8, 1), (2, 16, 2), {"dft_length_value": [16]}, butterflies(2, 16, real=True)),
        ((4, 8, 3, 2), (4, 8, 3, 2), {"axis": 1}, butterflies(12, 8)),
        ((4, 8, 3, 2), (4, 8, 3, 2), {"axis_value": [0]}, butterflies(24, 4)),
        ((4, 8, 3, 2), (4, 8, 3, 2), {"axis_value": [-3]}, butterflies(12, 8)),
        ((4, 16, 2, 2), (4, 16, 2, 2), {}, butterflies(64, 2)),
        ((2, 5, 2), (2, 8, 1), {"onesided": 1, "inverse": 1}, butterflies(2, 8, real=True) + 16),
        ((2, 8, 1), (2, 16, 2), {}, butterflies(2, 16, real=True)),  # a length that is not known shows in the output
    ],
)
def test_a_fourier_transform_along_one_axis(given, output, options, expected):
    assert flops("DFT", output, input=meta(*given), **options) == expected


def test_a_windowed_transform_takes_one_for_each_frame():
    """2 signals of 11 frames of 16 samples, each multiplied by the window."""
    signal, window = meta(2, 100, 1), meta(16)
    whole = 22 * 16 + butterflies(22, 16, real=True)
    assert flops("STFT", (2, 11, 9, 2), signal=signal, window=window) == whole
    assert flops("STFT", (2, 11, 9, 2), signal=meta(2, 100), window=window) == whole
    assert flops("STFT", (2, 11, 9, 2), signal=meta(2, 100, 2), window=window) == 22 * 16 + butterflies(22, 16)
    plain = flops("STFT", (2, 11, 9, 2), signal=signal, window=None, frame_length_value=[32])
    assert plain == butterflies(22, 32, real=True)
    unknown = cost_of("onnx::STFT", (2, 11, 9, 2), signal=signal, window=None)
    assert (unknown.flops, unknown.partial) == (0, True)


def test_boxes_are_suppressed_in_each_batch_and_class():
    """10 boxes: sorted by 4 levels, 3 for each area, 13 for each of 45 pairs."""
    given = {"boxes": meta(2, 10, 4), "scores": meta(2, 3, 10)}
    assert flops("NonMaxSuppression", (7, 3), **given) == 2 * 3 * (40 + 30 + 13 * 45)


def test_regions_take_the_samples_of_their_bins():
    """3 boxes of 2 channels, 7 x 5 bins on a map of 16 x 12: 3 x 3 places a bin where nothing else is told."""
    given = {"X": meta(1, 2, 16, 12), "rois": meta(3, 4)}
    assert flops("RoiAlign", (3, 2, 7, 5), **given, sampling_ratio=2) == 210 * 4 * 8
    assert flops("RoiAlign", (3, 2, 7, 5), **given, sampling_ratio=0) == 210 * 9 * 8
    assert flops("RoiAlign", (3, 2, 7, 5), **given) == 210 * 9 * 8
    assert flops("MaxRoiPool", (3, 2, 7, 5), **given) == flops("MaxRoiPool", (3, 2, 7, 5), **given, pooled_shape=[7, 5])


def test_selections_and_writes():
    x = meta(6, 5)
    assert flops("TopK", (6, 4), X=x, K_value=[4]) == 30 * (1 + 2)
    assert flops("TopK", (6, 1), X=x, k=1) == 30
    unknown = cost_of("onnx::TopK", (6, 4), X=x)
    assert (unknown.flops, unknown.partial) == (30, True)
    assert flops("Unique", (9,), X=x) == 30 * (5 + 1)  # of 30 elements, 5 levels
    assert flops("Unique", (4, 5), X=x, axis=0) == 30 * (3 + 1)  # of 6 rows, 3 levels
    for op in ("Scatter", "ScatterElements", "ScatterND"):
        written = {"data": x, "indices": meta(2, 1), "updates": meta(2, 5)}
        assert flops(op, (6, 5), **written) == flops(op, (6, 5), **written, reduction="none") == 0
        assert flops(op, (6, 5), **written, reduction="add") == 10
    assert flops("ReduceL1", (6, 1), data=x) == 60
    assert flops("ReduceL2", (6, 1), data=x) == 60 + 6
    assert flops("ReduceSumSquare", (6, 1), data=x) == 60
    assert flops("ReduceLogSum", (6, 1), data=x) == 30 + 6


RESIZED = [
    ((1, 2, 3), (1, 2, 6), "linear", 3),
    ((1, 2, 3), (1, 2, 3), "linear", 3),  # to its own size it weighs its neighbours all the same
    ((1, 2, 3, 3), (1, 2, 6, 6), "linear", 7),
    ((1, 2, 3, 3), (1, 2, 6, 3), "linear", 7),  # torch's own operator of two dimensions
    ((1, 2, 3, 3, 3), (1, 2, 6, 6, 6), "linear", 15),
    ((1, 2, 3, 3), (1, 2, 6, 6), "cubic", 31),
    ((3, 3), (6, 6), "linear", 7),
    ((3, 3), (6, 3), "linear", 3),
    ((1, 3, 3, 2), (1, 6, 6, 2), "linear", 7),  # channels last
    ((2, 2, 3), (4, 2, 3), "linear", 3),
    ((1, 1, 2, 2, 2, 2), (1, 1, 2, 2, 2, 4), "linear", 3),
    ((1, 2, 3, 3), (1, 2, 6, 6), "nearest", 0),
]


@pytest.mark.parametrize(("before", "after", "mode", "each"), RESIZED)
def test_a_resize_mixes_the_neighbours_of_its_dimensions(before, after, mode, each):
    for op in ("Resize", "Upsample"):
        assert flops(op, after, X=meta(*before), mode=mode) == each * math.prod(after)
    assert flops("Resize", after, X=meta(*before), mode=mode, antialias=1) == each * math.prod(after)


def test_a_resize_copies_by_default_and_is_a_bound_where_its_filter_widens():
    assert flops("Resize", (1, 2, 6, 6), X=meta(1, 2, 3, 3)) == 0
    shrunk = cost_of("onnx::Resize", (1, 2, 3, 6), X=meta(1, 2, 6, 6), mode="linear", antialias=1)
    assert (shrunk.flops, shrunk.partial) == (7 * 36, True)
    assert flops("Resize", (1, 2, 3, 6), X=meta(1, 2, 6, 6), mode="linear", antialias=0) == 7 * 36


@pytest.mark.parametrize(
    ("mode", "plane", "space"), [("linear", 7, 15), ("bilinear", 7, 15), ("cubic", 31, 127), ("nearest", 0, 0)]
)
def test_samples_of_a_plane_and_of_a_space(mode, plane, space):
    assert flops("GridSample", (1, 2, 4, 5), X=meta(1, 2, 3, 3), grid=meta(1, 4, 5, 2), mode=mode) == 40 * plane
    volume = {"X": meta(1, 2, 3, 3, 3), "grid": meta(1, 4, 5, 6, 3)}
    assert flops("GridSample", (1, 2, 4, 5, 6), **volume, mode=mode) == 240 * space
    assert flops("GridSample", (1, 2, 4, 5), X=meta(1, 2, 3, 3), grid=meta(1, 4, 5, 2)) == 40 * 7


@pytest.mark.parametrize(
    ("shape", "options", "turned"),
    [
        ((2, 3, 5, 8), {}, 8),
        ((2, 3, 5, 8), {"rotary_embedding_dim": 4}, 4),
        ((2, 3, 5, 8), {"rotary_embedding_dim": 0, "cos_cache": meta(10, 3)}, 6),
        ((2, 3, 5, 8), {"cos_cache": meta(10, 16)}, 8),  # no more than there are
        ((2, 5, 24), {"num_heads": 3}, 8),
        ((2, 5, 24), {"num_heads": 3, "rotary_embedding_dim": 6}, 6),
        ((2, 5, 24), {"num_heads": 0}, 24),
        ((2, 3, 5, 8), {"num_heads": 2}, 8),
    ],
)
def test_a_rotation_takes_three_for_each_element_of_a_pair_that_it_turns(shape, options, turned):
    features = 8 if options.get("num_heads") else shape[-1]
    assert flops("RotaryEmbedding", shape, X=meta(*shape), **options) == 3 * turned * math.prod(shape) // features


def test_an_affine_grid_is_a_product():
    cost = cost_of("onnx::AffineGrid", (2, 4, 5, 2), theta=meta(2, 2, 3), size=meta(4))
    assert (cost.macs, cost.flops) == (2 * 20 * 2 * 3, 2 * 2 * 20 * 2 * 3)


def test_gates_and_tests_by_their_settings():
    x = meta(3, 10)
    assert flops("Swish", (3, 10), X=x) == flops("Swish", (3, 10), X=x, alpha=1.0) == 60
    assert flops("Swish", (3, 10), X=x, alpha=1.7) == 90
    assert flops("SwiGLU", (3, 5), X=x) == flops("SwiGLU", (3, 5), X=x, alpha=1.0) == 45
    assert flops("SwiGLU", (3, 5), X=x, alpha=1.7) == 60
    assert flops("IsInf", (3, 10), X=x) == 60
    assert flops("IsInf", (3, 10), X=x, detect_negative=0) == flops("IsInf", (3, 10), X=x, detect_positive=0) == 30
    assert flops("LRN", (3, 10), X=x, size=3) == 30 * (1 + 2 + 2 + 1 + 1)
    assert flops("Gelu", (3, 10), X=x) == flops("Gelu", (3, 10), X=x, approximate="none") == 120
    assert flops("Gelu", (3, 10), X=x, approximate="tanh") == 240
    assert (flops("Elu", (3, 10), X=x), flops("Selu", (3, 10), X=x)) == (90, 120)
    assert flops("Dropout", (3, 10), data=x) == flops("Dropout", (3, 10), data=x, training_mode_value=[False]) == 0
    assert flops("Dropout", (3, 10), data=x, training_mode_value=[True]) == 120


def test_sums_of_several_tensors_take_one_less_than_there_are():
    three = [meta(3, 10), meta(10), meta(3, 1)]
    for op in ("Max", "Min", "Sum"):
        assert flops(op, (3, 10), data_0=three) == 60
        assert flops(op, (3, 10), data_0=three[:1]) == flops(op, (3, 10), data_0=[]) == 0
    assert flops("Mean", (3, 10), data_0=three) == 90


@pytest.mark.parametrize(
    ("bounds", "given"),
    [
        ({"min": meta(), "max": meta()}, 2),
        ({"min": None, "max": meta()}, 1),
        ({"min": 0.0, "max": 6.0}, 2),
        ({"min": -3.4028234663852886e38, "max": 3.4028234663852886e38}, 0),
        ({"min": -3.4028234663852886e38, "max": 6.0}, 1),
        ({"min": 0.0, "max": 3.4028234663852886e38}, 1),
        ({"min": -3.4e38, "max": 3.4e38}, 0),
    ],
)
def test_a_bound_as_wide_as_its_type_bounds_nothing(bounds, given):
    assert flops("Clip", (3, 10), input=meta(3, 10), **bounds) == 30 * given


@pytest.mark.parametrize(("options", "summed"), [({"reduction": "none"}, 0), ({"reduction": "sum"}, 1), ({}, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_likelihood_picks_negates_and_sums(options, summed, weighted):
    """6 labels of 10 classes: a weight is multiplied in, and summed too."""
    labels = {"target": meta(6), "weight": meta(10)} if weighted else {"target": meta(6), "weight": None}
    likelihood = 6 * (1 + weighted) * (1 + summed)
    assert flops("NegativeLogLikelihoodLoss", (), input=meta(6, 10), **labels, **options) == likelihood
    entropy = {"scores": meta(6, 10), "labels": labels["target"], "weights": labels["weight"]}
    assert flops("SoftmaxCrossEntropyLoss", (), **entropy, **options) == 60 * 5 + likelihood


def test_an_operator_s_derivation_names_the_one_that_it_counts_as():
    said = {name: DEFAULT_FORMULAS.find(f"onnx::{name}") for name in ("MatMul", "Gemm", "Softsign")}
    product = DEFAULT_FORMULAS.find("aten::mm").derivation
    assert said["MatMul"].derivation == f"As `aten::mm`.\n\n{product}"
    assert said["Gemm"].derivation.startswith("As `aten::addmm`: without C its beta is 0.\n\n")
    assert said["Softsign"].derivation == "`x / (1 + abs(x))`: 3 per output element."
    assert said["Softsign"].family == "activation"
    assert DEFAULT_FORMULAS.find("onnx::DynamicQuantizeLinear").family == "quantization"
