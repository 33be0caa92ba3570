"""Parsing ``--input``: ``1x3x640x640``, ``1x2048:int64``, ``pixel_values=1x3x224x224``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from archscope.errors import InputError
from archscope.spec import InputSpec

_HELP = "write sizes joined by x, a dtype after a colon and a name before an equals sign: ids=1x128:int64"
_SIZES = re.compile(r"[0-9]{1,15}(?:[x\u00d7*][0-9]{1,15})*", re.IGNORECASE)
_SIZE = re.compile(r"[0-9]{1,15}")
_JOINT = re.compile(r"[x\u00d7*]", re.IGNORECASE)
_ALIASES = {
    "half": "float16",
    "fp16": "float16",
    "bf16": "bfloat16",
    "float": "float32",
    "fp32": "float32",
    "double": "float64",
    "short": "int16",
    "int": "int32",
    "long": "int64",
}
_DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
    *("float8_e4m3fn", "float8_e5m2"),
)


def parse_input(text: str) -> InputSpec:
    """One input: ``[name=]sizes[:dtype]``, float32 when no dtype is given; ``()`` is a scalar. Raises InputError."""
    left, equals, right = text.strip().rpartition("=")
    name = left.strip()
    if equals and not name.isidentifier():
        raise InputError(f"input {text!r}: {name!r} is not the name of an argument", help=_HELP)
    sizes, colon, dtype = right.partition(":")
    return InputSpec(
        shape=_shape(sizes.strip(), text), dtype=_dtype(dtype.strip(), text) if colon else "float32", name=name
    )


def parse_inputs(texts: Iterable[str]) -> tuple[InputSpec, ...]:
    """Several inputs, in the order in which they are passed; raises InputError, also for a name given twice."""
    inputs = tuple(parse_input(text) for text in texts)
    names = [spec.name for spec in inputs if spec.name]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"input {name!r} is given twice", help="give each name once")
    return inputs


def written(spec: InputSpec) -> str:
    """``spec`` as ``--input`` takes it."""
    name = f"{spec.name}=" if spec.name else ""
    return f"{name}{'x'.join(map(str, spec.shape)) or '()'}:{spec.dtype}"


def _shape(sizes: str, text: str) -> tuple[int, ...]:
    if sizes == "()":
        return ()
    if not _SIZES.fullmatch(sizes):
        listed = re.split(r"[,\s]+", sizes.strip("[]()").strip())
        if len(listed) > 1 and all(map(_SIZE.fullmatch, listed)):
            raise InputError(
                f"input {text!r}: sizes are joined by x", help=f"write {'x'.join(listed)}; repeat --input for several"
            )
        part = next((part for part in _JOINT.split(sizes) if not _SIZE.fullmatch(part.strip())), sizes)
        raise InputError(f"input {text!r}: {part!r} is not a size", help=_HELP)
    shape = tuple(int(size) for size in _JOINT.split(sizes))
    if 0 in shape:
        raise InputError(f"input {text!r}: a size of 0 holds nothing to measure", help="sizes start at 1")
    return shape


def _dtype(dtype: str, text: str) -> str:
    name = dtype.lower().removeprefix("torch.")
    name = _ALIASES.get(name, name)
    if name in _DTYPES:
        return name
    near = difflib.get_close_matches(name, (*_DTYPES, *_ALIASES), n=1)
    hint = f"did you mean {_ALIASES.get(near[0], near[0])}? " if near else ""
    raise InputError(f"input {text!r}: {dtype!r} is no dtype", help=f"{hint}the dtypes are {', '.join(_DTYPES)}")
