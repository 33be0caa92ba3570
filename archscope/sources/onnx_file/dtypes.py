"""The element types of ONNX by the names that torch gives them, and how many bits each takes."""

from __future__ import annotations

_DTYPES = {
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    8: ("string", 0),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8_e4m3fn", 8),
    18: ("float8_e4m3fnuz", 8),
    19: ("float8_e5m2", 8),
    20: ("float8_e5m2fnuz", 8),
    21: ("uint4", 4),
    22: ("int4", 4),
    23: ("float4_e2m1", 4),
    24: ("float8_e8m0fnu", 8),
    25: ("uint2", 2),
    26: ("int2", 2),
}
_BITS = dict(_DTYPES.values())
_CODES = {name: code for code, (name, _) in _DTYPES.items()}


def dtype_of(code: int) -> str:
    """The name of the element type that the file writes as ``code``; ``type <code>`` of one that is not known."""
    return _DTYPES[code][0] if code in _DTYPES else f"type {code}"


def bits_of(dtype: str) -> int:
    """The bits of one element; 0 of strings and of types that are not known."""
    return _BITS.get(dtype, 0)


def code_of(dtype: str) -> int:
    """How a file writes the element type ``dtype``; 0 for none."""
    return _CODES.get(dtype, 0)


def is_floating(dtype: str) -> bool:
    """Whether it holds fractions, complex numbers among them."""
    return dtype.startswith(("float", "bfloat", "complex"))
