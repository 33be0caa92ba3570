"""TorchScript programs (``x.ts``, and ``x.pt`` that ``torch.jit.save`` wrote), with the modules that are in them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archscope.errors import ImportModelError
from archscope.sources.script_archive import check_script
from archscope.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

SUFFIXES = (".ts", ".torchscript", ".ptl")


def from_torchscript(source: str, file: Path) -> ModelSpec:
    """The program in ``file``, which runs in torch's interpreter without any Python; its inputs are not in the file.

    Raises ImportModelError for a file that cannot be opened safely, or that torch cannot open.
    """
    check_script(file)
    return ModelSpec(
        name=file.stem,
        source=source,
        build=lambda: _opened(file),
        description="a TorchScript program: its modules are those that were scripted or traced",
    )


def _opened(file: Path) -> nn.Module:
    """The program on the device on which models are built; one with packed weights on the CPU."""
    import torch

    load: Any = torch.jit.load
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit as a whole
        try:
            program = load(file, map_location=torch.get_default_device())
        except RuntimeError:
            try:
                program = load(file, map_location="cpu")
            except Exception as error:
                raise ImportModelError(
                    f"{file} cannot be opened by torch {torch.__version__}: {str(error).strip().partition(chr(10))[0]}",
                    help="import the library whose operators it uses, or save it with the torch that archscope runs on",
                ) from error
    _tie(program)
    return program  # type: ignore[no-any-return]


def _tie(program: Any) -> None:
    """Make one of the tensors of ``program`` that are the same place of the same storage, as they were when saved."""
    from archscope.sources.placeholder_modules import tied

    places = {
        f"{path}.{name}" if path else name: (module, name, tensor)
        for path, module in program.named_modules()
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    }
    same = tied({path: tensor for path, (_, _, tensor) in places.items()})
    for path, (module, name, tensor) in places.items():
        if same[path] is not tensor:
            setattr(module, name, same[path])
