"""DEFAULT_FORMULAS, the table that archscope counts by unless it is given another."""

from __future__ import annotations

from dataclasses import replace

from archscope.formulas import (
    activation,
    attention,
    attention_libraries,
    backward,
    backward_activation,
    backward_layers,
    backward_resampling,
    bitsandbytes_library,
    convolution,
    elementwise,
    fourier,
    graph_libraries,
    instrumentation,
    linear_algebra,
    loss,
    matmul,
    mmcv_library,
    movement,
    nested,
    norm_libraries,
    normalization,
    onnx_contrib,
    onnx_elementwise,
    onnx_layers,
    onnx_movement,
    onnx_reduction,
    pooling,
    primitives,
    quantization,
    recurrent,
    reduction,
    resampling,
    sampling,
    scatter,
    sequence_libraries,
    sorting,
    sparse_libraries,
    tflite_elementwise,
    tflite_layers,
    tflite_movement,
    tflite_recurrent,
    vision,
)
from archscope.formulas.foreign import of_known_arguments
from archscope.formulas.table import FormulaTable

_FAMILIES = (
    *(convolution, matmul, attention, recurrent, normalization, activation, pooling, resampling, elementwise),
    *(reduction, sorting, scatter, loss, linear_algebra, fourier, sampling, quantization, vision, movement),
    *(backward, backward_activation, backward_layers, backward_resampling, primitives, instrumentation),
    *(nested, onnx_elementwise, onnx_layers, onnx_reduction, onnx_movement, onnx_contrib),
    *(tflite_elementwise, tflite_layers, tflite_recurrent, tflite_movement),
)
_LIBRARIES = (
    attention_libraries,
    sequence_libraries,
    norm_libraries,
    graph_libraries,
    sparse_libraries,
    mmcv_library,
    bitsandbytes_library,
)


def _default() -> FormulaTable:
    table = FormulaTable()
    for family in _FAMILIES:
        family.register(table)
    libraries = FormulaTable()
    for family in _LIBRARIES:
        family.register(libraries)
    for rule in libraries:
        table.add(replace(rule, formula=of_known_arguments(rule.formula)))
    return table


DEFAULT_FORMULAS = _default()
