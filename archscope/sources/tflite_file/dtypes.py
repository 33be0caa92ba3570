"""The element types of TFLite by the names that torch gives them, and how many bits each takes."""

from __future__ import annotations

# By the numbers of the schema's TensorType; newer than the package's are the last ones.
_DTYPES = (
    *(("float32", 32), ("float16", 16), ("int32", 32), ("uint8", 8), ("int64", 64), ("string", 0), ("bool", 8)),
    *(("int16", 16), ("complex64", 64), ("int8", 8), ("float64", 64), ("complex128", 128), ("uint64", 64)),
    *(("resource", 0), ("variant", 0), ("uint32", 32), ("uint16", 16), ("int4", 4), ("bfloat16", 16)),
    *(("int2", 2), ("uint4", 4), ("float8_e4m3fn", 8), ("float8_e5m2", 8)),
)
_BITS = dict(_DTYPES)
#: Types that hold no numbers: texts, and handles of tables and lists.
HANDLES = frozenset({"string", "resource", "variant"})


def dtype_of(code: int) -> str:
    """The name of the element type that the file writes as ``code``; ``type <code>`` of one that is not known."""
    return _DTYPES[code][0] if 0 <= code < len(_DTYPES) else f"type {code}"


def bits_of(dtype: str) -> int:
    """The bits of one element; 0 of what holds no numbers and of types that are not known."""
    return _BITS.get(dtype, 0)


def is_floating(dtype: str) -> bool:
    """Whether it holds fractions, complex numbers among them."""
    return dtype.startswith(("float", "bfloat", "complex"))
