"""What ``optimize_for_inference`` made of a program for one CPU library, as the operators that it stands for.

Its operators pass torch's dispatcher by, and on meta there are none; their arithmetic is that of the usual ones.
"""

from __future__ import annotations

from typing import Any

from archscope.measure.running.frozen_programs import nodes_of

_SAME = {
    "prim::MKLDNNHardSwish": "aten::hardswish",
    "prim::MKLDNNHardSigmoid": "aten::hardsigmoid",
    "prim::MKLDNNRelu6": "aten::relu6",
    "prim::MKLDNNScalarMul": "aten::mul",
    "prim::MKLDNNLayerNorm": "aten::layer_norm",
}
_BOUNDED = {"prim::MKLDNNHardTanh": "aten::hardtanh", "prim::MKLDNNClamp": "aten::clamp"}
_CASTS = {"aten::to_mkldnn", "aten::to_dense", "prim::BroadcastMKLDNNTensors"}


def without_mkldnn(graph: Any) -> None:
    """Put torch's own operators in the place of those of that library; what is not known stays."""
    found = [node for node in nodes_of(graph) if "mkldnn" in node.kind().lower()]
    if not found:
        return
    casts = [node for node in nodes_of(graph) if node.kind() in _CASTS]
    for node in found:
        with graph.insert_point_guard(node):
            _replace(graph, node)
    for node in casts:
        if node.kind() == "prim::BroadcastMKLDNNTensors":
            _out_of_place(graph, node)
        for old, new in zip(node.outputs(), node.inputs(), strict=False):
            old.replaceAllUsesWith(new)
        node.destroy()


def _out_of_place(graph: Any, cast: Any) -> None:
    """Let what works in place on the results of ``cast``, which had the larger size, make results of its own."""
    used = [use.user for output in cast.outputs() for use in output.uses() if use.offset == 0]
    for user in [user for user in used if user.kind().endswith("_")]:
        with graph.insert_point_guard(user):
            new = graph.insertNode(graph.create(user.kind().removesuffix("_"), [*user.inputs()], 1))
        new.output().setType(user.output().type())
        user.output().replaceAllUsesWith(new.output())
        user.destroy()


def _replace(graph: Any, node: Any) -> None:
    kind = node.kind().removesuffix("_")
    inputs = list(node.inputs())
    if kind == "prim::ConstantMKLDNNTensor":
        new = graph.create("prim::Constant", [], 1)
        new.t_("value", node.t("value").to_dense())
    elif kind == "prim::mkldnn_convolution":
        transposed, padding = graph.insertConstant(False), graph.insertConstant([0])  # noqa: FBT003 - a value of the graph
        new = graph.create("aten::convolution", [*inputs[:6], transposed, padding, inputs[6]], 1)
    elif kind in _SAME:
        new = graph.create(_SAME[kind], inputs, 1)
    elif kind in _BOUNDED:
        bounds = [graph.insertConstant(node.f(name)) for name in ("min_val", "max_val")]
        new = graph.create(_BOUNDED[kind], [*inputs, *bounds], 1)
    else:
        return
    graph.insertNode(new)
    new.output().setType(node.output().type())
    if kind == "prim::ConstantMKLDNNTensor":
        new.output().inferTypeFrom(new.t("value"))
        new.output().setDebugName(node.output().debugName() + "_dense")
    node.output().replaceAllUsesWith(new.output())
    node.destroy()
