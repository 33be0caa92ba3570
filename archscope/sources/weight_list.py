"""A model known by a list of its weights alone: a tree of modules that nobody can run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NoReturn

from archscope.errors import BuildError, ImportModelError, InputError
from archscope.records import BufferRecord, ModuleRecord, ParameterRecord, Path, Trace
from archscope.spec import InputSpec, ModelSpec

_DEPTH_LIMIT = 200
_FEW_PLACES, _PLACES_EACH = 1000, 4  # modules that so many tensors may lie in


def weight_list(
    source: str,
    name: str,
    records: Sequence[ParameterRecord | BufferRecord],
    description: str,
) -> ModelSpec:
    """The model of these tensors, in modules by their paths; it takes no input, and building it is an error.

    Raises ImportModelError where the paths are those of no network.
    """
    paths = [record.path for record in records]
    require_tree(paths)

    def trace(inputs: Sequence[InputSpec] | None) -> Trace:
        if inputs:
            raise InputError("weights alone hold no code to run", help="leave out the input")
        return Trace(
            model=name,
            mode="eval",
            device="",
            fallback="weights alone cannot be run",
            inputs=(),
            modules=tuple(_modules(paths)),
            parameters=tuple(record for record in records if isinstance(record, ParameterRecord)),
            buffers=tuple(record for record in records if isinstance(record, BufferRecord)),
            weights={},
            calls=None,
            storages=(),
        )

    def build() -> NoReturn:
        raise BuildError(f"{source} holds weights alone: there is nothing to build", help="name the PyTorch model")

    return ModelSpec(name=name, source=source, build=build, description=description, trace=trace)


def require_tree(paths: Collection[str]) -> None:
    """Raise ImportModelError when the modules between the tensors are too deep or too many to be a network's."""
    most = _FEW_PLACES + _PLACES_EACH * len(paths)
    places: set[str] = set()
    for path in paths:
        if path.count(".") > _DEPTH_LIMIT:
            raise ImportModelError("a tensor's path has more than 200 levels", help="this is no network's checkpoint")
        place = path.rpartition(".")[0]
        while place and place not in places:
            places.add(place)
            place = place.rpartition(".")[0]
        if len(places) > most:
            raise ImportModelError(
                f"{len(paths):,} tensors lie in more than {most:,} modules", help="this is no network's checkpoint"
            )


def _modules(paths: Iterable[Path]) -> list[ModuleRecord]:
    """The root and every module between it and a tensor, parents first, in the order of the file."""
    children: dict[Path, dict[Path, None]] = {"": {}}
    for path in paths:
        below, place = "", path.rpartition(".")[0]
        while place and place not in children:
            children[place] = {below: None} if below else {}
            below, place = place, place.rpartition(".")[0]
        if below:
            children[place][below] = None
    ordered, waiting = [], [""]
    while waiting:
        path = waiting.pop()
        ordered.append(path)
        waiting += reversed(children[path])
    return [
        ModuleRecord(path=path, type_name="Module", aliases=(), calls=0, input_shapes=(), output_shapes=())
        for path in ordered
    ]
