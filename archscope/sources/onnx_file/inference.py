"""What a node gives: the types of its outputs by ONNX's own inference, by ours for what it lacks, else by the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archscope.sources.onnx_file.contrib_shapes import contrib_types
from archscope.sources.onnx_file.dtypes import code_of
from archscope.sources.onnx_file.graph import domain_of
from archscope.sources.onnx_file.values import Value, known_shape

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto, ValueInfoProto


class Inference:
    """Infers types one node at a time; keeps the schemas of the operators that it met."""

    def __init__(self, opsets: Mapping[str, int], symbols: Mapping[str, int], ir_version: int) -> None:
        from onnx import helper

        self._opsets = opsets
        self._symbols = symbols
        self._ir_version = ir_version
        self._imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        self._schemas: dict[tuple[str, str], Any] = {}

    def version(self, domain: str) -> int:
        """The version of an operator set that the model asks for."""
        return self._opsets.get(domain, 1)

    def schema(self, node: NodeProto) -> Any:
        """The schema of the node's operator as the model's version has it; None of one that ONNX does not know."""
        from onnx import defs

        key = (domain_of(node), node.op_type)
        if key not in self._schemas:
            try:
                self._schemas[key] = defs.get_schema(key[1], self.version(key[0]), key[0])
            except defs.SchemaError:
                self._schemas[key] = None
        return self._schemas[key]

    def types(
        self, node: NodeProto, inputs: Sequence[Value | None], told: Mapping[str, ValueInfoProto]
    ) -> Mapping[str, TypeProto]:
        """The types of the outputs that are known, by name; ``told`` is what the file says of its values."""
        schema = self.schema(node)
        found: dict[str, TypeProto] = {}
        if schema is not None:
            found = self._by_onnx(schema, node, inputs)
        if any(output not in found or known_shape(found[output]) is None for output in node.output if output):
            found |= contrib_types(node, inputs)
        open_ones = [output for output in node.output if output not in found or _is_open(found[output])]
        return found | self.told(open_ones, told)

    def told(self, names: Iterable[str], told: Mapping[str, ValueInfoProto]) -> dict[str, TypeProto]:
        """What the file itself says of values, as far as it leaves no size open."""
        bound = {name: self._bound(told[name].type) for name in names if name in told}
        return {name: found for name, found in bound.items() if found is not None}

    def _by_onnx(self, schema: Any, node: NodeProto, inputs: Sequence[Value | None]) -> dict[str, TypeProto]:
        from onnx import shape_inference

        types = {
            name: v.type for name, v in zip(node.input, inputs, strict=True) if v is not None and v.type is not None
        }
        data = {
            name: value.constant
            for name, value in zip(node.input, inputs, strict=True)
            if value is not None and value.constant is not None
        }
        try:
            found: dict[str, TypeProto] = shape_inference.infer_node_outputs(
                schema, node, types, data, opset_imports=self._imports, ir_version=self._ir_version
            )
        except Exception:  # noqa: BLE001 - the inference of ONNX raises what it likes for what it cannot infer
            return {}
        return dict(found)

    def _bound(self, told: TypeProto) -> TypeProto | None:
        """What the file says, where it leaves no size open that the inputs do not set."""
        from onnx import helper

        if not told.HasField("tensor_type") or not told.tensor_type.HasField("shape"):
            return None
        sizes = []
        for dim in told.tensor_type.shape.dim:
            size = dim.dim_value if dim.HasField("dim_value") else self._symbols.get(dim.dim_param)
            if size is None or size < 0:
                return None
            sizes.append(size)
        return helper.make_tensor_type_proto(told.tensor_type.elem_type, sizes)


def _is_open(found: TypeProto) -> bool:
    return found.HasField("tensor_type") and known_shape(found) is None


def tensor_type(shape: Sequence[int], dtype: str) -> TypeProto:
    """The type of a tensor, as ONNX writes it."""
    from onnx import helper

    return helper.make_tensor_type_proto(code_of(dtype), [*shape])
