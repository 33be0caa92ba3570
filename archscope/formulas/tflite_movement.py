"""TFLite's operators that move, create or describe data without arithmetic, and those that have no rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archscope.formulas.movement import CONSTANTS, COPY, VIEW
from archscope.formulas.table import FormulaTable

_VIEWS = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "BITCAST", "STABLEHLO_RESHAPE")
_COPIES = (
    *("CONCATENATION", "TRANSPOSE", "PAD", "PADV2", "MIRROR_PAD", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V"),
    *("PACK", "UNPACK", "GATHER", "GATHER_ND", "CAST", "TILE", "BROADCAST_TO", "REVERSE_V2", "REVERSE_SEQUENCE"),
    *("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPARSE_TO_DENSE", "DENSIFY"),
    *("ONE_HOT", "MATRIX_DIAG", "MATRIX_SET_DIAG", "DYNAMIC_UPDATE_SLICE", "DILATE", "REAL", "IMAG"),
    *("READ_VARIABLE", "ASSIGN_VARIABLE"),
    *(f"STABLEHLO_{name}" for name in ("CONCATENATE", "BROADCAST_IN_DIM", "SLICE", "DYNAMIC_SLICE", "PAD", "GATHER")),
    *(f"STABLEHLO_{name}" for name in ("DYNAMIC_UPDATE_SLICE", "TRANSPOSE", "CONVERT")),
)
_CONSTANTS = (
    *("SHAPE", "RANK", "RANGE", "FILL", "ZEROS_LIKE", "BROADCAST_ARGS", "VAR_HANDLE", "HASHTABLE", "HASHTABLE_SIZE"),
    "STABLEHLO_IOTA",
)
_CONTROL_FLOW = ("IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_COMPOSITE")

#: Builtin operators without a rule, each with the reason; a report that meets one is incomplete.
TFLITE_GAPS: Mapping[str, str] = MappingProxyType(
    {
        "CONCAT_EMBEDDINGS": "no kernel of TFLite runs it",
        "DELEGATE": "a part that was compiled for another device, whose operators are gone",
        "HASHTABLE_FIND": "the work of a table depends on its keys",
        "HASHTABLE_IMPORT": "the work of a table depends on its keys",
        "HASHTABLE_LOOKUP": "the work of a table depends on its keys",
        "LSH_PROJECTION": "hashes texts, whose length no shape tells",
        "SKIP_GRAM": "works on text, whose length no shape tells",
        "PLACEHOLDER_FOR_GREATER_OP_CODES": "no operator, a mark of the schema",
        "STABLEHLO_CASE": "its branches stand in options that are not read",
        "STABLEHLO_CUSTOM_CALL": "code of others",
        "STABLEHLO_REDUCE": "its body stands in options that are not read",
        "STABLEHLO_REDUCE_WINDOW": "its body stands in options that are not read",
        "STABLEHLO_RNG_BIT_GENERATOR": "the rounds of its generator stand in options that are not read",
        "STABLEHLO_SCATTER": "its body stands in options that are not read",
        "STABLEHLO_SORT": "its comparison stands in options that are not read",
        "STABLEHLO_WHILE": "its body stands in options that are not read",
    }
)


def register(table: FormulaTable) -> None:
    """Add TFLite's free operators to ``table``."""
    for names, because in (
        (_VIEWS, VIEW),
        (_COPIES, COPY),
        (_CONSTANTS, CONSTANTS),
        (_CONTROL_FLOW, "the operators of its graphs are counted where they run"),
    ):
        table.free(*(f"tflite::{name}" for name in names), family="movement", because=because)
