"""Fused norms, products and expert routing of apex and transformer_engine, by the names that they register."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

_ACTIVATIONS = {"gelu": 8, "qgelu": 3, "relu": 1, "srelu": 2, "silu": 2}
_GATED = {"geglu": 9, "reglu": 2, "swiglu": 3, "qgeglu": 4}


def register(table: FormulaTable) -> None:
    """Add these libraries' operators to ``table``."""
    family = "normalization"
    for kind, forward, back in (
        ("layer_norm", layer_norm, layer_norm_backward),
        ("rms_norm", rms_norm, rms_norm_backward),
    ):
        table.counted(f"apex::fused_{kind}_fwd", f"apex::fused_{kind}_affine_fwd", family=family)(forward)
        table.counted(f"apex::fused_{kind}_bwd", f"apex::fused_{kind}_affine_bwd", family="backward")(back)
    table.counted("tex_ts::layernorm_fwd_inf_ts", "tex_ts::layernorm_fwd_fp8_inf_ts", family=family)(inference_norm)
    table.counted("tex_ts::rmsnorm_fwd_inf_ts", "tex_ts::rmsnorm_fwd_fp8_inf_ts", family=family)(inference_rms_norm)
    table.counted("tex_ts::te_gemm_ts", family="matmul")(product)
    for name in _ACTIVATIONS:
        table.counted(f"tex_ts::{name}_ts", family="activation")(activation)
    for name in _GATED:
        table.counted(f"tex_ts::{name}_ts", family="activation")(gated_activation)
    table.counted(
        *(f"tex_ts::cast_{way}_fp8{kind}_ts" for way in ("to", "from") for kind in ("", "_noalloc")),
        family="quantization",
    )(cast)
    table.free(
        *("te_moe::permute_index_map", "te_moe::permute_mask_map_fwd", "te_moe::sort_chunks_by_index"),
        family="movement",
        because="tokens sorted by expert: a copy of input values",
    )
    table.counted("te_moe::unpermute_index_map_fwd", "te_moe::unpermute_mask_map_fwd", family="scatter")(merge)


def _elements(call: OpCall, name: str = "input") -> tuple[int, int]:
    """Elements, and the rows that are normalised."""
    tensor: TensorMeta = call.arguments[name]
    return tensor.numel, tensor.numel // max(prod(call.arguments["normalized_shape"]), 1)


def _affine(call: OpCall) -> int:
    return sum(call.arguments.get(name) is not None for name in ("weight", "bias"))


def layer_norm(call: OpCall) -> Cost:
    """As layer norm: 5 per element (mean, subtract, square, sum, scale), 1 more each for weight and bias; 2 per row."""
    elements, rows = _elements(call)
    return Cost.of(other=(5 + _affine(call)) * elements + 2 * rows)


def rms_norm(call: OpCall) -> Cost:
    """As root mean square norm: 3 per element (square, mean, scale), 1 more for a weight; 2 per row."""
    elements, rows = _elements(call)
    return Cost.of(other=(3 + _affine(call)) * elements + 2 * rows)


def layer_norm_backward(call: OpCall) -> Cost:
    """As layer norm's gradient: x_hat 2, the sums of g and of g x x_hat 3, the input 4: 9 per element.

    A weight adds 1 (g x weight) and 2 for its own gradient, a bias 1: 13 with both.
    """
    affine = (0, 3, 4)[_affine(call)]
    return Cost.of(other=(9 + affine) * call.arguments["grad_output"].numel)


def rms_norm_backward(call: OpCall) -> Cost:
    """As root mean square norm's gradient: x_hat 1, its product with g and the sum 2, the input 3: 6 per element.

    A weight adds 1 (g x weight) and 2 for its own gradient: 9.
    """
    return Cost.of(other=(6 + 3 * _affine(call)) * call.arguments["grad_output"].numel)


def _first(call: OpCall) -> TensorMeta:
    return call.inputs[0]


def inference_norm(call: OpCall) -> Cost:
    """A layer norm with weight and bias: 7 per element and 2 per row."""
    tensor = _first(call)
    return Cost.of(other=7 * tensor.numel + 2 * (tensor.numel // tensor.shape[-1]))


def inference_rms_norm(call: OpCall) -> Cost:
    """A root mean square norm with a weight: 4 per element and 2 per row."""
    tensor = _first(call)
    return Cost.of(other=4 * tensor.numel + 2 * (tensor.numel // tensor.shape[-1]))


def product(call: OpCall) -> Cost:
    """A product of two matrices: macs = numel(output) x k; the shared size k is A's last when transa, else its first.

    A bias that is not empty adds 1 flop per output element, a GELU 8.
    """
    values = [*call.arguments.values()]
    left, transposed = values[0], values[4]
    output = call.outputs[0].numel if call.outputs else values[10].numel
    bias, gelu = (values[14], values[16]) if len(values) > 16 else (None, None)
    biased = isinstance(bias, TensorMeta) and bias.numel > 0
    activated = isinstance(gelu, TensorMeta) and gelu.numel > 0
    return Cost.of(macs=output * left.shape[-1 if transposed else 0], other=output * (biased + 8 * activated))


def activation(call: OpCall) -> Cost:
    """Per element: relu 1, squared relu 2, silu 2, gelu in its tanh form 8, x sigmoid(1.702 x) 3."""
    name = call.op.partition("::")[2].partition(".")[0].removesuffix("_ts")
    return Cost.of(other=_ACTIVATIONS[name] * _first(call).numel)


def gated_activation(call: OpCall) -> Cost:
    """An activation of one half times the other: per output element relu 2, silu 3, gelu 9, x sigmoid(1.702 x) 4."""
    name = call.op.partition("::")[2].partition(".")[0].removesuffix("_ts")
    return Cost.of(other=_GATED[name] * (_first(call).numel // 2))


def cast(call: OpCall) -> Cost:
    """A number times its scale, to or from 8 bits: 1 per element."""
    return Cost.of(other=_first(call).numel)


def merge(call: OpCall) -> Cost:
    """The tokens of all experts put back in place and added: 1 per element, 1 more for their probabilities."""
    weighted = any(_weights(call.arguments.get(name)) for name in ("probs", "merging_probs"))
    return Cost.of(other=(1 + weighted) * _first(call).numel)


def _weights(given: TensorMeta | None) -> bool:
    return given is not None and given.numel > 0
