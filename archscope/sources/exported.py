"""Programs of torch.export (``x.pt2``), with the tree of modules that they were exported from."""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.errors import ImportModelError
from archscope.records import Path as ModulePath
from archscope.sources.archive import check_archive
from archscope.spec import InputSpec, ModelSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

    from archscope.sources.placeholder_modules import Placeholder


def from_exported(source: str, file: Path) -> ModelSpec:
    """The program in ``file``: its modules are the ones that were exported, its inputs those of the export.

    The graph runs operator by operator inside the modules that it came from. Modules that hold the same tensors and
    bear the same type are one, as they were. Raises ImportModelError for a file that cannot be opened safely.
    """
    check_archive(file)
    import torch

    try:
        with _quiet():
            program = torch.export.load(file)
    except Exception as error:
        raise ImportModelError(
            f"{file} cannot be opened by torch {torch.__version__}: {str(error).partition(chr(10))[0]}",
            help="export it with the torch that archscope runs on",
        ) from error

    return from_program(program, name=file.stem, source=source)


def from_program(
    program: torch.export.ExportedProgram, *, name: str = "ExportedProgram", source: str = ""
) -> ModelSpec:
    """``program``, in memory or from a file, as a model: its modules and its inputs are those of the export."""

    def build() -> nn.Module:
        return _model(program)

    return ModelSpec(
        name=name,
        source=source,
        build=build,
        inputs=_inputs(program),
        description="a program of torch.export; modules that ran no operator and hold no tensor are not in it",
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the loader's remarks on formats of earlier versions."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _inputs(program: torch.export.ExportedProgram) -> tuple[InputSpec, ...]:
    import torch

    inputs = []
    for node in _user_inputs(program):
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            continue
        sizes = tuple(size for size in map(_hint, value.shape) if size is not None)
        if len(sizes) < value.dim():
            return ()
        inputs.append(InputSpec(shape=sizes, dtype=str(value.dtype).removeprefix("torch."), name=node.name))
    return tuple(inputs)


def _hint(size: Any) -> int | None:
    """The size, or the one with which a symbolic size was exported."""
    known = size if isinstance(size, int) else size.node.hint
    return known if isinstance(known, int) else None


def _user_inputs(program: torch.export.ExportedProgram) -> Iterator[torch.fx.Node]:
    from torch.export.graph_signature import InputKind

    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    for node, spec in zip(placeholders, program.graph_signature.input_specs, strict=True):
        if spec.kind is InputKind.USER_INPUT:
            yield node


def _model(program: torch.export.ExportedProgram) -> nn.Module:
    from archscope.sources.placeholder_modules import rename, tied
    from archscope.sources.plan import make_plan
    from archscope.sources.replay import ExportedModel

    plan = make_plan(program)
    model = ExportedModel(program, plan)
    for path, tensor in tied(program.state_dict).items():
        model.plant(path, tensor)
    persistent = set(program.state_dict)
    for spec in program.graph_signature.input_specs:
        if spec.kind.name == "BUFFER" and spec.target not in persistent:
            model.plant(spec.target, program.constants[spec.target], persistent=False)
    for path in plan.types:
        model.place(path)
    for path, module in list(model.named_modules()):
        rename(module, plan.types.get(path, "Module"))
    _merge(model)
    return model


def _merge(model: Placeholder) -> None:
    """Make one module of those that hold the same tensors in the same places and bear the same type."""
    holders: dict[Any, list[tuple[ModulePath, nn.Module]]] = defaultdict(list)
    for path, module in model.named_modules(remove_duplicate=False):
        held = tuple((name, id(tensor)) for name, tensor in module.state_dict(keep_vars=True).items())
        if path and held:
            holders[type(module).__name__, held].append((path, module))
    for (_, first), *others in holders.values():
        for path, _ in others:
            above, _, name = path.rpartition(".")
            model.place(above)._modules[name] = first  # noqa: SLF001 - a name may clash with an attribute
