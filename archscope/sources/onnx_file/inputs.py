"""The inputs of an ONNX graph: which sizes the file leaves open, and what ``--input`` sets them to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from archscope.errors import InputError
from archscope.sources.onnx_file.dtypes import dtype_of
from archscope.spec import InputSpec

if TYPE_CHECKING:
    from onnx import GraphProto, TypeProto

Size: TypeAlias = int | str
_LARGEST = 2**40  # of one size
_HELP = "repeat --input for several inputs, in the graph's order or by name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """An input as the file declares it. ``sizes`` are numbers or the names of open ones; None where it has no shape."""

    name: str
    dtype: str
    sizes: tuple[Size, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The inputs with all of their sizes, and what the names of open sizes stand for."""

    inputs: tuple[InputSpec, ...]
    symbols: dict[str, int]


def declared_inputs(graph: GraphProto) -> tuple[Declared, ...]:
    """The tensors that the graph takes, without those that are initialised; sequences are not among them."""
    held = {tensor.name for tensor in graph.initializer} | {s.values.name for s in graph.sparse_initializer}
    return tuple(
        Declared(
            name=given.name, dtype=dtype_of(given.type.tensor_type.elem_type), sizes=_sizes(given.name, given.type)
        )
        for given in graph.input
        if given.name not in held and given.type.HasField("tensor_type")
    )


def _sizes(name: str, given: TypeProto) -> tuple[Size, ...] | None:
    if not given.tensor_type.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else dim.dim_param or f"{name}[{axis}]"
        for axis, dim in enumerate(given.tensor_type.shape.dim)
    )


def fixed(declared: Iterable[Declared]) -> tuple[InputSpec, ...]:
    """The inputs where the file fixes all of their sizes; none otherwise."""
    specs = []
    for given in declared:
        sizes = tuple(size for size in given.sizes or () if isinstance(size, int))
        if given.sizes is None or len(sizes) < len(given.sizes):
            return ()
        specs.append(InputSpec(shape=sizes, dtype=given.dtype, name=given.name))
    return tuple(specs)


def bind(file: str, declared: Sequence[Declared], given: Sequence[InputSpec]) -> Bound:
    """``declared`` with the sizes of ``given``, which match by name, else in order.

    An open size that has a name has one value everywhere, so that not every input needs a shape. Raises InputError for
    an unknown input, another number of sizes, a size that the file fixes otherwise, and sizes that stay open.
    """
    shapes = _matched(file, declared, given)
    symbols: dict[str, int] = {}
    for entry in declared:
        spec = shapes.get(entry.name)
        if spec is not None:
            _take(file, entry, spec, symbols)
    specs, left = [], defaultdict(list)
    for entry in declared:
        spec = shapes.get(entry.name)
        sizes = entry.sizes if spec is None else spec.shape
        if sizes is None:
            left["a shape"].append(entry.name)
            continue
        bound = [_value(size, symbols) for size in sizes]
        for axis, size in enumerate(bound):
            if size is None:
                left[str(sizes[axis])].append(f"{entry.name}[{axis}]")
        shape = tuple(size for size in bound if size is not None)
        specs.append(InputSpec(shape=shape, dtype=entry.dtype, name=entry.name))
    if left:
        raise _open(file, declared, left)
    return Bound(inputs=tuple(specs), symbols=symbols)


def _matched(file: str, declared: Sequence[Declared], given: Sequence[InputSpec]) -> dict[str, InputSpec]:
    by_name = {entry.name: entry for entry in declared}
    found: dict[str, InputSpec] = {}
    named = [spec for spec in given if spec.name]
    for spec in named:
        if spec.name not in by_name:
            raise InputError(
                f"{file} has no input {spec.name!r}", help=f"its inputs are {', '.join(by_name) or 'none'}"
            )
        found[spec.name] = spec
    waiting = [name for name in by_name if name not in found]
    unnamed = [spec for spec in given if not spec.name]
    if len(unnamed) > len(waiting):
        raise InputError(
            f"{file} takes {len(by_name)} inputs, and {len(given)} are given",
            help=f"its inputs are {', '.join(by_name) or 'none'}",
        )
    found.update(zip(waiting, unnamed, strict=False))
    for name, spec in found.items():
        dtype = by_name[name].dtype
        if spec.dtype not in {dtype, "float32"}:  # which is what an input without a dtype has
            raise InputError(f"input {name!r} of {file} is {dtype}, not {spec.dtype}", help="leave out the dtype")
    return found


def _take(file: str, entry: Declared, spec: InputSpec, symbols: dict[str, int]) -> None:
    """Let ``spec`` set the open sizes of ``entry``."""
    if entry.sizes is None:
        return
    declared = "x".join(map(str, entry.sizes)) or "a scalar"
    if len(spec.shape) != len(entry.sizes):
        raise InputError(f"input {entry.name!r} of {file} is {declared}: {len(entry.sizes)} sizes", help=_HELP)
    for size, got in zip(entry.sizes, spec.shape, strict=True):
        if got > _LARGEST:
            raise InputError(f"input {entry.name!r} of {file}: a size of {got:,} overflows", help=_HELP)
        known = size if isinstance(size, int) else symbols.setdefault(size, got)
        if known != got:
            raise InputError(
                f"input {entry.name!r} of {file} is {declared}: {size if isinstance(size, str) else 'that size'} "
                f"is {known}, not {got}",
                help="a graph keeps the sizes that it was exported with; export it with dynamic axes",
            )


def _value(size: Size, symbols: dict[str, int]) -> int | None:
    return size if isinstance(size, int) else symbols.get(size)


def _open(file: str, declared: Sequence[Declared], left: dict[str, list[str]]) -> InputError:
    listed = "; ".join(f"{size} of {', '.join(places[:4])}" for size, places in left.items())
    example = next(entry for entry in declared if entry.sizes is None or any(isinstance(s, str) for s in entry.sizes))
    sizes = ("1", "SIZE") if example.sizes is None else (s if isinstance(s, int) else 1 for s in example.sizes)
    named = f"{example.name}=" if example.name.isidentifier() else ""
    return InputError(
        f"{file} leaves sizes of its inputs open: {listed}",
        help=f"set them, as in --input {named}{'x'.join(map(str, sizes))}",
    )
