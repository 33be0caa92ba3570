"""The inputs of TFLite's operators by name: what formulas and the rule for parameters know them as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archscope.formulas.tflite_recurrent import LSTM_NORMS, LSTM_WEIGHTS
from archscope.records import TensorMeta
from archscope.sources.tflite_file.graph import Operator
from archscope.sources.tflite_file.values import Value

_AUXILIARY = tuple(f"aux_input_to_{gate}" for gate in ("input", "forget", "cell", "output"))
_BASIC_LSTM = ("input", "previous_output", "weights", "biases", "previous_state")
_BOTH_LSTM = (
    "input",
    *(f"{way}_{name}" for way in ("fw", "bw") for name in LSTM_WEIGHTS),
    *("fw_output_state", "fw_cell_state", "bw_output_state", "bw_cell_state", "aux_input"),
    *(f"{way}_{name}" for way in ("fw", "bw") for name in _AUXILIARY),
)
_ELMAN = ("input", "weights", "recurrent_weights", "bias", "hidden_state")
_NAMES: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D"), ("input", "filter", "bias")),
    **dict.fromkeys(("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"), ("output_shape", "filter", "input", "bias")),
    "STABLEHLO_CONVOLUTION": ("input", "filter"),
    "FULLY_CONNECTED": ("input", "weights", "bias"),
    "PRELU": ("input", "alpha"),
    "LSTM": ("input", *LSTM_WEIGHTS, "output_state", "cell_state", *LSTM_NORMS),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("input", *LSTM_WEIGHTS, "output_state", "cell_state", *LSTM_NORMS),
    "BIDIRECTIONAL_SEQUENCE_LSTM": _BOTH_LSTM,
    "RNN": _ELMAN,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _ELMAN,
    "BIDIRECTIONAL_SEQUENCE_RNN": (
        "input",
        *(f"{way}_{name}" for way in ("fw", "bw") for name in _ELMAN[1:]),
        *("aux_input", "fw_aux_weights", "bw_aux_weights"),
    ),
    "SVDF": ("input", "weights_feature", "weights_time", "bias", "state"),
    "EMBEDDING_LOOKUP": ("ids", "value"),
    "EMBEDDING_LOOKUP_SPARSE": ("ids", "indices", "dense_shape", "weights_of_rows", "value"),
    "NON_MAX_SUPPRESSION_V4": ("boxes", "scores", "most", "overlap", "least_score"),
    "NON_MAX_SUPPRESSION_V5": ("boxes", "scores", "most", "overlap", "least_score", "sigma"),
    "SCATTER_ND": ("indices", "updates", "shape"),
    "RFFT2D": ("input", "fft_length"),
    "REDUCE_WINDOW": ("input", "start", "window_shape", "strides", "dilations"),
    "PADV2": ("input", "paddings", "value"),
}
#: Inputs whose values decide what an operator costs; told as ``<name>_value`` where they are known.
_VALUES = {"RFFT2D": "fft_length", "REDUCE_WINDOW": "window_shape"}


def arguments_of(operator: Operator, inputs: Sequence[Value | None]) -> dict[str, Any]:
    """What formulas are given: tensors by the names of the inputs (``input_<k>`` without one), then options."""
    names = _NAMES.get(operator.op, ()) if not operator.custom else ()
    if operator.op == "LSTM" and operator.options.get("kernel_type") == "BASIC":
        names = _BASIC_LSTM
    found: dict[str, Any] = {}
    for place, value in enumerate(inputs):
        name = names[place] if place < len(names) else f"input_{place}"
        found[name] = None if value is None else value.meta
        if value is not None and value.numbers is not None and _VALUES.get(operator.op) == name:
            found[f"{name}_value"] = value.numbers.reshape(-1).tolist()
    found.update(operator.options)
    return found


def tensors_in(arguments: Mapping[str, Any]) -> list[tuple[str, TensorMeta]]:
    """The tensors among ``arguments`` with their names."""
    return [(name, value) for name, value in arguments.items() if isinstance(value, TensorMeta)]
