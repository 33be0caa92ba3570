"""What an export changed: a PyTorch model's report held against that of its ONNX file, difference by difference."""

from __future__ import annotations

from collections.abc import Iterator

from archscope.judge.exported_inputs import GRAPH
from archscope.report import OperatorRow, Report
from archscope.results.comparison import Cause

_BATCH_NORM = "onnx::BatchNormalization"
# A function of torch that a file writes out in several operators: its own name there, and what stands in its place.
_WRITTEN_OUT = {
    "gelu": ("aten::gelu", ("onnx::Gelu", "tflite::GELU"), ("onnx::Erf", "tflite::TANH")),
    "layer norm": ("layer_norm", ("onnx::LayerNormalization",), ("onnx::ReduceMean", "tflite::MEAN")),
    "attention": ("scaled_dot_product", ("onnx::Attention",), ("onnx::Softmax", "tflite::SOFTMAX")),
    "group norm": ("group_norm", ("onnx::GroupNormalization",), ("onnx::InstanceNormalization", "tflite::MEAN")),
    "SiLU": ("aten::silu", ("onnx::Swish",), ("onnx::Sigmoid", "tflite::LOGISTIC")),
    "hardswish": ("aten::hardswish", ("onnx::HardSwish", "tflite::HARD_SWISH"), ("onnx::HardSigmoid", "tflite::RELU6")),
}
# Activation functions that TFLite keeps inside the operator before: where one stands alone there, and torch's.
_INSIDE = {
    "tflite::RELU": ("aten::relu",),
    "tflite::RELU6": ("aten::relu6", "aten::hardtanh"),
    "tflite::TANH": ("aten::tanh",),
}
_ADDED = {
    "Transpose": ("onnx::Transpose", "tflite::TRANSPOSE"),
    "Cast": ("onnx::Cast", "tflite::CAST"),
    "Identity": ("onnx::Identity",),
}
_FUSED = frozenset(
    {"BiasGelu", "FastGelu", "QuickGelu", "FusedConv", "FusedGemm", "FusedMatMul", "SkipLayerNormalization"}
)
_FUSED |= {"SkipSimplifiedLayerNormalization", "EmbedLayerNormalization", "BiasSoftmax"}
_QUANTISED = (
    *("onnx::QuantizeLinear", "onnx::DequantizeLinear", "onnx::DynamicQuantizeLinear"),
    *("tflite::QUANTIZE", "tflite::DEQUANTIZE"),
)


def export_causes(base: Report, head: Report) -> tuple[Cause, ...]:
    """Why the file ``head`` differs from the model ``base``; none where it is not one of each, or one was not run."""
    if (base.model.device == GRAPH) == (head.model.device == GRAPH) or None in {base.totals.macs, head.totals.macs}:
        return ()
    if base.model.device == GRAPH:
        return tuple(-cause for cause in export_causes(head, base))
    causes = [*_parameters(base, head), *_operators(base, head)]
    told = sum(cause.parameters for cause in causes)
    rest = head.totals.parameters - base.totals.parameters - told
    if rest:
        causes.append(Cause(name="weights", what="other weights that one side alone holds", calls=0, parameters=rest))
    return tuple(causes)


def _parameters(base: Report, head: Report) -> Iterator[Cause]:
    """Folded batch norms, and tensors that the file holds and the model does not call parameters."""
    after = {row.path: row.own.parameters for row in head.modules}
    norms = [row for row in base.modules if "BatchNorm" in row.type]
    folded = _calls(base, "batch_norm") - _calls(head, _BATCH_NORM)
    paths = {row.path for row in norms}
    if folded > 0:
        gone = sum(after.get(row.path, 0) - row.own.parameters for row in norms)
        grown = sum(
            max(after.get(row.path, 0) - row.own.parameters, 0)
            for row in base.modules
            if row.type.startswith(("Conv", "Linear")) and row.path not in paths
        )
        yield Cause(
            name="folded batch norms",
            what="batch norms folded into the layers before them, which got their shifts as biases",
            calls=folded,
            parameters=gone + grown,
        )
        paths |= {row.path for row in base.modules if row.type.startswith(("Conv", "Linear"))}
    before = {record.path for record in base.parameters}
    made = [
        record
        for record in head.parameters
        if record.path not in before and record.path.rpartition(".")[0] not in paths
    ]
    names = {record.path for record in head.parameters}
    gone_ones = [
        record for record in base.parameters if record.path not in names and record.path.rpartition(".")[0] not in paths
    ]
    missing = [record for record in gone_ones if record.path.rpartition(".")[0] not in after]
    if missing:
        yield Cause(
            name="modules left out",
            what="weights of modules that the file does not hold: unused, or worked out beforehand",
            calls=len({record.path.rpartition(".")[0] for record in missing}),
            parameters=-sum(record.numel for record in missing),
        )
    gone_ones = [record for record in gone_ones if record not in missing]
    delta = sum(record.numel for record in made) - sum(record.numel for record in gone_ones)
    if made or gone_ones:
        yield Cause(
            name="constant folding",
            what="weights under another name: transposed, joined or worked out beforehand, and buffers, which a file "
            "does not tell from parameters",
            calls=len(made),
            parameters=delta,
        )


def _operators(base: Report, head: Report) -> Iterator[Cause]:
    for name, (op, kept, signs) in _WRITTEN_OUT.items():
        count = _calls(base, op) - sum(_calls(head, other) for other in kept)
        sign = next((sign for sign in signs if _calls(head, sign)), "")
        if count > 0 and sign:
            what = f"{name} written out in several operators ({sign.partition('::')[2]} among them)"
            yield Cause(name=f"{name} written out", what=what, calls=count, parameters=0)
    for name, ops in _ADDED.items():
        count = sum(_calls(head, op) for op in ops)
        if count:
            yield Cause(name=f"added {name} nodes", what=f"{name} is a node of its own", calls=count, parameters=0)
    fused = sum(row.calls for row in head.operators if row.op.removeprefix("com.microsoft::") in _FUSED)
    if any(row.op.startswith("tflite::") for row in head.operators):
        for alone, ops in _INSIDE.items():
            fused += max(sum(_calls(base, op, whole=True) for op in ops) - _calls(head, alone), 0)
    if fused:
        yield Cause(name="fused activations", what="layers joined with what follows them", calls=fused, parameters=0)
    quantised = sum(_calls(head, op) for op in _QUANTISED) - sum(_calls(base, op) for op in ("aten::quantize",))
    if quantised > 0:
        yield Cause(name="quantisation", what="numbers turned into integers and back", calls=quantised, parameters=0)


def _calls(report: Report, name: str, *, whole: bool = False) -> int:
    return sum(row.calls for row in report.operators if _is(row, name, whole=whole))


def _is(row: OperatorRow, name: str, *, whole: bool) -> bool:
    packet = row.op.partition(".")[0]
    if name.startswith(("onnx::", "tflite::")):
        return row.op == name
    if whole:
        return packet.removesuffix("_") == name
    return packet.startswith(name) or name in packet.partition("::")[2]
