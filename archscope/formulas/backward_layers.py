"""Backward operators of norms, linear and recurrent layers, embedding bags, segments and rare convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archscope.formulas.backward import batch_norm_backward
from archscope.formulas.cost import Cost
from archscope.formulas.sorting import nonzero
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

# Operations per hidden element and step besides the products: the sum of the output's gradient and the next step's,
# then the textbook derivative of the gates.
_LSTM = 24  # 1 sum; tanh(c), x h's gradient, x o x (1 - tanh^2), + (6); i, g, f, c (4); 3 sigmoids x 3, tanh 3; o 1
_GRU = 18  # 2 sums; z 2, n 2, h 1; n's tanh 3; r and its part 2; 2 sigmoids x 3
_TANH, _RELU = 4, 2  # 1 sum; g x (1 - h x h) 3 or a choice 1
_PER_MODE = (_RELU, _TANH, _LSTM, _GRU)  # the numbers of cuDNN and oneDNN


def register(table: FormulaTable) -> None:
    """Add the gradients of layers to ``table``."""
    family = "backward"
    table.counted("aten::batch_norm_backward", family=family)(batch_norm_backward)
    table.counted("aten::cudnn_batch_norm_backward", "aten::miopen_batch_norm_backward", family=family)(
        batch_norm_backward_in_training
    )
    table.counted("aten::batch_norm_backward_reduce", family=family)(batch_norm_backward_reduce)
    table.counted("aten::batch_norm_backward_elemt", family=family)(batch_norm_backward_elements)
    table.counted("aten::_fused_rms_norm_backward", family=family)(rms_norm_backward)
    table.counted("aten::_weight_norm_interface_backward", family=family)(weight_norm_backward)
    table.counted("aten::linear_backward", "aten::mkldnn_linear_backward", family="matmul")(linear_backward)
    table.counted("aten::mkldnn_linear_backward_input", family="matmul")(linear_backward_of_input)
    table.counted("aten::mkldnn_linear_backward_weights", family="matmul")(linear_backward_of_weight)
    table.counted("aten::matmul_backward", family="matmul")(matmul_backward)
    table.counted(
        *("aten::mps_convolution_backward", "aten::_slow_conv2d_backward"),
        family="convolution",
    )(plain_convolution_backward)
    table.counted("aten::mps_convolution_transpose_backward", family="convolution")(transposed_convolution_backward)
    table.counted("aten::_cudnn_rnn_backward", "aten::miopen_rnn_backward", family="recurrent")(layers_backward)
    table.counted("aten::mkldnn_rnn_layer_backward", family="recurrent")(one_layer_backward)
    table.counted("aten::lstm_mps_backward", family="recurrent")(lstm_backward)
    table.counted("aten::_thnn_fused_lstm_cell_backward_impl", family="recurrent")(lstm_cell_backward)
    table.counted("aten::_thnn_fused_gru_cell_backward", family="recurrent")(gru_cell_backward)
    table.counted(*("aten::_embedding_bag_backward", "aten::_embedding_bag_dense_backward"), family=family)(
        embedding_bag_backward
    )
    table.counted("aten::_embedding_bag_per_sample_weights_backward", family=family)(sample_weights_backward)
    table.counted("aten::_segment_reduce_backward", family=family)(segment_reduce_backward)
    table.counted("aten::masked_scatter_backward", family=family)(nonzero)


def batch_norm_backward_in_training(call: OpCall) -> Cost:
    """Sum of g 1; x_hat 2; sum of g x x_hat 2; scale x (g - mean - x_hat x mean) 4: 9 per element."""
    return Cost.of(other=9 * call.arguments["input"].numel)


def batch_norm_backward_reduce(call: OpCall) -> Cost:
    """The sums of g (1) and of g x (x - mean) (3) of one process of several: 4 per element."""
    return Cost.of(other=4 * call.arguments["input"].numel)


def batch_norm_backward_elements(call: OpCall) -> Cost:
    """The gradient scale x (g - mean - (x - mean) x factor) by the sums of all processes: 5 per element."""
    return Cost.of(other=5 * call.arguments["input"].numel)


def rms_norm_backward(call: OpCall) -> Cost:
    """The row x_hat 1, its product with g and the sum 2, scale x (g - x_hat x mean) 3: 6 per element.

    A weight adds 1 (g x weight), and 2 for its own gradient (g x x_hat, sum). The operations per row are left out.
    """
    arguments = call.arguments
    weighted = arguments["weight"] is not None
    return Cost.of(other=(6 + weighted + 2 * arguments["output_mask"][1]) * arguments["input"].numel)


def weight_norm_backward(call: OpCall) -> Cost:
    """Sum of w's gradient x v 2, then g / |v| x (gradient - v x share) 3: 5 per element; 3 divisions per norm."""
    arguments = call.arguments
    return Cost.of(other=5 * arguments["saved_v"].numel + 3 * arguments["saved_g"].numel)


def linear_backward(call: OpCall) -> Cost:
    """The input's gradient g @ weight and the weight's g^T @ input: macs = (1 or 2) x numel(g) x features_in.

    The bias' gradient adds 1 flop per element of g.
    """
    arguments = call.arguments
    of_input, of_weight, of_bias = arguments["output_mask"]
    gradient: TensorMeta = arguments["grad_output"]
    products = of_input + of_weight
    return Cost.of(macs=products * gradient.numel * arguments["weight"].shape[-1], other=gradient.numel * of_bias)


def linear_backward_of_input(call: OpCall) -> Cost:
    """The product g @ weight: macs = numel(g) x features_in."""
    return Cost.of(macs=call.arguments["grad_output"].numel * call.arguments["weight"].shape[-1])


def linear_backward_of_weight(call: OpCall) -> Cost:
    """The product g^T @ input: macs = numel(g) x features_in; a bias adds 1 flop per element of g."""
    gradient = call.arguments["grad_output"].numel
    bias = gradient if call.arguments["bias_defined"] else 0
    return Cost.of(macs=gradient * call.arguments["input"].shape[-1], other=bias)


def matmul_backward(call: OpCall) -> Cost:
    """The gradient of each factor is a product of the same size: macs = (1 or 2) x numel(g) x shared size."""
    arguments = call.arguments
    return Cost.of(macs=sum(arguments["mask"]) * arguments["grad"].numel * arguments["self"].shape[-1])


def plain_convolution_backward(call: OpCall) -> Cost:
    """As many macs for the input's gradient, and for the weight's, as forward: numel(g) x c_in / groups x kernel each.

    The bias' gradient adds 1 flop per element of g.
    """
    of_input, of_weight, of_bias = call.arguments["output_mask"]
    gradient: TensorMeta = call.arguments["grad_output"]
    macs = (of_input + of_weight) * gradient.numel * prod(call.arguments["weight"].shape[1:])
    return Cost.of(macs=macs, other=gradient.numel * of_bias)


def transposed_convolution_backward(call: OpCall) -> Cost:
    """As many macs for each gradient as forward: numel(input) x c_out / groups x kernel."""
    arguments = call.arguments
    return Cost.of(macs=sum(arguments["output_mask"]) * arguments["self"].numel * prod(arguments["weight"].shape[1:]))


def _recurrent(tokens: int, weights: Sequence[TensorMeta], hidden: int, each: int) -> Cost:
    matrices = sum(weight.numel for weight in weights if len(weight.shape) == 2)
    biases = sum(weight.numel for weight in weights if len(weight.shape) == 1)
    return Cost.of(macs=2 * tokens * matrices, other=tokens * (biases + each * hidden))


def _tokens(sequence: TensorMeta) -> int:
    return sequence.numel // sequence.shape[-1]


def layers_backward(call: OpCall) -> Cost:
    """Two products for each forward, of the inputs' gradient and of the weights': macs = 2 x tokens x matrices.

    Biases take 1 per token; each hidden element and step 24 (LSTM), 18 (GRU), 4 (tanh) or 2 (ReLU).
    """
    arguments = call.arguments
    hidden = arguments["hx"].shape[0] * arguments["hidden_size"]
    return _recurrent(_tokens(arguments["input"]), arguments["weight"], hidden, _PER_MODE[arguments["mode"]])


def one_layer_backward(call: OpCall) -> Cost:
    """One layer and direction, two products for each forward: macs = 2 x tokens x elements of its two matrices.

    Biases take 1 per token; each hidden element and step 24 (LSTM), 18 (GRU), 4 (tanh) or 2 (ReLU).
    """
    arguments = call.arguments
    weights = [arguments[f"weight{k}"] for k in range(1, 5 if arguments["has_biases"] else 3)]
    return _recurrent(_tokens(arguments["input"]), weights, arguments["hidden_size"], _PER_MODE[arguments["mode"]])


def lstm_backward(call: OpCall) -> Cost:
    """All layers of an LSTM, two products for each forward: macs = 2 x tokens x elements of all matrices.

    Biases take 1 per token; each hidden element and step 24.
    """
    cells = call.arguments["hx"][1].shape
    return _recurrent(_tokens(call.arguments["input"]), call.arguments["params"], cells[0] * cells[-1], _LSTM)


def lstm_cell_backward(call: OpCall) -> Cost:
    """The derivative of the gates of one step, without the sum of two gradients: 23 per hidden element.

    tanh(c) 1; the output gate 1; the cell 5 (x o, 1 - tanh^2 2, multiply, add); input, candidate, forget gate and the
    cell before 4; 3 sigmoids x (1 - s) x s 3 each; tanh 3. Biases add 4.
    """
    return Cost.of(other=(27 if call.arguments["has_bias"] else 23) * call.arguments["cx"].numel)


def gru_cell_backward(call: OpCall) -> Cost:
    """The derivative of the gates of one step, without the sums: 16 per hidden element.

    The update gate 2, the candidate 2, the state before 1, tanh 3, the reset gate and its part 2, 2 sigmoids 3 each.
    Biases add 6.
    """
    return Cost.of(other=(22 if call.arguments["has_bias"] else 16) * call.arguments["grad_hy"].numel)


def embedding_bag_backward(call: OpCall) -> Cost:
    """Each looked-up element adds its bag's gradient: indices x features; a mean, a weight, a frequency add 1 each.

    The largest (mode 2) adds each bag's gradient once.
    """
    arguments = call.arguments
    gradient: TensorMeta = arguments["grad"]
    if arguments["mode"] == 2:
        return Cost.of(other=gradient.numel)
    scaled = (arguments["mode"] == 1) + (arguments["per_sample_weights"] is not None) + arguments["scale_grad_by_freq"]
    return Cost.of(other=(1 + scaled) * arguments["indices"].numel * gradient.shape[-1])


def sample_weights_backward(call: OpCall) -> Cost:
    """Each index' weight takes the dot product of its row and its bag's gradient: 2 x indices x features."""
    return Cost.of(other=2 * call.arguments["indices"].numel * call.arguments["grad"].shape[-1])


def segment_reduce_backward(call: OpCall) -> Cost:
    """Each element takes its segment's gradient: a sum 0 (a copy), a mean 1 (divide), any other 2 per element.

    The largest or smallest: compare with the result, divide by the ties; a product: times the result, over the element.
    """
    each = {"sum": 0, "mean": 1}.get(call.arguments["reduce"], 2)
    return Cost.of(other=each * call.arguments["data"].numel)
