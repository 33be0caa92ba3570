"""TFLite's recurrent layers, in every form that its converters write, as the ATen layers of the same matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archscope.formulas.cost import Cost
from archscope.formulas.onnx_door import given, needed, shaped, through
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

# What the layers hold besides their input, in the order of the schema; fw and bw are the two directions.
_GATES = tuple(f"{kind}_to_{gate}" for kind in ("input", "recurrent") for gate in ("input", "forget", "cell", "output"))
_PEEPHOLES = tuple(f"cell_to_{gate}" for gate in ("input", "forget", "output"))
_BIASES = tuple(f"{gate}_bias" for gate in ("input", "forget", "cell", "output"))
#: Weights of one direction of an LSTM.
LSTM_WEIGHTS = (*_GATES, *_PEEPHOLES, *_BIASES, "projection", "projection_bias")
#: Scales and shifts of the norms inside an LSTM's gates.
LSTM_NORMS = tuple(f"{gate}_norm" for gate in ("input", "forget", "cell", "output"))


def register(table: FormulaTable) -> None:
    """Add TFLite's recurrent layers to ``table``."""

    @table.counted("tflite::LSTM", "tflite::UNIDIRECTIONAL_SEQUENCE_LSTM", family="recurrent")
    def lstm(call: OpCall) -> Cost:
        """As `aten::lstm`: macs = tokens x elements of all matrices; the biases, and 13 per token and hidden element.

        Coupled gates (no input gate of its own) take 1 less. Peepholes take 2 per weight and token, norms inside the
        gates what `aten::native_layer_norm` with a weight does, clipping of cells or projections 2 per element.
        """
        if call.arguments.get("kernel_type") == "BASIC":
            return _basic(table, call)
        return _direction(table, call, "")

    @table.counted("tflite::BIDIRECTIONAL_SEQUENCE_LSTM", family="recurrent")
    def both_ways(call: OpCall) -> Cost:
        """As two UNIDIRECTIONAL_SEQUENCE_LSTM, with the matrices of a second input where there is one."""
        return _direction(table, call, "fw_") + _direction(table, call, "bw_")

    @table.counted("tflite::RNN", "tflite::UNIDIRECTIONAL_SEQUENCE_RNN", family="recurrent")
    def elman(call: OpCall) -> Cost:
        """As `aten::rnn_tanh`: macs = tokens x elements of both matrices; the bias, 2 per token and hidden element."""
        return _elman(table, call, "")

    @table.counted("tflite::BIDIRECTIONAL_SEQUENCE_RNN", family="recurrent")
    def elman_both_ways(call: OpCall) -> Cost:
        """As two UNIDIRECTIONAL_SEQUENCE_RNN, with the matrices of a second input where there is one."""
        return _elman(table, call, "fw_") + _elman(table, call, "bw_")


def _held(call: OpCall, names: Sequence[str], prefix: str) -> list[TensorMeta]:
    found = (given(call, f"{prefix}{name}") for name in names)
    return [tensor for tensor in found if tensor is not None]


def _matrix(tensor: TensorMeta) -> TensorMeta:
    """A matrix, or the diagonal of one, which is all that is multiplied."""
    return tensor if len(tensor.shape) == 2 else shaped(tensor, (tensor.numel, 1))


def _direction(table: FormulaTable, call: OpCall, prefix: str) -> Cost:
    """One direction of an LSTM; ``prefix`` begins the names of its arguments."""
    cells = needed(call, f"{prefix}forget_bias").shape[-1]
    auxiliary = tuple(f"aux_{name}" for name in _GATES[:4])
    matrices = [_matrix(tensor) for tensor in _held(call, (*_GATES, "projection", *auxiliary), prefix)]
    peepholes, biases = _held(call, _PEEPHOLES, prefix), _held(call, (*_BIASES, "projection_bias"), prefix)
    sequence = call.inputs[0]
    tokens = sequence.numel // max(sequence.shape[-1], 1)
    flat = [shaped(tensor, (tensor.numel,)) for tensor in (*biases, *peepholes, *peepholes)]
    arguments: Mapping[str, Any] = {
        "input": sequence,
        "params": [*matrices, *flat],
        "hx": [shaped(sequence, (1, cells)), shaped(sequence, (1, cells))],
    }
    coupled = tokens * cells if given(call, f"{prefix}input_to_input") is None else 0
    rows = {"input": shaped(sequence, (tokens, cells)), "normalized_shape": (cells,)}
    norms = _held(call, LSTM_NORMS, prefix)
    normed = [through(table, "aten::native_layer_norm", call, **rows, weight=norm) for norm in norms]
    projection = given(call, f"{prefix}projection")
    clipped = 2 * tokens * cells if call.arguments.get("cell_clip") else 0
    if projection is not None and call.arguments.get("proj_clip"):
        clipped += 2 * tokens * projection.shape[0]
    return sum(normed, through(table, "aten::lstm", call, **arguments)) + Cost.of(other=clipped - coupled)


def _basic(table: FormulaTable, call: OpCall) -> Cost:
    """One step of the LSTM with all gates in one matrix: (4 x hidden, inputs + hidden)."""
    x, weights = call.inputs[0], needed(call, "weights")
    hidden = weights.shape[0] // 4
    row = shaped(x, (x.numel // max(x.shape[-1], 1), x.shape[-1]))
    biases = [shaped(tensor, (tensor.numel,)) for tensor in _held(call, ("biases",), "")]
    state = shaped(x, (1, hidden))
    return through(table, "aten::lstm", call, input=row, params=[weights, *biases], hx=[state, state])


def _elman(table: FormulaTable, call: OpCall, prefix: str) -> Cost:
    matrices = _held(call, ("weights", "recurrent_weights", "aux_weights"), prefix)
    biases = _held(call, ("bias",), prefix)
    sequence, states = call.inputs[0], needed(call, f"{prefix}recurrent_weights").shape[0]
    return through(
        table, "aten::rnn_tanh", call, input=sequence, params=[*matrices, *biases], hx=shaped(sequence, (1, states))
    )
