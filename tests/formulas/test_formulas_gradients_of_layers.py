"""Gradients of poolings, paddings, resamplings, norms, linear and recurrent layers against naive code that counts."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own documentation has it
from opcalls import cost_of, made, meta, record
from test_formulas_backward import Number, backward_calls, done

from archscope.formulas import DEFAULT_FORMULAS

A = torch.ops.aten


def flops(calls):
    return sum(DEFAULT_FORMULAS.find(call.op).formula(call).flops for call in calls)


def interpolated(size, mode, **options):
    return lambda x: F.interpolate(x, size=size, mode=mode, **options)


@pytest.mark.parametrize(
    ("function", "shape", "outputs", "each"),
    [
        (lambda x: F.pad(x, (1, 2), mode="reflect"), (1, 3), 6, 1),
        (lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), (1, 2, 3, 3), 2 * 25, 1),
        (lambda x: F.pad(x, (1,) * 6, mode="reflect"), (1, 2, 2, 2, 2), 2 * 64, 1),
        (lambda x: F.pad(x, (1, 2), mode="replicate"), (1, 3), 6, 1),
        (lambda x: F.pad(x, (1, 1, 1, 1), mode="replicate"), (1, 2, 3, 3), 2 * 25, 1),
        (lambda x: F.pad(x, (1,) * 6, mode="replicate"), (1, 2, 2, 2, 2), 2 * 64, 1),
        (lambda x: F.adaptive_max_pool2d(x, 2), (1, 3, 5, 5), 3 * 4, 1),
        (lambda x: F.adaptive_max_pool1d(x, 2), (1, 3, 5), 3 * 2, 1),
        (lambda x: F.adaptive_max_pool3d(x, 2), (1, 3, 4, 4, 4), 3 * 8, 1),
        (lambda x: F.fractional_max_pool2d(x, 2, output_size=3), (1, 3, 7, 7), 3 * 9, 1),
        (lambda x: F.fractional_max_pool3d(x, 2, output_size=3), (1, 3, 7, 7, 7), 3 * 27, 1),
        (interpolated(5, "nearest-exact"), (1, 2, 3), 2 * 5, 1),
        (interpolated((5, 4), "nearest-exact"), (1, 2, 3, 2), 2 * 20, 1),
        (interpolated((5, 4, 3), "nearest-exact"), (1, 2, 3, 2, 2), 2 * 60, 1),
        (interpolated(5, "linear"), (1, 2, 3), 2 * 5, 2 + 2),  # 2 neighbours: a multiply and an add each
        (interpolated((5, 4, 3), "trilinear"), (1, 2, 3, 2, 2), 2 * 60, 8 + 8),
        (interpolated((5, 4), "bicubic"), (1, 2, 3, 3), 2 * 20, 16 + 16),
    ],
)
def test_each_gradient_goes_to_the_places_that_it_came_from(function, shape, outputs, each):
    output = function(torch.rand(shape))
    assert output.numel() == outputs
    assert flops(backward_calls(function, torch.rand(shape, requires_grad=True))[3]) == outputs * each


@pytest.mark.parametrize(("mode", "radius"), [("bilinear", 1), ("bicubic", 2)])
@pytest.mark.parametrize(("before", "after"), [((9, 6), (4, 3)), ((4, 3), (6, 7))])
def test_an_antialiased_gradient_runs_both_passes_backwards(mode, radius, before, after):
    images = torch.rand(1, 2, *before, requires_grad=True)
    call = backward_calls(interpolated(after, mode, antialias=True), images)[3]
    operations = 0
    taps = [math.ceil(2 * radius * max(n / m, 1)) for n, m in zip(before, after, strict=True)]
    for _image in range(2):
        operations += before[0] * after[1] * taps[1] * 2  # along rows: a multiply and an add for each tap
        operations += after[0] * after[1] * taps[0] * 2
    assert flops(call) == operations


def test_a_wider_filter_has_more_taps():
    sizes = {"grad_output": meta(1, 1, 4, 4), "output_size": [4, 4], "input_size": [1, 1, 8, 8]}
    costs = [cost_of(f"aten::_upsample_{name}2d_aa_backward", (1, 1, 8, 8), **sizes).flops for name in
             ("bilinear", "bicubic", "lanczos")]  # fmt: skip
    assert costs == [2 * 4 * (8 + 4) * taps for taps in (4, 8, 12)]


def naive_grid(x, grid, gradient):
    """Bilinear sampling inside the map, align_corners: the gradients of values and places, counted by what varies."""
    channels, height, width = x.shape
    of_x = [[[Number(0) for _ in range(width)] for _ in range(height)] for _ in range(channels)]
    of_grid = torch.zeros(grid.shape, dtype=torch.float64)
    for i, j in itertools.product(*map(range, grid.shape[:2])):
        across, down = (float(v) for v in (grid[i, j] + 1) / 2 * torch.tensor([width - 1, height - 1]))
        left, top = math.floor(across), math.floor(down)
        a, b = across - left, down - top
        corners = [(top, left, (1 - b) * (1 - a)), (top, left + 1, (1 - b) * a)]
        corners += [(top + 1, left, b * (1 - a)), (top + 1, left + 1, b * a)]
        of_across, of_down = Number(0), Number(0)
        for c in range(channels):
            g = Number(gradient[c, i, j])
            for row, column, share in corners:
                of_x[c][row][column] = of_x[c][row][column] + g * share
            p, q, r, s = (float(x[c, row, column]) for row, column, _ in corners)
            of_across = of_across + g * ((Number(q) - p) * (1 - b) + (Number(s) - r) * b)
            of_down = of_down + g * ((Number(r) - p) * (1 - a) + (Number(s) - q) * a)
        of_grid[i, j, 0] = of_across.value * (width - 1) / 2
        of_grid[i, j, 1] = of_down.value * (height - 1) / 2
    return torch.tensor([[[n.value for n in row] for row in plane] for plane in of_x]), of_grid


@pytest.mark.parametrize("asked", [(True, True), (False, True), (True, False)])
def test_the_gradients_of_sampled_values_and_places_cost_what_their_naive_loop_does(asked):
    torch.manual_seed(0)
    x = torch.rand(1, 2, 4, 5, dtype=torch.float64, requires_grad=asked[0])
    grid = (torch.rand(1, 3, 2, 2, dtype=torch.float64) * 1.8 - 0.9).requires_grad_(asked[1])
    output = F.grid_sample(x, grid, align_corners=True)
    gradient = torch.rand_like(output)
    found = []
    calls = record(
        lambda: found.extend(torch.autograd.grad(output, [t for t in (x, grid) if t.requires_grad], gradient))
    )
    (call,) = [call for call in calls if "grid_sampler" in call.op]
    done[0] = 0
    of_x, of_grid = naive_grid(x.detach()[0], grid.detach()[0], gradient[0])
    if all(asked):
        torch.testing.assert_close(found[0][0], of_x.double())
        torch.testing.assert_close(found[1][0], of_grid)
        assert flops([call]) == done[0]
    expected = output.numel() * (8 * asked[0] + 14 * asked[1])
    asking = call._replace(arguments={**call.arguments, "output_mask": list(asked)})
    assert flops([asking]) == expected


@pytest.mark.parametrize(("mode", "of_input", "of_grid"), [(0, 8, 14), (1, 1, 0), (2, 32, 2 * (16 + 15 + 1 + 1))])
def test_the_gradients_of_sampling_by_mode(mode, of_input, of_grid):
    arguments = {"grad_output": meta(1, 2, 3, 3), "interpolation_mode": mode, "output_mask": [True, True]}
    assert cost_of("aten::grid_sampler_2d_backward", (1, 2, 5, 5), **arguments).flops == 18 * (of_input + of_grid)
    arguments["output_mask"] = [False, True]
    assert cost_of("aten::grid_sampler_2d_backward", (1, 2, 5, 5), **arguments).flops == 18 * of_grid


def test_the_gradients_of_sampling_in_space_and_where_both_are_always_made():
    arguments = {"grad_output": meta(1, 2, 3, 3, 3), "interpolation_mode": 0, "output_mask": [True, True]}
    each = 8 + 8 + 3 * (4 + 4 + 3 + 1 + 1)
    assert cost_of("aten::grid_sampler_3d_backward", (1, 2, 5, 5, 5), **arguments).flops == 54 * each
    arguments |= {"interpolation_mode": 1}
    assert cost_of("aten::grid_sampler_3d_backward", (1, 2, 5, 5, 5), **arguments).flops == 54
    arguments = {"grad_output": meta(1, 2, 3, 3)}
    assert cost_of("aten::cudnn_grid_sampler_backward", (1, 2, 5, 5), **arguments).flops == 18 * (8 + 14)


def test_an_affine_grid_of_sizes_and_its_gradient_are_products_of_three_coordinates():
    assert cost_of("aten::cudnn_affine_grid_generator", (2, 4, 5, 2), theta=meta(2, 2, 3)).macs == 2 * 4 * 5 * 2 * 3
    assert cost_of("aten::cudnn_affine_grid_generator_backward", (2, 2, 3), grad=meta(2, 4, 5, 2)).macs == 240


@pytest.mark.parametrize(("ratio", "samples"), [(2, 4), (3, 9), (0, 3 * 4)])
def test_the_gradient_of_aligned_boxes_goes_to_four_corners_of_each_sample(ratio, samples):
    arguments = {"grad": meta(5, 3, 2, 2), "height": 6, "width": 7, "pooled_height": 2, "pooled_width": 2}
    arguments["sampling_ratio"] = ratio
    each = 1 + samples * (4 + 4)  # a division, then a multiply and an add to each corner
    for name in ("_roi_align_backward", "_ps_roi_align_backward"):
        assert cost_of(f"torchvision::{name}", (1, 3, 6, 7), **arguments).flops == 60 * each
    assert cost_of("torchvision::_roi_pool_backward", (1, 3, 6, 7), **arguments).flops == 60
    assert cost_of("torchvision::_ps_roi_pool_backward", (1, 3, 6, 7), **arguments).flops == 60 * (1 + 12)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_of_a_root_mean_square_norm_costs_what_its_naive_loop_does(weighted):
    x = torch.rand(2, 3, dtype=torch.float64)
    weight = torch.rand(3, dtype=torch.float64) if weighted else None
    g = torch.rand(2, 3, dtype=torch.float64)
    scale = torch.rsqrt(x.square().mean(-1, keepdim=True))
    done[0] = 0
    of_x, of_weight = [], [Number(0) for _ in range(3)]
    for row in range(2):
        s = float(scale[row])
        normal = [Number(v) * s for v in x[row].tolist()]
        scaled = [Number(v) * float(weight[k]) if weighted else Number(v) for k, v in enumerate(g[row].tolist())]
        total = sum((n * v for n, v in zip(normal, scaled, strict=True)), Number(0))
        mean = total.value / 3  # per row, left out
        of_x.append([((v - n * mean) * s).value for n, v in zip(normal, scaled, strict=True)])
        if weighted:
            of_weight = [w + n * float(v) for w, n, v in zip(of_weight, normal, g[row], strict=True)]
    inputs = [x.clone().requires_grad_(), *([weight.clone().requires_grad_()] if weighted else [])]
    F.rms_norm(inputs[0], [3], *inputs[1:], eps=0.0).backward(g)
    torch.testing.assert_close(inputs[0].grad, torch.tensor(of_x, dtype=torch.float64))
    arguments = {"input": meta(2, 3), "weight": meta(3) if weighted else None, "output_mask": [True, weighted]}
    assert cost_of("aten::_fused_rms_norm_backward", (2, 3), (3,), **arguments).flops == done[0]


def test_the_gradient_of_a_weight_norm_costs_what_its_naive_loop_does():
    v, g, d = torch.rand(2, 3, dtype=torch.float64), torch.rand(2, 1, dtype=torch.float64), torch.rand(2, 3).double()
    norms = v.norm(dim=1, keepdim=True)
    found = A._weight_norm_interface_backward(d, v, g, norms, 0)
    (call,) = record(A._weight_norm_interface_backward, d, v, g, norms, 0)
    done[0] = 0
    for row in range(2):
        total = sum((Number(a) * float(b) for a, b in zip(d[row], v[row], strict=True)), Number(0))
        norm = float(norms[row])
        of_g, factor = total / norm, Number(g[row]) / norm
        share = of_g / norm
        values = [((a - share * float(b)) * factor).value for a, b in zip(map(Number, d[row]), v[row], strict=True)]
        assert of_g.value == pytest.approx(float(found[1][row]))
        assert values == pytest.approx(found[0][row].tolist())
    assert flops([call]) == done[0]


def test_batch_norm_split_over_processes_adds_up_to_the_whole():
    x = {"input": meta(4, 3, 5)}
    elements = 60
    statistics = cost_of("aten::batch_norm_stats", (3,), (3,), **x).flops
    applied = cost_of("aten::batch_norm_elemt", (4, 3, 5), **x).flops
    whole = cost_of("aten::native_batch_norm", (4, 3, 5), (3,), (3,), training=True, **x).flops
    assert (statistics, statistics + applied) == (4 * elements, whole)
    assert cost_of("aten::batch_norm_update_stats", (3,), (3,), **x).flops == 4 * elements
    joined = cost_of("aten::batch_norm_gather_stats_with_counts", (3,), (3,), **x, mean=meta(2, 3)).flops
    assert joined == 2 * 3 * (1 + 2 + 5)
    backward = cost_of("aten::native_batch_norm_backward", (4, 3, 5), train=True, output_mask=[True] * 3, **x).flops
    parts = [cost_of(f"aten::batch_norm_backward_{part}", (4, 3, 5), **x).flops for part in ("reduce", "elemt")]
    assert sum(parts) == backward == cost_of("aten::cudnn_batch_norm_backward", (4, 3, 5), **x).flops
    assert parts[0] == 4 * elements
    updating = {"update": False, "output_mask": [True, False, False]}
    assert cost_of("aten::batch_norm_backward", (4, 3, 5), **x, **updating).flops == elements


@pytest.mark.parametrize("mask", [(True, True, True), (True, False, False), (False, True, False)])
def test_the_gradients_of_a_linear_layer_are_products_of_its_size(mask):
    arguments = {"self": meta(4, 6), "grad_output": meta(4, 5), "weight": meta(5, 6), "output_mask": list(mask)}
    for op in ("aten::linear_backward", "aten::mkldnn_linear_backward"):
        cost = cost_of(op, (4, 6), **arguments)
        assert (cost.macs, cost.flops - 2 * cost.macs) == (4 * 5 * 6 * sum(mask[:2]), 4 * 5 * mask[2])


def test_the_gradients_of_products_apart():
    arguments = {"grad_output": meta(4, 5), "weight": meta(5, 6), "input": meta(4, 6)}
    assert cost_of("aten::mkldnn_linear_backward_input", (4, 6), **arguments).macs == 4 * 5 * 6
    weights = "aten::mkldnn_linear_backward_weights"
    assert cost_of(weights, (5, 6), **arguments, bias_defined=False).flops == 2 * 4 * 5 * 6
    assert cost_of(weights, (5, 6), **arguments, bias_defined=True).flops == 2 * 4 * 5 * 6 + 20
    arguments = {"grad": meta(2, 4, 5), "self": meta(2, 4, 3), "other": meta(2, 3, 5)}
    assert cost_of("aten::matmul_backward", (2, 4, 3), **arguments, mask=[True, False]).macs == 2 * 4 * 5 * 3
    assert cost_of("aten::matmul_backward", (2, 4, 3), **arguments, mask=[True, True]).macs == 2 * 2 * 4 * 5 * 3


@pytest.mark.parametrize("mask", [[True, True, True], [False, True, False]])
def test_the_gradients_of_convolutions_of_other_devices_cost_as_much_as_the_plain_one(mask):
    x, weight, g = meta(2, 4, 6, 6), meta(8, 4, 3, 3), meta(2, 8, 4, 4)
    shared = {"grad_output": g, "weight": weight, "output_mask": mask}
    plain = cost_of("aten::convolution_backward", x.shape, input=x, transposed=False, **shared)
    assert cost_of("aten::_slow_conv2d_backward.output_mask", x.shape, self=x, **shared) == plain
    assert cost_of("aten::mps_convolution_backward", x.shape, self=x, **shared) == plain
    turned = {"self": x, "grad_output": meta(2, 5, 8, 8), "weight": meta(4, 5, 3, 3)}
    cost = cost_of("aten::mps_convolution_transpose_backward", x.shape, **turned, output_mask=mask[:2])
    assert (cost.macs, cost.flops) == (sum(mask[:2]) * x.numel * 5 * 9, 2 * cost.macs)


def lstm_step(gates, before, of_hidden, of_cell):
    """The gradients of the four gates' inputs and of the cell before, for one hidden element."""
    i, f, g, o = (gates[0].value, gates[1].value, gates[2].value, gates[3].value)
    c = f * before + i * g
    t = Number(c).call(math.tanh)
    of_o = of_hidden * t.value
    of_c = of_hidden * o * (1 - t * t.value) + of_cell
    of_i, of_g, of_f, earlier = of_c * g, of_c * i, of_c * before, of_c * f
    inner = [(1 - Number(s)) * s * d.value for s, d in ((i, of_i), (f, of_f))]
    inner += [(1 - Number(g) * g) * of_g.value, (1 - Number(o)) * o * of_o.value]
    return [n.value for n in inner], earlier.value


def test_the_gates_of_an_lstm_cost_what_their_naive_derivative_does():
    inputs = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    before = torch.rand(3, dtype=torch.float64, requires_grad=True)
    i, f, o = inputs[0].sigmoid(), inputs[1].sigmoid(), inputs[3].sigmoid()
    cell = f * before + i * inputs[2].tanh()
    hidden = o * cell.tanh()
    of_hidden, of_cell = torch.rand(3).double(), torch.rand(3).double()
    torch.autograd.backward([hidden, cell], [of_hidden, of_cell])
    done[0] = 0
    counted = 0
    for k in range(3):
        gates = [Number(v) for v in (i[k].item(), f[k].item(), inputs[2, k].tanh().item(), o[k].item())]
        found, earlier = lstm_step(gates, before[k].item(), Number(of_hidden[k]), of_cell[k].item())
        counted = done[0]
        assert found == pytest.approx(inputs.grad[:, k].tolist())
        assert earlier == pytest.approx(before.grad[k].item())
    op = "aten::_thnn_fused_lstm_cell_backward_impl"
    assert cost_of(op, (1, 12), (1, 3), cx=meta(1, 3), has_bias=False).flops == counted == 3 * 23
    assert cost_of(op, (1, 12), (1, 3), cx=meta(1, 3), has_bias=True).flops == counted + 3 * 4


def test_the_gates_of_a_gru_cost_what_their_naive_derivative_does():
    r, z, n, part, h = torch.rand(5, 3, dtype=torch.float64).unbind()
    n = torch.tanh(n)
    g = torch.rand(3, dtype=torch.float64)
    done[0] = 0
    for k in range(3):
        d = Number(g[k])
        of_z = (Number(h[k]) - float(n[k])) * d.value
        of_n = d * (1 - Number(z[k])).value
        earlier = d * float(z[k])
        inner = of_n * (1 - Number(n[k]) * float(n[k])).value
        of_part, of_r = inner * float(r[k]), inner * float(part[k])
        gates = [of.value * ((1 - Number(s)) * float(s)) for of, s in ((of_r, r[k]), (of_z, z[k]))]
        assert all(map(math.isfinite, (earlier.value, of_part.value, *(gate.value for gate in gates))))
    op = "aten::_thnn_fused_gru_cell_backward"
    assert cost_of(op, (1, 9), grad_hy=meta(1, 3), has_bias=False).flops == done[0] == 3 * 16
    assert cost_of(op, (1, 9), grad_hy=meta(1, 3), has_bias=True).flops == done[0] + 3 * 6


@pytest.mark.parametrize(("mode", "gates", "each"), [(0, 1, 2), (1, 1, 4), (2, 4, 24), (3, 3, 18)])
def test_the_gradients_of_recurrent_layers_are_twice_their_products(mode, gates, each):
    tokens, inputs, hidden = 5 * 2, 3, 4
    weights = [meta(gates * hidden, inputs), meta(gates * hidden, hidden), meta(gates * hidden), meta(gates * hidden)]
    shared = {"input": meta(5, 2, inputs), "hidden_size": hidden, "mode": mode}
    macs = 2 * tokens * gates * hidden * (inputs + hidden)
    other = tokens * (2 * gates * hidden + each * hidden)
    layers = cost_of("aten::_cudnn_rnn_backward", (5, 2, 3), **shared, weight=weights, hx=meta(1, 2, hidden))
    assert (layers.macs, layers.flops - 2 * layers.macs) == (macs, other)
    places = {f"weight{k + 1}": weight for k, weight in enumerate(weights)}
    one = cost_of("aten::mkldnn_rnn_layer_backward", (5, 2, 3), **shared, **places, has_biases=True)
    assert one == layers
    bare = cost_of("aten::mkldnn_rnn_layer_backward", (5, 2, 3), **shared, **places, has_biases=False)
    assert (bare.macs, bare.flops - 2 * bare.macs) == (macs, tokens * each * hidden)
    if mode == 2:
        states = [meta(1, 2, hidden), meta(1, 2, hidden)]
        assert cost_of("aten::lstm_mps_backward", (5, 2, 3), **shared, params=weights, hx=states) == layers


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_of_bags_adds_each_row_once(mode, weighted):
    table = torch.rand(5, 3, requires_grad=True)
    words, offsets = torch.tensor([1, 2, 4, 4]), torch.tensor([0, 3])
    weights = torch.rand(4, requires_grad=True) if weighted and mode == "sum" else None
    tensors = [table, *([weights] if weights is not None else [])]
    calls = backward_calls(
        lambda *t: F.embedding_bag(words, t[0], offsets, mode=mode, per_sample_weights=t[1] if t[1:] else None),
        *tensors,
    )[3]
    of_rows = [call for call in calls if call.op.startswith("aten::_embedding_bag_backward")]
    rows = 2 if mode == "max" else 4  # the largest of each bag's elements, or all rows
    assert flops(of_rows) == rows * 3 * (1 + (mode == "mean") + (weights is not None))
    of_weights = [call for call in calls if "per_sample_weights_backward" in call.op]
    assert flops(of_weights) == (4 * 3 * 2 if weights is not None else 0)


def test_the_gradient_of_bags_is_divided_by_how_often_a_word_comes():
    table, words = torch.rand(5, 3, requires_grad=True), torch.tensor([[1, 2, 4, 4]])
    calls = backward_calls(lambda t: F.embedding_bag(words, t, scale_grad_by_freq=True, mode="sum"), table)[3]
    assert flops(calls) == 4 * 3 * 2


@pytest.mark.parametrize(("reduce", "each"), [("sum", 0), ("mean", 1), ("max", 2), ("min", 2), ("prod", 2)])
def test_the_gradient_of_segments_by_their_reduction(reduce, each):
    data = torch.rand(6, requires_grad=True)
    calls = backward_calls(lambda d: torch.segment_reduce(d, reduce, lengths=torch.tensor([2, 4])), data)[3]
    assert flops(calls) == 6 * each


def test_the_gradient_of_what_a_mask_wrote_looks_at_the_mask():
    mask = torch.tensor([True, False, True])
    calls = backward_calls(lambda s: torch.zeros(3).masked_scatter(mask, s), torch.rand(3, requires_grad=True))[3]
    assert flops([call for call in calls if "masked_scatter_backward" in call.op]) == 3


def test_an_average_pool_of_another_device_and_of_space():
    for op in ("aten::mkldnn_adaptive_avg_pool2d_backward", "aten::adaptive_avg_pool3d_backward"):
        assert cost_of(op, (1, 1, 4, 4), grad_output=meta(1, 1, 2, 2)).flops == 4 + 16
    assert made("aten::max_pool2d_backward", (2,)).op in {rule.op for rule in DEFAULT_FORMULAS}


def test_the_exponential_of_a_matrix_is_five_products_of_its_size():
    (call,) = [call for call in record(torch.matrix_exp, torch.rand(2, 3, 3)) if "matrix_exp" in call.op]
    cost = DEFAULT_FORMULAS.find(call.op).formula(call)
    assert cost.macs == 2 * 5 * 27
    assert cost.flops - 2 * cost.macs == 2 * 9 * (5 * 5 * 2 + 3)
    (call,) = record(A._compute_linear_combination, torch.rand(4, 3, 3), torch.rand(2, 4))
    assert flops([call]) == 2 * 9 * 4 * 2


def test_fake_quantisation_in_training_also_looks_for_the_range():
    for op in ("aten::_fused_moving_avg_obs_fq_helper", "aten::_fused_moving_avg_obs_fq_helper_functional"):
        assert cost_of(op, (6,), (6,), self=meta(6)).flops == 6 * (2 + 5 + 2)
