"""TFLite's layers: convolutions, matrix products, poolings, and the custom operators of MediaPipe and of detectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, TypeAlias

from archscope.formulas.cost import Cost
from archscope.formulas.onnx_door import given, needed, shaped, through
from archscope.formulas.table import FormulaTable
from archscope.formulas.tflite_elementwise import activated
from archscope.records import OpCall

Arguments: TypeAlias = Callable[[OpCall], Mapping[str, Any]]
_DECODED = 18  # of a box: centre 6, size 6 (an exp each), corners 6


def register(table: FormulaTable) -> None:
    """Add TFLite's layers to ``table``."""
    _convolutions(table)
    _products(table)
    _poolings(table)
    _customs(table)


def _layer(table: FormulaTable, name: str, to: str, arguments: Arguments, layout: str) -> None:
    """Count ``name`` as ``to`` in ``table``, and its fused activation function; ``layout`` says how weights lie."""
    rule = table.find(to)
    if rule is None:
        raise KeyError(to)

    def formula(call: OpCall) -> Cost:
        return through(table, to, call, **arguments(call)) + activated(table, call)

    formula.__doc__ = (
        f"As `{to}`{layout}; a fused activation function costs what it does by itself. Scaling integers back is left "
        f"out.\n\n{rule.derivation}"
    )
    table.counted(f"tflite::{name}", family=rule.family)(formula)


def _filtered(call: OpCall) -> Mapping[str, Any]:
    return {"input": call.inputs[0], "weight": needed(call, "filter"), "bias": given(call, "bias")}


def _each_channel(call: OpCall) -> Mapping[str, Any]:
    weight = needed(call, "filter")
    *_, height, width, channels = weight.shape
    return {**_filtered(call), "weight": shaped(weight, (channels, 1, height, width))}


def _spread(call: OpCall) -> Mapping[str, Any]:
    weight = needed(call, "filter")
    outputs, *kernel, inputs = weight.shape
    return {
        "input": needed(call, "input"),
        "weight": shaped(weight, (inputs, outputs, *kernel)),
        "bias": given(call, "bias"),
    }


def _volume(call: OpCall) -> Mapping[str, Any]:
    weight = needed(call, "filter")
    *kernel, inputs, outputs = weight.shape
    return {**_filtered(call), "weight": shaped(weight, (outputs, inputs, *kernel))}


def _volume_spread(call: OpCall) -> Mapping[str, Any]:
    weight = needed(call, "filter")
    *kernel, outputs, inputs = weight.shape
    spread = shaped(weight, (inputs, outputs, *kernel))
    return {"input": needed(call, "input"), "weight": spread, "bias": given(call, "bias")}


def _convolutions(table: FormulaTable) -> None:
    plain, transposed = "aten::convolution", "aten::conv_transpose2d"
    _layer(table, "CONV_2D", plain, _filtered, "; its filter is (c_out, kernel, c_in / groups)")
    _layer(
        table, "DEPTHWISE_CONV_2D", plain, _each_channel, " of each channel by itself; its filter is (1, kernel, c_out)"
    )
    _layer(table, "TRANSPOSE_CONV", transposed, _spread, "; its filter is (c_out, kernel, c_in)")
    _layer(table, "CONV_3D", plain, _volume, "; its filter is (kernel, c_in, c_out)")
    _layer(table, "CONV_3D_TRANSPOSE", transposed, _volume_spread, "; its filter is (kernel, c_out, c_in)")

    @table.counted("tflite::STABLEHLO_CONVOLUTION", family="convolution")
    def convolution(call: OpCall) -> Cost:
        """As `aten::convolution`; its filter bears the outputs on the axis that its options name."""
        weight = needed(call, "filter")
        axis = call.arguments.get("kernel_output_feature_dimension")
        if axis is None or not 0 <= axis < len(weight.shape):
            return Cost(partial=True)
        kernel = [size for place, size in enumerate(weight.shape) if place != axis]
        return through(table, plain, call, input=call.inputs[0], weight=shaped(weight, (weight.shape[axis], *kernel)))


def _rows(call: OpCall) -> Mapping[str, Any]:
    x, weight = call.inputs[0], needed(call, "weights")
    depth = weight.shape[-1]
    return {"input": shaped(x, (x.numel // max(depth, 1), depth)), "weight": weight, "bias": given(call, "bias")}


def _products(table: FormulaTable) -> None:
    _layer(table, "FULLY_CONNECTED", "aten::linear", _rows, "; its input is rows of features_in elements")

    @table.counted("tflite::BATCH_MATMUL", family="matmul")
    def product(call: OpCall) -> Cost:
        """As `aten::bmm`; the left operand may be transposed (adj_x): macs = numel(output) x k."""
        x = call.inputs[0]
        if call.arguments.get("adj_x"):
            x = shaped(x, (*x.shape[:-2], x.shape[-1], x.shape[-2]))
        return through(table, "aten::bmm", call, self=x)

    @table.counted("tflite::STABLEHLO_DOT_GENERAL", family="matmul")
    def general(call: OpCall) -> Cost:
        """A dot product over the contracted axes for each output element: macs = numel(output) x their sizes."""
        axes = call.arguments.get("lhs_contracting_dimensions", ())
        return Cost.of(macs=call.outputs[0].numel * prod(call.inputs[0].shape[axis] for axis in axes))

    @table.counted("tflite::EMBEDDING_LOOKUP_SPARSE", family="matmul")
    def embeddings(call: OpCall) -> Cost:
        """Rows are multiplied by their weights and added, 2 per element of each; a mean divides each output, 1."""
        rows, output = needed(call, "ids").numel, call.outputs[0]
        mean = output.numel if call.arguments.get("combiner", "SUM") != "SUM" else 0
        value = needed(call, "value")
        return Cost.of(other=2 * rows * prod(value.shape[1:]) + mean)

    @table.counted("tflite::SVDF", family="recurrent")
    def filtered_by_rank(call: OpCall) -> Cost:
        """Features filtered at each step and over the memory of each filter (Nakkiran et al. 2015), and the rest.

        macs = batch x (filters x features + filters x memory). Adding the filters of a rank takes 1 per filter but the
        first of each unit, a bias 1 per unit, and the activation function what it costs by itself.
        """
        features, memory = needed(call, "weights_feature"), needed(call, "weights_time")
        batch = call.inputs[0].numel // max(features.shape[-1], 1)
        units = call.outputs[0].numel
        added = batch * features.shape[0] - units + (units if given(call, "bias") else 0)
        return Cost.of(macs=batch * (features.numel + memory.numel), other=max(added, 0)) + activated(table, call)


def _poolings(table: FormulaTable) -> None:
    for name, to in (("AVERAGE_POOL_2D", "aten::avg_pool1d"), ("MAX_POOL_2D", "aten::max_pool1d")):
        _layer(table, name, to, _window, " with a window of height x width")

    @table.counted("tflite::L2_POOL_2D", family="pooling")
    def l2_pool(call: OpCall) -> Cost:
        """The root of the mean square of each window: 2 per value, a division and a root per output; what is fused."""
        values = call.outputs[0].numel * _size(call)
        norm = through(table, "aten::linalg_vector_norm", call, self=shaped(call.inputs[0], (values,)), ord=2)
        return norm + Cost.of(other=call.outputs[0].numel) + activated(table, call)


def _size(call: OpCall) -> int:
    return int(call.arguments["filter_height"] * call.arguments["filter_width"])


def _window(call: OpCall) -> Mapping[str, Any]:
    return {"input": call.inputs[0], "kernel_size": (_size(call),)}


def _customs(table: FormulaTable) -> None:
    def custom(name: str) -> str:
        return f"tflite.custom::{name}"

    @table.counted(custom("Convolution2DTransposeBias"), family="convolution")
    def biased(call: OpCall) -> Cost:
        """MediaPipe's: as `aten::conv_transpose2d`; its filter is (c_out, kernel, c_in)."""
        x, weight, *bias = call.inputs
        outputs, *kernel, inputs = weight.shape
        spread = shaped(weight, (inputs, outputs, *kernel))
        return through(table, "aten::conv_transpose2d", call, input=x, weight=spread, bias=bias[0] if bias else None)

    @table.counted(custom("MaxPoolingWithArgmax2D"), family="pooling")
    def with_places(call: OpCall) -> Cost:
        """MediaPipe's: as `aten::max_pool2d`, with the places of the maxima; its window stands in its options."""
        window = _argmax_window(call.arguments.get("custom_options", b""))
        if not window:
            return Cost(partial=True)
        return through(table, "aten::max_pool1d", call, input=call.inputs[0], kernel_size=(window,))

    @table.counted(custom("TransformTensorBilinear"), family="resampling")
    def transformed(call: OpCall) -> Cost:
        """MediaPipe's: 8 per point for its place in the input (Ax + b in two axes), as `aten::upsample_bilinear2d`."""
        output = call.outputs[0]
        points = output.numel // max(output.shape[-1], 1)
        return Cost.of(other=8 * points) + through(table, "aten::upsample_bilinear2d", call)

    @table.counted(custom("TransformLandmarks"), family="vision")
    def landmarks(call: OpCall) -> Cost:
        """MediaPipe's: two coordinates of each landmark become Ax + b: 4 operations each, 8 per landmark."""
        output = call.outputs[0]
        return Cost.of(other=8 * (output.numel // max(output.shape[-1], 1)))

    @table.counted(custom("TFLite_Detection_PostProcess"), family="vision")
    def detections(call: OpCall) -> Cost:
        """Boxes decoded by their anchors, the best class of each found, and `torchvision::nms`, none suppressed.

        A box takes 18: its centre 6 (divide, multiply, add in two axes), its size 6 (divide, exp, multiply), its
        corners 6. The best of c classes takes c - 1 comparisons per box.
        """
        boxes, scores = call.inputs[:2]
        number, classes = scores.shape[-2:]
        found = through(table, "torchvision::nms", call, dets=shaped(boxes, (number, 4)))
        return Cost.of(other=number * (_DECODED + classes - 1)) + found

    table.free(custom("MaxUnpooling2D"), family="movement", because="a copy of input values")


def _argmax_window(options: Any) -> int:
    """Height x width of the window in the options of MediaPipe's pooling; 0 where they do not hold it.

    They are the runtime's own structure: padding, strides, then the width and the height of the window, 4 bytes each.
    """
    if not isinstance(options, bytes) or len(options) < 20:
        return 0
    width, height = (int.from_bytes(options[place : place + 4], "little") for place in (12, 16))
    return width * height if 0 < width * height < 2**20 else 0
