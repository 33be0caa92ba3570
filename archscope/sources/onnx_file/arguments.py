"""The arguments of a node as a call has them: tensors by the names of the operator's schema, attributes, defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archscope.sources.onnx_file.values import Value

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto

#: Inputs whose values decide what an operator does: they come along as ``<name>_value``, where they are known.
_TELLING = frozenset(
    {"K", "axis", "axes", "dft_length", "frame_length", "training_mode", "num_mel_bins", "scales", "depth"}
)
_TELLING |= {"max_output_boxes_per_class", "offset", "sizes", "p"}
_FEW = 64  # values, and characters of a text


class Arguments:
    """Keeps, for each schema, the names of its inputs and the defaults of its attributes."""

    def __init__(self) -> None:
        self._schemas: dict[int, tuple[Any, tuple[str, ...], bool, Mapping[str, Any]]] = {}

    def of(self, node: NodeProto, schema: Any, inputs: Sequence[Value | None]) -> dict[str, Any]:
        """The arguments of ``node``. An input that is left out is None; one of no known shape is not there."""
        names, variadic, defaults = self._known(schema)
        found: dict[str, Any] = {}
        for place, value in enumerate(inputs):
            if variadic and place >= len(names) - 1:
                found.setdefault(names[-1], [])
                if value is not None and value.meta is not None:
                    found[names[-1]].append(value.meta)
                continue
            name = names[place] if place < len(names) else f"input_{place}"
            if value is None or value.meta is not None:
                found[name] = None if value is None else value.meta
            if value is not None and name in _TELLING and (array := value.array()) is not None and array.size <= _FEW:
                found[f"{name}_value"] = array.reshape(-1).tolist()
        found |= dict.fromkeys(() if variadic else names[len(inputs) :])
        for name, default in defaults.items():
            found.setdefault(name, default)
        for attribute in node.attribute:
            written = _plain(attribute)
            if written is not None:
                found[attribute.name] = written
        return found

    def _known(self, schema: Any) -> tuple[tuple[str, ...], bool, Mapping[str, Any]]:
        if schema is None:
            return (), False, {}
        if id(schema) not in self._schemas:
            names = tuple(given.name for given in schema.inputs)
            variadic = bool(schema.inputs) and schema.inputs[-1].option.name == "Variadic"
            plain = {name: _plain(attribute.default_value) for name, attribute in schema.attributes.items()}
            known = {name: value for name, value in plain.items() if value is not None}
            self._schemas[id(schema)] = (schema, names, variadic, known)
        return self._schemas[id(schema)][1:]


def _plain(attribute: AttributeProto) -> Any:
    """The value of an attribute that is a number, a text or a list of them; None of any other."""
    kind = attribute.type
    if kind == attribute.FLOAT:
        return attribute.f
    if kind == attribute.INT:
        return attribute.i
    if kind == attribute.STRING:
        return attribute.s[:_FEW].decode("utf-8", "replace")
    if kind == attribute.FLOATS and len(attribute.floats) <= _FEW:
        return [*attribute.floats]
    if kind == attribute.INTS and len(attribute.ints) <= _FEW:
        return [*attribute.ints]
    return None
