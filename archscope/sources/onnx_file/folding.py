"""Values known before any run: nodes that compute shapes from constants, worked out by ONNX's own reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archscope.sources.onnx_file.values import SMALL, Value

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

#: What exporters compute shapes, conditions and trip counts with; each gives the same values whenever it runs.
_FOLDED = frozenset(
    (
        *("Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "Ceil", "Concat", "ConstantOfShape"),
        *("CumSum", "Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "GatherND", "Greater"),
        *("GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg"),
        *("NonZero", "Not", "Or", "Pow", "Range", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum"),
        *("Reshape", "Round", "ScatterElements", "ScatterND", "Sign", "Slice", "Sqrt", "Squeeze"),
        *("Sub", "Tile", "Transpose", "Unsqueeze", "Where", "Xor", "Split"),
    )
)
_LARGEST_NUMBER = 2**62


class Folding:
    """Works out nodes whose inputs are all known and small; keeps one evaluator for all nodes that are alike."""

    def __init__(self) -> None:
        self._evaluators: dict[tuple[bytes, int], Any] = {}

    def constants(
        self, node: NodeProto, version: int, inputs: Sequence[Value | None], shapes: Mapping[str, Value]
    ) -> Mapping[str, TensorProto]:
        """The outputs of ``node`` that are known, by name; ``shapes`` holds their inferred types.

        Nothing of more than 1,024 elements is worked out.
        """
        if node.op_type in {"Shape", "Size"}:
            return _of_sizes(node, inputs)
        if node.op_type not in _FOLDED or not inputs or not _all_small(shapes.values()):
            return {}
        arrays = [None if value is None else value.array() for value in inputs]
        if any(value is not None and array is None for value, array in zip(inputs, arrays, strict=True)):
            return {}
        return self._evaluated(node, version, arrays)

    def _evaluated(self, node: NodeProto, version: int, arrays: Sequence[Any]) -> Mapping[str, TensorProto]:
        import numpy as np
        from onnx import NodeProto, numpy_helper
        from onnx.reference import ReferenceEvaluator

        alike = NodeProto()
        alike.op_type = node.op_type
        alike.attribute.extend(node.attribute)
        alike.input.extend("" if array is None else f"i{place}" for place, array in enumerate(arrays))
        alike.output.extend(f"o{place}" for place in range(len(node.output)))
        key = (alike.SerializeToString(deterministic=True), version)
        feeds = {f"i{place}": array for place, array in enumerate(arrays) if array is not None}
        try:
            if key not in self._evaluators:
                self._evaluators[key] = ReferenceEvaluator(alike, opsets={"": version})
            with np.errstate(all="ignore"):
                found = self._evaluators[key].run(None, feeds)
        except Exception:  # noqa: BLE001 - what cannot be worked out is not known
            return {}
        return {
            name: numpy_helper.from_array(np.asarray(array), name)
            for name, array in zip(node.output, found, strict=False)
            if name and np.asarray(array).size <= SMALL and np.asarray(array).dtype.kind in "biuf"
        }


def _all_small(found: Any) -> bool:
    """Whether no output is larger than what is worked out; one whose size depends on values is no larger than they."""
    return all(value.meta is None or value.meta.numel <= SMALL for value in found)


def _of_sizes(node: NodeProto, inputs: Sequence[Value | None]) -> Mapping[str, TensorProto]:
    import numpy as np
    from onnx import numpy_helper

    value = inputs[0] if inputs else None
    if value is None or value.meta is None or not node.output:
        return {}
    told = {attribute.name: attribute.i for attribute in node.attribute}
    shape = value.meta.shape
    sizes = shape[told.get("start") : told.get("end")] if node.op_type == "Shape" else math.prod(shape)
    if math.prod(shape) > _LARGEST_NUMBER:
        return {}
    return {node.output[0]: numpy_helper.from_array(np.array(sizes, np.int64), node.output[0])}
