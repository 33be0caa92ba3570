"""Operators that move, create or describe data without arithmetic."""

from __future__ import annotations

from archscope.formulas.table import FormulaTable

_VIEWS = (
    *(
        "view",
        "_unsafe_view",
        "reshape",
        "_reshape_alias",
        "expand",
        "permute",
        "transpose",
        "t",
        "squeeze",
        "unsqueeze",
    ),
    *("select", "slice", "split", "split_with_sizes", "unbind", "chunk", "alias", "detach", "as_strided", "unfold"),
    *("diagonal", "view_as_real", "view_as_complex", "flatten", "unflatten", "narrow", "movedim", "lift_fresh"),
)
_COPIES = (
    *("clone", "copy", "_to_copy", "to", "contiguous", "cat", "stack", "constant_pad_nd", "repeat", "roll", "flip"),
    *("index_select", "gather", "index", "embedding", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "lift"),
)
_CONSTANTS = (
    *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "zeros", "zeros_like", "new_zeros"),
    *("ones", "ones_like", "new_ones", "full", "full_like", "new_full", "arange", "scalar_tensor", "fill", "zero"),
)


def register(table: FormulaTable) -> None:
    """Add the free operators to ``table``."""
    table.free(*(f"aten::{name}" for name in _VIEWS), family="movement", because="a view: the same values")
    table.free(*(f"aten::{name}" for name in _COPIES), family="movement", because="a copy of input values")
    table.free(*(f"aten::{name}" for name in _CONSTANTS), family="movement", because="constants, no arithmetic")
