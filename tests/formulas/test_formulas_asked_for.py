"""What a call is asked for decides what it costs: gradients by their mask, windows that overlap, places that share."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opcalls import cost, cost_of, meta, total
from test_formulas_backward import backward_calls

from archscope.formulas import DEFAULT_FORMULAS

examples = settings(max_examples=25, deadline=None)


def norm_gradients(*, of_input, weighted, of_weight, of_bias):
    """Operations for each element, one at a time: what the textbook's gradients of a norm take."""
    normalised = of_input or of_weight
    count = 2 if normalised else 0  # x_hat: subtract the mean, multiply by the inverse deviation
    if of_input:
        count += 1 if weighted else 0  # g times the weight
        count += 1  # the sum of g
        count += 2  # the sum of g times x_hat
        count += 4  # minus the mean, x_hat times the other mean, minus that, scale
    if of_weight:
        count += 2  # g times x_hat, summed
    if of_bias:
        count += 1  # g, summed
    return count


@pytest.mark.parametrize("kind", ["layer", "group"])
@pytest.mark.parametrize(("of_input", "of_weight", "of_bias"), list(itertools.product([True, False], repeat=3))[:-1])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_gradients_of_a_norm_are_those_asked_for(kind, of_input, of_weight, of_bias, weighted):
    if not weighted and (of_weight or of_bias):
        return
    given_ = {"input": meta(2, 4, 3), "grad_out": meta(2, 4, 3), "weight": meta(4) if weighted else None}
    ours = cost_of(f"aten::native_{kind}_norm_backward", **given_, output_mask=[of_input, of_weight, of_bias])
    each = norm_gradients(of_input=of_input, weighted=weighted, of_weight=of_weight, of_bias=of_bias)
    assert (ours.macs, ours.flops) == (0, 24 * each)


@examples
@example([7, 5], [3, 2])
@given(*[st.lists(st.integers(1, 6), min_size=2, max_size=2)] * 2)
def test_the_gradient_of_an_adaptive_average_is_added_to_each_place_of_its_window(before, after):
    count = 0
    for place in itertools.product(*map(range, after)):
        window = 1
        for i, n, outputs in zip(place, before, after, strict=True):
            window *= math.ceil((i + 1) * n / outputs) - math.floor(i * n / outputs)
        count += 1 + window  # divided once, added to each
    ours = cost_of("aten::_adaptive_avg_pool2d_backward", (3, *before), grad_output=meta(3, *after))
    assert ours.flops == 3 * count


PLACES = {
    "a row each": ((5, 4), (torch.tensor([0, 1, 1]),)),
    "elements": ((5, 4), (torch.tensor([0, 1, 1]), torch.tensor([2, 3, 0]))),
    "a grid": ((5, 4), (torch.tensor([[0], [1], [4]]), torch.tensor([0, 3]))),
    "one row against several columns": ((5, 4), (torch.tensor(2), torch.tensor([1, 1, 3]))),
    "columns": ((5, 4, 2), (None, torch.tensor([0, 3, 3]))),
    "first and last axis": ((5, 4, 2), (torch.tensor([0, 1, 4]), None, torch.tensor([1, 1, 0]))),
    "none": ((5, 4), (torch.zeros(0, dtype=torch.long),)),
}


@pytest.mark.parametrize("name", PLACES)
def test_each_place_that_is_written_takes_an_addition_though_all_share_a_value(name):
    """Ones added to zeros: what they add up to is how many additions there were."""
    (shape, indices), put = PLACES[name], torch.ops.aten.index_put.default
    additions = put(torch.zeros(shape), indices, torch.tensor(1.0), True).sum().item()
    assert cost(put, torch.zeros(shape), indices, torch.tensor(1.0), True).flops == additions
    assert cost(put, torch.zeros(shape), indices, torch.tensor(1.0)).flops == 0


def test_what_a_mask_writes_is_counted_by_its_values():
    mask = torch.tensor([True, False, True])
    assert total(torch.zeros(3, 2).index_put, (mask,), torch.ones(2, 2), accumulate=True).flops >= 4
    masked = {"self": meta(3, 2), "indices": [meta(3, dtype="bool")], "values": meta(2, 2)}
    assert cost_of("aten::index_put", (3, 2), **masked, accumulate=True).flops == 4
    put = {"self": meta(3, 2), "index": meta(5), "source": meta(5)}
    assert cost_of("aten::put", (3, 2), **put, accumulate=True).flops == 5


@pytest.mark.parametrize(
    ("op", "options", "extra"),
    [
        ("_flash_attention_forward", {"cum_seq_q": None, "is_causal": False, "dropout_p": 0.1}, 4),
        ("_flash_attention_forward", {"cum_seq_q": None, "is_causal": True, "dropout_p": 0.1}, 5),
        ("_flash_attention_forward", {"cum_seq_q": None, "is_causal": False, "dropout_p": 0.0}, 0),
        ("_efficient_attention_forward", {"cu_seqlens_q": None, "bias": None, "custom_mask_type": 0}, 0),
        ("_efficient_attention_forward", {"cu_seqlens_q": None, "bias": None, "custom_mask_type": 1}, 1),
        ("_efficient_attention_forward", {"cu_seqlens_q": None, "bias": None, "custom_mask_type": 2}, 1),
        ("_efficient_attention_forward", {"cu_seqlens_q": None, "bias": meta(1), "dropout_p": 0.5}, 5),
    ],
)
def test_attention_with_its_heads_inside_pays_for_a_mask_and_for_dropout(op, options, extra):
    """2 x 3 x 5 x 7 scores of 8 features: scale and softmax 6 for each, a mask 1, dropout 4."""
    tensors = {"query": meta(2, 5, 3, 8), "key": meta(2, 7, 3, 8), "value": meta(2, 7, 3, 8)}
    ours = cost_of(f"aten::{op}", (2, 5, 3, 8), **tensors, **options)
    assert (ours.macs, ours.flops - 2 * ours.macs) == (210 * 16, 210 * (6 + extra))


def test_numbers_of_given_length_and_angle_take_two_functions_and_two_products():
    assert cost(torch.polar, torch.rand(3, 4), torch.rand(4)).flops == 12 * 4
    assert DEFAULT_FORMULAS.find("aten::complex").kind == "free"


def test_rounding_to_decimals_scales_there_and_back():
    x = torch.rand(3, 4)
    assert cost(torch.round, x, decimals=2).flops == cost(x.round_, decimals=2).flops == 36
    assert cost(torch.round, x).flops == cost(x.round_).flops == 12


@pytest.mark.parametrize("kind", ["byte", "4bit", "2bit"])
def test_a_weight_for_each_sample_of_a_quantised_bag_multiplies(kind):
    """5 rows of 4 numbers: converted 2, added 1, weighted 1."""
    given_ = {"weight": meta(10, 12, dtype="uint8"), "indices": meta(5), "offsets": meta(2)}
    for op in (f"quantized::embedding_bag_{kind}", f"quantized::embedding_bag_{kind}_rowwise_offsets"):
        assert cost_of(op, (2, 4), **given_, per_sample_weights=None).flops == 60
        assert cost_of(op, (2, 4), **given_, per_sample_weights=meta(5)).flops == 80


@pytest.mark.parametrize(("weights", "each"), [((torch.ones(6), torch.ones(6)), 10), ((None, None), 9)])
def test_a_frozen_norm_has_the_gradient_of_its_input_alone(weights, each):
    """9 for each element, and the product with the weight."""
    calls = backward_calls(lambda x: F.layer_norm(x, [6], *weights), torch.rand(2, 6, requires_grad=True))[3]
    assert sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls) == each * 12


def test_a_single_sample_of_a_region_is_one():
    """210 outputs; one sample takes 4 multiplies, 3 adds and the division."""
    given_ = {"input": meta(1, 2, 16, 12), "pooled_height": 7, "pooled_width": 5}
    assert cost_of("torchvision::roi_align", (3, 2, 7, 5), **given_, sampling_ratio=1).flops == 210 * 8
