"""The convention of thop 0.1.1 (https://github.com/ultralytics/thop), derived from its behaviour.

It hooks modules by exact type. Bias is not counted; a normalisation counts 2 per element, 4 when it is affine; a
functional call counts for nothing; parameters count when they belong to a module whose hook fired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from archscope.judge.conventions.convention import Convention, ModuleRule, Use, calls_of

_CONVOLUTIONS = ("aten::convolution", "aten::_convolution", "aten::convolution_overrideable")
_NORMS = (
    "aten::native_batch_norm",
    "aten::_native_batch_norm_legit",
    "aten::_native_batch_norm_legit_no_training",
    "aten::batch_norm",
    "aten::cudnn_batch_norm",
    "aten::native_layer_norm",
    "aten::layer_norm",
    "aten::instance_norm",
)
_PRODUCTS = ("aten::addmm", "aten::mm", "aten::bmm", "aten::addmv", "aten::mv", "aten::dot", "aten::linear")
_ADAPTIVE_AVERAGES = ("aten::_adaptive_avg_pool2d", "aten::_adaptive_avg_pool3d", "aten::mean")
_AVERAGES = ("aten::avg_pool1d", "aten::avg_pool2d", "aten::avg_pool3d")
_UPSAMPLING = MappingProxyType(
    {
        "aten::upsample_nearest1d": 1,
        "aten::upsample_nearest2d": 1,
        "aten::upsample_nearest3d": 1,
        "aten::upsample_linear1d": 5,
        "aten::upsample_bilinear2d": 11,
        "aten::upsample_bicubic2d": 259,
    }
)


def _nothing(_use: Use) -> int:
    return 0


def _convolution(use: Use) -> int:
    """Output elements x input channels per group x kernel elements."""
    return sum(
        call.outputs[0].numel
        * (call.inputs[0].shape[1] // call.arguments["groups"])
        * math.prod(call.arguments["weight"].shape[2:])
        for call in calls_of(use, _CONVOLUTIONS)
    )


def _normalisation(use: Use) -> int:
    """2 per input element, 4 when affine."""
    each = 4 if "weight" in use.parameters else 2
    return sum(each * call.inputs[0].numel for call in calls_of(use, _NORMS))


def _linear(use: Use) -> int:
    """Output elements x input features."""
    features = use.parameters["weight"].shape[1]
    return sum(features * call.outputs[0].numel for call in calls_of(use, _PRODUCTS))


def _prelu(use: Use) -> int:
    """1 per element."""
    return sum(call.outputs[0].numel for call in calls_of(use, ("aten::_prelu_kernel", "aten::prelu")))


def _softmax(use: Use) -> int:
    """3 n - 1 for every n elements that add to one."""
    total = 0
    for call in calls_of(use, ("aten::_softmax", "aten::softmax")):
        elements, size = call.outputs[0].numel, call.outputs[0].shape[call.arguments["dim"]]
        total += elements // size * (3 * size - 1)
    return total


def _average(use: Use) -> int:
    """1 per output element."""
    return sum(call.outputs[0].numel for call in calls_of(use, _AVERAGES))


def _adaptive_average(use: Use) -> int:
    """1 per output element and 1 per input element."""
    return sum(call.inputs[0].numel + call.outputs[0].numel for call in calls_of(use, _ADAPTIVE_AVERAGES))


def _upsampling(use: Use) -> int:
    """Per output element 1 (nearest), 5 (linear), 11 (bilinear) or 259 (bicubic); other modes nothing."""
    return sum(
        _UPSAMPLING[call.op.partition(".")[0]] * call.outputs[0].numel for call in calls_of(use, tuple(_UPSAMPLING))
    )


def _rnn_step(inputs: int, hidden: int, bias: int) -> int:
    return hidden * (inputs + hidden) + hidden + bias * 2 * hidden


def _gru_step(inputs: int, hidden: int, bias: int) -> int:
    """Two gates as an RNN's, the new state as another, then 1 and 3 elementwise operations."""
    return 3 * _rnn_step(inputs, hidden, bias) + 4 * hidden


def _lstm_step(inputs: int, hidden: int, bias: int) -> int:
    """Four gates as an RNN's, then 3 and 1 elementwise operations."""
    return 4 * _rnn_step(inputs, hidden, bias) + 4 * hidden


Step = Callable[[int, int, int], int]


def _cell(step: Step, gates: int) -> ModuleRule:
    def rule(use: Use) -> int:
        """One step for every element of the batch."""
        rows, inputs = use.parameters["weight_ih"].shape
        batch = use.module.input_shapes[0][0] if use.module.input_shapes else 0
        return use.module.calls * batch * step(inputs, rows // gates, int("bias_ih" in use.parameters))

    return rule


def _network(step: Step, gates: int) -> ModuleRule:
    def rule(use: Use) -> int:
        """One step for every layer and direction, for every time and element of the batch."""
        if not use.module.input_shapes:
            return 0
        steps, batch = use.module.input_shapes[0][:2]
        each = 0
        for name, record in use.parameters.items():
            if name.startswith("weight_ih"):
                rows, inputs = record.shape
                each += step(inputs, rows // gates, int(name.replace("weight", "bias") in use.parameters))
        return use.module.calls * steps * batch * each

    return rule


def _rules() -> Mapping[str, ModuleRule]:
    rules: dict[str, ModuleRule] = {}
    families: dict[ModuleRule, str] = {
        _convolution: "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        _normalisation: "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LayerNorm"
        " InstanceNorm1d InstanceNorm2d InstanceNorm3d",
        _linear: "Linear",
        _prelu: "PReLU",
        _softmax: "Softmax",
        _average: "AvgPool1d AvgPool2d AvgPool3d",
        _adaptive_average: "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
        _upsampling: "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
        _cell(_rnn_step, 1): "RNNCell",
        _cell(_gru_step, 3): "GRUCell",
        _cell(_lstm_step, 4): "LSTMCell",
        _network(_rnn_step, 1): "RNN",
        _network(_gru_step, 3): "GRU",
        _network(_lstm_step, 4): "LSTM",
        _nothing: "ZeroPad2d ReLU ReLU6 LeakyReLU MaxPool1d MaxPool2d MaxPool3d Dropout Sequential PixelShuffle"
        " AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d",
    }
    for rule, names in families.items():
        rules.update(dict.fromkeys(names.split(), rule))
    return MappingProxyType(rules)


THOP = Convention(
    name="thop",
    description="hooks module types; functional calls count for nothing, normalisation is added in",
    modules=_rules(),
    parameters_of_modules=True,
    counts_paths=True,
    containers=frozenset({"Sequential"}),
)
