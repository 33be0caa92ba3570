"""ONNX's operators that move, create or describe data without arithmetic, and those that have no rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archscope.formulas.movement import CONSTANTS, COPY, VIEW
from archscope.formulas.table import FormulaTable

_VIEWS = ("Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "BitCast")
_COPIES = (
    *("Cast", "CastLike", "Transpose", "Slice", "Split", "Concat", "Expand", "Tile", "Gather", "GatherElements"),
    *("GatherND", "Pad", "DepthToSpace", "SpaceToDepth", "Trilu", "ReverseSequence", "CenterCropPad", "MaxUnpool"),
    *("TensorScatter", "OneHot", "SequenceConstruct", "SequenceInsert", "SequenceErase", "SequenceAt"),
    *("SplitToSequence", "ConcatFromSequence", "Optional", "OptionalGetElement"),
)
_CONSTANTS = (
    *("Constant", "ConstantOfShape", "EyeLike", "Range", "Shape", "Size", "SequenceEmpty", "SequenceLength"),
    *("OptionalHasElement", "BlackmanWindow", "HammingWindow", "HannWindow", "MelWeightMatrix"),
)
_CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")

#: Operators of ONNX's default domain without a rule, each with the reason; a report that meets one is incomplete.
ONNX_GAPS: Mapping[str, str] = MappingProxyType(
    {
        "ImageDecoder": "the work of a codec depends on the bytes of the picture",
        "RegexFullMatch": "works on text, whose length no shape tells",
        "StringConcat": "works on text, whose length no shape tells",
        "StringNormalizer": "works on text, whose length no shape tells",
        "StringSplit": "works on text, whose length no shape tells",
        "TfIdfVectorizer": "depends on which n-grams the input holds",
    }
)


def register(table: FormulaTable) -> None:
    """Add ONNX's free operators to ``table``."""
    family = "movement"
    for names, because in (
        (_VIEWS, VIEW),
        (_COPIES, COPY),
        (_CONSTANTS, CONSTANTS),
        (_CONTROL_FLOW, "the operators of its graphs are counted where they run"),
    ):
        table.free(*(f"onnx::{name}" for name in names), family=family, because=because)
    contrib = ("QLinearConcat", "Trilu", "ExpandDims", "Pad")
    table.free(*(f"com.microsoft::{name}" for name in contrib), family=family, because=COPY)
