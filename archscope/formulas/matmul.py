"""Matrix products: dense, batched, grouped, quantised, sparse."""

from __future__ import annotations

from math import prod

from archscope.formulas.cost import Cost
from archscope.formulas.table import FormulaTable
from archscope.records import OpCall, TensorMeta

_PRODUCTS = ("mm", "bmm", "mv", "_int_mm", "hspmm", "_sparse_mm", "_sparse_sparse_matmul", "_sparse_mm_reduce_impl")
_WITH_ADDEND = ("addmm", "baddbmm", "addbmm", "addmv", "_sparse_addmm", "sspaddmm", "sparse_sampled_addmm")
_WEIGHT_ONLY = (
    *("_weight_int8pack_mm", "_weight_int4pack_mm", "_weight_int4pack_mm_for_cpu"),
    "_weight_int4pack_mm_with_scales_and_zeros",
)


def register(table: FormulaTable) -> None:
    """Add the matrix products to ``table``."""
    table.counted(*(f"aten::{name}" for name in _PRODUCTS), family="matmul")(product)
    table.counted("aten::dot", "aten::vdot", family="matmul")(dot)
    table.counted("aten::linear", "aten::mkldnn_linear", "aten::_mixed_dtypes_linear", family="matmul")(linear)
    table.counted(*(f"aten::{name}" for name in _WITH_ADDEND), family="matmul")(product_with_addend)
    table.counted("aten::_addmm_activation", family="matmul")(product_with_activation)
    table.counted("aten::addr", family="matmul")(outer_with_addend)
    table.counted("aten::_scaled_mm", "aten::_scaled_mm_v2", family="matmul")(scaled_product)
    table.counted(*(f"aten::{name}" for name in _WEIGHT_ONLY), family="matmul")(weight_only_product)
    table.counted(
        "aten::_grouped_mm",
        "aten::_scaled_grouped_mm",
        "aten::_scaled_grouped_mm_v2",
        "transformers::grouped_mm_fallback",
        family="matmul",
    )(grouped_product)
    table.counted("aten::_trilinear", family="matmul")(trilinear)


def product(call: OpCall) -> Cost:
    """Every output element is a dot product over the shared size k, the left's last: macs = numel(output) x k.

    Of a sparse operand the values that it holds count: macs x values / elements. For two sparse matrices only their
    indices tell what meets, so that their product is uncounted.
    """
    return Cost.of(macs=call.outputs[0].numel * call.inputs[0].shape[-1])


def dot(call: OpCall) -> Cost:
    """The dot product of two vectors of n elements: macs = n."""
    return Cost.of(macs=call.inputs[0].numel)


def linear(call: OpCall) -> Cost:
    """The product input @ weight^T: macs = numel(output) x features_in; a bias adds 1 flop per output element."""
    output = call.outputs[0].numel
    bias = output if call.arguments.get("bias") is not None else 0
    return Cost.of(macs=output * call.inputs[0].shape[-1], other=bias)


def product_with_addend(call: OpCall) -> Cost:
    """The sum beta x input + alpha x (left @ right): macs = numel(output) x k, and 1 flop per output for the sum.

    ``addbmm`` also sums over its batch, so its k is batch x k. A beta of 0 leaves the sum out; a beta other than 0
    and 1, and an alpha other than 1, add 1 flop per output element each.
    """
    arguments = call.arguments
    left = call.inputs[1]
    depth = left.shape[-1]
    if call.op.startswith("aten::addbmm"):
        depth = depth * left.shape[0]
    output = call.outputs[0].numel
    added = 0 if arguments["beta"] == 0 else 1 + (arguments["beta"] != 1)
    return Cost.of(macs=output * depth, other=output * (added + (arguments["alpha"] != 1)))


def product_with_activation(call: OpCall) -> Cost:
    """As ``addmm``, and an activation per output element: ReLU 1 flop, GELU in its tanh form 8."""
    activation = 8 if call.arguments["use_gelu"] else 1
    return product_with_addend(call) + Cost.of(other=activation * call.outputs[0].numel)


def outer_with_addend(call: OpCall) -> Cost:
    """The sum beta x input + alpha x (column @ row): 1 multiply-accumulate per output element, for its product and sum.

    A beta other than 0 and 1, and an alpha other than 1, add 1 flop per output element each.
    """
    arguments = call.arguments
    scalings = (arguments["beta"] not in {0, 1}) + (arguments["alpha"] != 1)
    return Cost.of(macs=call.outputs[0].numel, other=scalings * call.outputs[0].numel)


def scaled_product(call: OpCall) -> Cost:
    """A product of 8-bit floats: macs = numel(output) x k, 1 flop per output element to scale it, 1 for a bias."""
    bias = call.arguments["bias"] is not None
    output = call.outputs[0].numel
    return Cost.of(macs=output * call.arguments["self"].shape[-1], other=(1 + bias) * output)


def weight_only_product(call: OpCall) -> Cost:
    """A product with weights of 4 or 8 bits: macs = numel(output) x k, and 1 flop per output element to scale it."""
    output = call.outputs[0].numel
    return Cost.of(macs=output * call.arguments["self"].shape[-1], other=output)


def grouped_product(call: OpCall) -> Cost:
    """A product for each group, such as a mixture's experts: every row (or column) belongs to one group.

    macs = numel(output) x k: rows x k by groups x k x columns (each row meets its group's matrix alone), groups x rows
    x k by k x columns, or group by group. When the groups share out k (two matrices), macs = rows x k x columns.
    A bias adds 1 flop per output element.
    """
    left, right, *_ = call.inputs
    output = call.outputs[0].numel
    shares_depth = len(left.shape) == len(right.shape) == 2
    bias = output if call.arguments.get("bias") is not None else 0
    return Cost.of(macs=left.numel * right.shape[1] if shares_depth else output * left.shape[-1], other=bias)


def trilinear(call: OpCall) -> Cost:
    """The sum over ``sumdim`` of the products of three broadcast tensors, as `nn.Bilinear` takes it.

    Each point of the space of all their dimensions takes 1 multiply (i1 x i2) and 1 multiply-accumulate (with i3):
    macs = points, flops = 3 x points.
    """
    arguments = call.arguments
    shapes = [_expanded(arguments[f"i{k}"], arguments[f"expand{k}"]) for k in (1, 2, 3)]
    points = prod(max(sizes) for sizes in zip(*shapes, strict=True))
    return Cost.of(macs=points, other=points)


def _expanded(tensor: TensorMeta, new: tuple[int, ...]) -> list[int]:
    shape = list(tensor.shape)
    for position in sorted(new):
        shape.insert(position, 1)
    return shape
