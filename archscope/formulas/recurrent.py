"""Recurrent layers and cells: LSTM, GRU and Elman's RNN in every fused form."""

from __future__ import annotations

from collections.abc import Sequence

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

# Operations per hidden element and step besides the matrix products and the biases.
_LSTM = 13  # 4 sums, 3 sigmoids, tanh, f * c + i * g (3), tanh(c), o * tanh(c)
_GRU = 10  # 2 sums, 2 sigmoids, sum with r times the hidden part (2), tanh, (h - n) * z + n (3)
_ELMAN = 2  # 1 sum, 1 tanh or ReLU
_PER_MODE = (_ELMAN, _ELMAN, _LSTM, _GRU)  # the numbers of cuDNN and oneDNN: ReLU, tanh, LSTM, GRU


def register(table: FormulaTable) -> None:
    """Add the recurrent operators to ``table``."""
    table.counted("aten::mkldnn_rnn_layer", family="recurrent")(one_layer)
    table.counted("aten::_cudnn_rnn", "aten::miopen_rnn", family="recurrent")(layers_by_mode)
    table.counted("aten::lstm", "aten::_lstm_mps", family="recurrent")(lstm)
    table.counted("aten::gru", family="recurrent")(gru)
    table.counted("aten::rnn_tanh", "aten::rnn_relu", family="recurrent")(elman)
    table.counted("aten::_thnn_fused_lstm_cell", family="recurrent")(lstm_cell)
    table.counted("aten::_thnn_fused_gru_cell", family="recurrent")(gru_cell)
    table.counted("aten::quantized_lstm", family="recurrent")(quantized_lstm)
    table.counted("aten::quantized_gru", family="recurrent")(quantized_gru)


def _tokens(call: OpCall) -> int:
    """Steps x batch, padded or packed."""
    sequence = call.inputs[0]
    return sequence.numel // sequence.shape[-1]


def _recurrent(tokens: int, weights: Sequence[TensorMeta], hidden: int, each: int) -> Cost:
    """Every matrix and bias is used once per token; ``hidden`` elements in all layers take ``each`` operations."""
    matrices = sum(weight.numel for weight in weights if len(weight.shape) == 2)
    biases = sum(weight.numel for weight in weights if len(weight.shape) == 1)
    return Cost.of(macs=tokens * matrices, other=tokens * (biases + each * hidden))


def one_layer(call: OpCall) -> Cost:
    """One layer and direction: every element of its matrices and biases is used once per token (steps x batch).

    macs = tokens x (elements of the input and the recurrent matrix). Besides: the biases, and per token and hidden
    element 13 (LSTM) or 10 (GRU).
    """
    arguments = call.arguments
    used = 4 if arguments["has_biases"] else 2  # without biases their places hold the matrices again
    weights = tuple(arguments[f"weight{k}"] for k in range(used))
    return _recurrent(_tokens(call), weights, arguments["hidden_size"], _PER_MODE[arguments["mode"]])


def layers_by_mode(call: OpCall) -> Cost:
    """All layers and directions: every element of their matrices and biases is used once per token (steps x batch).

    macs = tokens x elements of all matrices (projections too). Besides: the biases, and per token and hidden element 13
    (LSTM), 10 (GRU) or 2 (tanh, ReLU).
    """
    arguments = call.arguments
    hidden = arguments["hx"].shape[0] * arguments["hidden_size"]
    return _recurrent(_tokens(call), arguments["weight"], hidden, _PER_MODE[arguments["mode"]])


def lstm(call: OpCall) -> Cost:
    """All layers and directions of an LSTM (Hochreiter and Schmidhuber 1997; gates as in torch.nn.LSTM).

    macs = tokens x elements of all matrices (projections too). Besides: the biases, 13 per token and hidden element.
    """
    cells = call.arguments["hx"][1].shape
    return _recurrent(_tokens(call), call.arguments["params"], cells[0] * cells[-1], _LSTM)


def gru(call: OpCall) -> Cost:
    """All layers and directions of a GRU (Cho et al. 2014; gates as in torch.nn.GRU).

    macs = tokens x elements of all matrices. Besides: the biases, and 10 per token and hidden element.
    """
    states = call.arguments["hx"].shape
    return _recurrent(_tokens(call), call.arguments["params"], states[0] * states[-1], _GRU)


def elman(call: OpCall) -> Cost:
    """All layers and directions of a plain RNN (Elman 1990).

    macs = tokens x elements of all matrices. Besides: the biases, and 2 per token and hidden element.
    """
    states = call.arguments["hx"].shape
    return _recurrent(_tokens(call), call.arguments["params"], states[0] * states[-1], _ELMAN)


def _biases(call: OpCall, gates: int) -> int:
    return gates * sum(call.arguments[name] is not None for name in ("input_bias", "hidden_bias"))


def lstm_cell(call: OpCall) -> Cost:
    """The gates of an LSTM after their products: 13 per hidden element, 4 more for each of two biases."""
    return Cost.of(other=(13 + _biases(call, 4)) * call.outputs[0].numel)


def gru_cell(call: OpCall) -> Cost:
    """The gates of a GRU after their products: 10 per hidden element, 3 more for each of two biases."""
    return Cost.of(other=(10 + _biases(call, 3)) * call.outputs[0].numel)


def _quantized(call: OpCall, state: TensorMeta, gates: int, each: int) -> Cost:
    arguments = call.arguments
    directions = 2 if arguments["bidirectional"] else 1
    hidden, features = state.shape[-1], call.inputs[0].shape[-1]
    rows = directions * gates * hidden
    first = rows * (features + hidden)
    later = (arguments["num_layers"] - 1) * rows * (directions * hidden + hidden)
    biases = 2 * arguments["num_layers"] * rows
    other = biases + each * state.shape[0] * hidden
    return Cost.of(macs=_tokens(call) * (first + later), other=_tokens(call) * other)


def quantized_lstm(call: OpCall) -> Cost:
    """An LSTM with packed weights, told by its sizes: 4 hidden rows by inputs and by hidden, per layer and direction.

    macs = tokens x elements of all matrices. Besides: the biases, and 13 per token and hidden element.
    """
    return _quantized(call, call.arguments["hx"][0], 4, _LSTM)


def quantized_gru(call: OpCall) -> Cost:
    """A GRU with packed weights, told by its sizes: 3 hidden rows by inputs and by hidden, per layer and direction.

    macs = tokens x elements of all matrices. Besides: the biases, and 10 per token and hidden element.
    """
    return _quantized(call, call.arguments["hx"], 3, _GRU)
