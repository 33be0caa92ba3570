"""Backward operators: what autograd runs for the gradients of a training step.

Gradients of products, sums and views are products, sums and views themselves and need no rules of their own.
"""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.pooling import adaptive_values
from archscope.formulas.table import Formula, FormulaTable
from archscope.records import OpCall, TensorMeta

# Scalar operations per element of the input's gradient, with the textbook derivative they come from.
_PER_ELEMENT = {
    "threshold_backward": (1, "g where x > threshold, else 0: select"),
    "hardtanh_backward": (2, "g where low < x < high, else 0: compare, compare and select"),
    "leaky_relu_backward": (2, "g x (1 or the slope): select, multiply"),
    "sigmoid_backward": (3, "g x (1 - y) x y: subtract, multiply, multiply"),
    "tanh_backward": (3, "g x (1 - y x y): multiply, subtract, multiply"),
    "hardsigmoid_backward": (3, "g / 6 where -3 < x < 3, else 0: compare, compare and select, multiply"),
    "hardswish_backward": (5, "g x (x / 3 + 1/2) between -3 and 3: compare, compare, divide, add, multiply"),
    "elu_backward": (4, "g x (1 or alpha x exp(x)): select, exp, multiply, multiply"),
    "silu_backward": (
        6,
        "g x s x (1 + x x (1 - s)), s = sigmoid(x): sigmoid, 3 multiplies, 2 sums",
    ),
    "softplus_backward": (6, "g x z / (z + 1), z = exp(beta x x): multiply, exp, add, divide, multiply, select"),
    "_softmax_backward_data": (4, "g x y - y x sum(g x y): multiply, sum, multiply, subtract"),
    "_log_softmax_backward_data": (4, "g - exp(y) x sum(g): sum, exp, multiply, subtract"),
    "native_dropout_backward": (2, "g x mask x scale: multiply, multiply"),
    "mse_loss_backward": (3, "2 x g x (x - t): subtract, multiply, multiply"),
    "smooth_l1_loss_backward": (4, "g x (x - t) / beta or its sign: subtract, compare, divide, multiply"),
    "huber_loss_backward": (4, "g x (x - t) or delta x its sign: subtract, compare, select, multiply"),
    "binary_cross_entropy_backward": (5, "g x (x - t) / ((1 - x) x x): subtract, subtract, multiply, divide, multiply"),
}


def register(table: FormulaTable) -> None:
    """Add the backward operators to ``table``."""
    for name, (operations, derivation) in _PER_ELEMENT.items():
        table.counted(f"aten::{name}", family="backward")(_per_element(operations, derivation))
    table.counted("aten::convolution_backward", "aten::convolution_backward_overrideable", family="convolution")(
        convolution_backward
    )
    table.counted("aten::gelu_backward", family="backward")(gelu_backward)
    table.counted("aten::native_batch_norm_backward", family="backward")(batch_norm_backward)
    table.counted("aten::native_layer_norm_backward", "aten::native_group_norm_backward", family="backward")(
        affine_norm_backward
    )
    table.counted(
        "aten::max_pool2d_with_indices_backward",
        "aten::max_pool3d_with_indices_backward",
        "aten::upsample_nearest1d_backward",
        "aten::upsample_nearest2d_backward",
        "aten::upsample_nearest3d_backward",
        "aten::embedding_dense_backward",
        family="backward",
    )(added_up)
    table.counted("aten::avg_pool2d_backward", "aten::avg_pool3d_backward", family="backward")(average_pool_backward)
    table.counted("aten::_adaptive_avg_pool2d_backward", "aten::_adaptive_avg_pool3d_backward", family="backward")(
        adaptive_average_pool_backward
    )
    table.counted("aten::upsample_bilinear2d_backward", family="backward")(bilinear_backward)
    table.counted("aten::nll_loss_backward", "aten::nll_loss2d_backward", family="backward")(nll_loss_backward)
    table.counted(
        "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
        "aten::_scaled_dot_product_flash_attention_backward",
        "aten::_scaled_dot_product_efficient_attention_backward",
        "aten::_scaled_dot_product_cudnn_attention_backward",
        family="attention",
    )(attention_backward)
    table.counted("archscope::_deform_conv2d_backward", "torchvision::_deform_conv2d_backward", family="convolution")(
        deformable_backward
    )


def _per_element(operations: int, derivation: str) -> Formula:
    def formula(call: OpCall) -> Cost:
        return Cost.of(other=operations * call.outputs[0].numel)

    formula.__doc__ = f"{derivation}; {operations} per element."
    return formula


def convolution_backward(call: OpCall) -> Cost:
    """The input's gradient is the transposed convolution, the weight's a correlation: as many macs each as forward.

    macs = (1 or 2, by what is asked for) x numel(output) x c_in / groups x kernel (transposed: numel(input) x c_out /
    groups x kernel). The bias' gradient adds 1 flop per element of the output's gradient.
    """
    arguments = call.arguments
    weight: TensorMeta = arguments["weight"]
    gradient: TensorMeta = arguments["grad_output"]
    spread: TensorMeta = arguments["input"] if arguments["transposed"] else gradient
    of_input, of_weight, of_bias = arguments["output_mask"]
    macs = spread.numel * prod(weight.shape[1:]) * (of_input + of_weight)
    return Cost.of(macs=macs, other=gradient.numel * of_bias)


def deformable_backward(call: OpCall) -> Cost:
    """The gradients of a deformable convolution: two matrix products as for a convolution, and the sampling's own.

    macs = 2 x numel(output) x c_in / groups x kernel (columns and weight). For each sampled value: 7 to sample again
    and 1 for the mask; for the input 1 for the mask, 4 multiplies and 4 adds to the corners; for the offset, each of y
    and x, 2 subtracts, 2 multiplies, 1 add, 1 multiply and 1 sum over the channels; for the mask a multiply and a sum.
    That makes 33, without a mask 29. The bias' gradient adds 1 flop per element of the output's gradient.
    """
    arguments = call.arguments
    weight: TensorMeta = arguments["weight"]
    gradient: TensorMeta = arguments["grad"]
    batch, channels = arguments["input"].shape[:2]
    sampled = batch * channels * prod(weight.shape[2:]) * prod(gradient.shape[2:])
    per_sample = 7 + 8 + 14 + (1 + 1 + 2 if arguments["use_mask"] else 0)
    bias = gradient.numel if arguments["bias"].numel else 0
    return Cost.of(macs=2 * gradient.numel * prod(weight.shape[1:]), other=per_sample * sampled + bias)


def gelu_backward(call: OpCall) -> Cost:
    """The gradient g x (cdf + x x pdf): cdf 4 (as forward), pdf 4 (square, scale, exp, scale), and 3; 11 per element.

    The tanh form: its argument 5, tanh 1, and 12 for the product rule; 18 per element.
    """
    return Cost.of(other=(18 if call.arguments["approximate"] == "tanh" else 11) * call.outputs[0].numel)


def batch_norm_backward(call: OpCall) -> Cost:
    """In training 9 per element (Ioffe and Szegedy 2015, section 3).

    Sum of g 1; x_hat 2 (subtract, multiply); sum of g x x_hat 2; scale x (g - mean - x_hat x mean) 4. In eval the input
    takes 1, the weight and bias 5 when they are asked for. The few operations per channel are left out.
    """
    arguments = call.arguments
    weights = 5 if any(arguments["output_mask"][1:]) else 0
    training = arguments["train"] if "train" in arguments else arguments["update"]
    return Cost.of(other=arguments["input"].numel * (9 if training else 1 + weights))


def affine_norm_backward(call: OpCall) -> Cost:
    """For the input 9 per element (x_hat 2, the sum of g 1, of g x x_hat 2, the input 4), and 1 for g x weight.

    The weight takes 2 (g x x_hat, sum; x_hat again 2 where the input is not asked for), the bias 1: 13 for all.
    """
    arguments = call.arguments
    of_input, of_weight, of_bias = arguments["output_mask"]
    each = 9 + (arguments["weight"] is not None) if of_input else 2 * of_weight
    return Cost.of(other=(each + 2 * of_weight + of_bias) * arguments["input"].numel)


def added_up(call: OpCall) -> Cost:
    """Every element of the output's gradient is added once to the place that it came from: 1 per element."""
    return Cost.of(other=call.arguments["grad_output"].numel)


def average_pool_backward(call: OpCall) -> Cost:
    """Each output's gradient is divided by k and added to the k places of its window: k + 1 per output element."""
    kernel = tuple(call.arguments["kernel_size"])
    dimensions = 3 if "pool3d" in call.op else 2
    window = prod(kernel) if len(kernel) == dimensions else kernel[0] ** dimensions
    return Cost.of(other=call.arguments["grad_output"].numel * (window + 1))


def adaptive_average_pool_backward(call: OpCall) -> Cost:
    """Each output's gradient is divided by its window's size (1) and added to the k places there: k + 1 per output.

    Windows as in adaptive average pooling, where they may share places.
    """
    gradient: TensorMeta = call.arguments["grad_output"]
    return Cost.of(other=gradient.numel + adaptive_values(call.op, call.outputs[0].shape, gradient.shape))


def bilinear_backward(call: OpCall) -> Cost:
    """Each output's gradient goes to 4 corners: 4 multiplies and 4 adds; 8 per output element."""
    return Cost.of(other=8 * call.arguments["grad_output"].numel)


def nll_loss_backward(call: OpCall) -> Cost:
    """The target's entry takes the scaled gradient: 1 multiply per target."""
    return Cost.of(other=call.arguments["target"].numel)


def attention_backward(call: OpCall) -> Cost:
    """Fused attention (Dao et al. 2022, algorithm 4): Q K^T again, then the gradients of V, of the weights, of Q, of K.

    These 5 products take macs = queries x keys x (3 x d_k + 2 x d_v) per batch and head. Each weight takes 1 to scale
    its score, 1 for a mask, 2 for exp(score - the logarithm that was kept), 2 for its gradient P x (dP - D), 1 to scale
    that, and 6 for dropout (its 4 again, 2 for its gradient). D, the sum of gradient x output, takes 2 for each element
    of the output.
    """
    arguments = call.arguments
    gradient: TensorMeta = arguments.get("grad_out") or arguments["grad_out_"]
    query: TensorMeta = arguments["query"]
    keys = arguments["key"].shape[-2]
    weights = prod(query.shape[:-1]) * keys
    masked = any(arguments.get(name) is not None for name in ("attn_mask", "attn_bias"))
    masked = masked or bool(arguments.get("is_causal"))
    each = 6 + masked + (6 if arguments.get("dropout_p") else 0)
    macs = weights * (3 * query.shape[-1] + 2 * gradient.shape[-1])
    return Cost.of(macs=macs, other=each * weights + 2 * gradient.numel)
