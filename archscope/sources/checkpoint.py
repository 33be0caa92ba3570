"""Models known by their weights alone: safetensors files and what ``torch.save`` wrote; no tensor's values are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.errors import ImportModelError
from archscope.json_text import parse_json
from archscope.sources.archive import check_pickles
from archscope.sources.script_archive import is_script
from archscope.sources.weight_list import require_tree, weight_list
from archscope.sources.zip_members import is_zip
from archscope.spec import ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

_Places = dict[str, tuple[Path, int, int]]  # where a tensor's bytes lie: file, first, and after the last
SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
INDEX_SUFFIX = ".index.json"
_HEADER_LIMIT = 100_000_000  # the limit of the format
_LONGEST_NAME = 200  # characters of a shard's name: file systems take 255 bytes
_NESTED = ("state_dict", "model_state_dict", "model", "net", "module", "ema")
# Torch's own normalisations register these; no file says of a tensor whether it was a parameter.
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_DTYPES = {
    "BOOL": "bool",
    **{
        f"{letter}{bits}": f"{kind}{bits}" for letter, kind in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
    },
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
}


def from_checkpoint(source: str, file: Path) -> ModelSpec:
    """The parameters that ``file`` holds, by path; no code, so that nothing can be run.

    No tensor is read and nothing is unpickled but tensors. Floating-point parameters count as trainable; running_mean,
    running_var and num_batches_tracked are buffers. Raises ImportModelError for what is no such file.
    """
    from archscope.sources.packed_layouts import packed_weights_in, records_of

    places: _Places = {}
    tensors = _read(file, places)
    found = packed_weights_in(tensors, lambda path: _bytes_at(places.get(path)))
    name = file.name.removesuffix(INDEX_SUFFIX).removesuffix(file.suffix)
    if found.weights:
        records = list(records_of(tensors, found, lambda path: path.rpartition(".")[2] in _BUFFERS))
        return weight_list(source, name, records, "weights alone, packed ones with the elements that they stand for")

    def build() -> nn.Module:
        return _planted(tensors)

    return ModelSpec(
        name=name,
        source=source,
        build=build,
        description="weights alone: a file does not say what runs, what trains, or which tensors are buffers",
    )


def _bytes_at(place: tuple[Path, int, int] | None) -> bytes:
    if place is None:
        return b""
    file, start, stop = place
    with file.open("rb") as stream:
        stream.seek(start)
        return stream.read(stop - start)


def _read(file: Path, places: _Places) -> dict[str, torch.Tensor]:
    try:
        found = file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        found = False
    if not found:
        raise ImportModelError(
            f"there is no file {str(file)[:300]!r}", help="the path is taken from the current folder"
        )
    if file.name.endswith(INDEX_SUFFIX):
        return dict(_from_index(file, places))
    return _from_safetensors(file, places) if file.suffix == ".safetensors" else _from_torch(file)


def _planted(tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    from torch import nn

    from archscope.sources.placeholder_modules import Placeholder, rename

    require_tree(tensors)
    model = Placeholder()
    made: dict[int, nn.Parameter] = {}
    for path, tensor in tensors.items():
        if path.rpartition(".")[2] in _BUFFERS:
            model.plant(path, tensor)
            continue
        if id(tensor) not in made:
            made[id(tensor)] = nn.Parameter(tensor, requires_grad=tensor.dtype.is_floating_point)
        model.plant(path, made[id(tensor)])
    for module in model.modules():
        rename(module, "Module")
    return model


def _from_index(file: Path, places: _Places) -> Iterator[tuple[str, torch.Tensor]]:
    """The shards that an index lists beside itself, each read once."""
    weight_map = _json_object(file.read_bytes(), file).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise ImportModelError(f"{file} has no weight_map", help="name an index of safetensors shards")
    for shard in dict.fromkeys(weight_map.values()):
        if (
            Path(shard).name != shard
            or not shard.endswith(".safetensors")
            or len(shard) > _LONGEST_NAME
            or "\0" in shard
        ):
            raise ImportModelError(
                f"{file} names the shard {shard[:100]!r}", help="shards are safetensors files beside it"
            )
        yield from _read(file.parent / shard, places).items()


def _from_safetensors(file: Path, places: _Places) -> dict[str, torch.Tensor]:
    """The header alone: 8 bytes of length (little endian), then JSON of names, dtypes, shapes and offsets.

    ``places`` learns where in the file each tensor lies.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _HEADER_LIMIT):
            raise _no_safetensors(file, "its header is longer than the file")
        header = _json_object(stream.read(length), file)
    header.pop("__metadata__", None)
    tensors = {path: _described(file, path, entry, size - 8 - length) for path, entry in header.items()}
    for path, entry in header.items():
        places[path] = (file, *(8 + length + offset for offset in entry["data_offsets"]))
    return tensors


def _described(file: Path, path: str, entry: Any, room: int) -> torch.Tensor:
    import torch

    match entry:
        case {"dtype": str(code), "shape": list(shape), "data_offsets": [start, stop]}:
            if not all(type(number) is int and number >= 0 for number in (*shape, start, stop)):
                raise _no_safetensors(file, f"tensor {path[:100]!r} has the shape {shape[:10]} at {start} to {stop}")
            dtype = getattr(torch, _DTYPES.get(code, ""), None)
            if dtype is None:
                raise _no_safetensors(
                    file, f"tensor {path[:100]!r} has the dtype {code[:100]!r}, which torch does not know"
                )
            if not start <= stop <= room or stop - start != math.prod(shape) * dtype.itemsize:
                raise _no_safetensors(file, f"tensor {path[:100]!r} does not lie within the file (is it cut short?)")
            try:
                return torch.empty(shape, dtype=dtype, device="meta")
            except (RuntimeError, TypeError) as error:  # sizes beyond 64 bits beside a size of 0
                raise _no_safetensors(file, f"tensor {path[:100]!r} has the shape {shape[:10]}") from error
    raise _no_safetensors(file, f"the header says nothing useful of tensor {path[:100]!r}")


def _no_safetensors(file: Path, why: str) -> ImportModelError:
    return ImportModelError(f"{file} is no whole safetensors file: {why}", help="fetch or save it again")


def _json_object(text: bytes, file: Path) -> dict[str, Any]:
    try:
        found = parse_json(text, unique=True)
    except ValueError as error:
        raise ImportModelError(
            f"{file} does not hold the JSON it should: {error}", help="fetch or save it again"
        ) from error
    if not isinstance(found, dict):
        raise ImportModelError(f"{file} does not hold the JSON object it should", help="fetch or save it again")
    return found


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file or of what ``torch.save`` wrote, with their values, on the CPU.

    No code of the file runs. Raises ImportModelError for what is no such file.
    """
    if file.is_file() and file.suffix == ".safetensors":
        _from_safetensors(file, {})  # what is damaged is told here
        try:
            from safetensors.torch import load_file
        except ModuleNotFoundError as error:
            raise ImportModelError(
                "reading the values of safetensors files needs safetensors", help="pip install 'archscope-torch[hf]'"
            ) from error
        tensors: dict[str, torch.Tensor] = load_file(file)
        return tensors
    if not file.is_file():
        raise ImportModelError(
            f"there is no file {str(file)[:300]!r}", help="the path is taken from the current folder"
        )
    return _from_torch(file, values=True)


def _from_torch(file: Path, *, values: bool = False) -> dict[str, torch.Tensor]:
    """The tensors of ``file``, on meta unless their ``values`` are wanted."""
    import torch

    with file.open("rb") as stream:
        zipped = is_zip(stream)  # the format since torch 1.6; only that one can be mapped instead of read
        if zipped and is_script(file):
            raise ImportModelError(
                f"{file} is a TorchScript program, and its weights alone were asked for",
                help="torch.save() its state_dict",
            )
        check_pickles(file, stream)
    try:
        found = torch.load(file, map_location="cpu", mmap=zipped, weights_only=True)
        tensors = _state_dict(found) if values else _twins(_state_dict(found))
    except Exception as error:
        raise ImportModelError(
            f"{file} holds more than tensors, or is damaged; archscope runs no code that a file brings along",
            help="save the weights alone: torch.save(model.state_dict(), FILE)",
        ) from error
    if not tensors:
        raise ImportModelError(f"{file} holds no state_dict", help="torch.save(model.state_dict(), FILE) writes one")
    return tensors


def _state_dict(found: Any) -> dict[str, torch.Tensor]:
    """The tensors of ``found``, or of the first mapping inside it that has any; it may hold itself."""
    import torch

    waiting, seen = [found], set[int]()
    while waiting:
        inner = waiting.pop()
        if not isinstance(inner, Mapping) or id(inner) in seen:
            continue
        seen.add(id(inner))
        tensors = {key: item for key, item in inner.items() if isinstance(key, str) and isinstance(item, torch.Tensor)}
        if tensors:
            return tensors
        waiting += [inner.get(key) for key in reversed(_NESTED)]
    return {}


def _twins(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Meta tensors in the place of ``tensors``; tied ones stay tied."""
    import torch

    from archscope.sources.placeholder_modules import tied

    made: dict[int, torch.Tensor] = {}
    same = tied(tensors)
    for tensor in same.values():
        made.setdefault(id(tensor), torch.empty(tensor.shape, dtype=tensor.dtype, device="meta"))
    return {path: made[id(tensor)] for path, tensor in same.items()}
