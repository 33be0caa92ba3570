"""A face detector with the weights of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from archscope import sources
from archscope.errors import ModelError, UsageError
from archscope.models import ZOO, zoo_spec
from archscope.report import Report
from archscope.sources.checkpoint import read_weights
from archscope.spec import ModelSpec, OptionValue

if TYPE_CHECKING:
    from torch import Tensor, nn

#: What trainers put before the names: DataParallel, and modules of Lightning.
_PREFIXES = ("module.", "model.")
_SHOWN = 3


def load_detector(model: str, weights: Path, options: Mapping[str, OptionValue]) -> nn.Module:
    """MODEL, built with ``options``, with the weights of a checkpoint, in eval mode on the CPU.

    Without a name it is the model of the zoo whose parameters are those of the file. Raises UsageError for weights of
    another model, and whatever loading and building raise.
    """
    tensors = read_weights(weights)
    spec = _spec_of(model, options) if model else _of_the_zoo(tensors, weights)
    with spec.within():
        built = spec.build()
    fill(built, tensors, f"{weights} for {spec.name}")
    return built.eval()


def begin(spec: ModelSpec, seed: int, weights: Path | None) -> nn.Module:
    """A new model to train: with the weights of a checkpoint, or with those that ``seed`` gives."""
    import torch

    torch.manual_seed(seed)
    with spec.within():
        built = spec.build()
    if weights is not None:
        fill(built, read_weights(weights), f"{weights} for {spec.name}")
    return built


def fill(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load ``tensors`` into ``model``; names may stand behind a trainer's prefix. Raises UsageError unless all fit."""
    wanted = {path: tensor.shape for path, tensor in model.state_dict().items()}
    found = _named_as(wanted, tensors)
    missing, other = [path for path in wanted if path not in found], [path for path in found if path not in wanted]
    shapes = [path for path, shape in wanted.items() if path in found and found[path].shape != shape]
    told = [
        f"{len(paths):,} {words} ({', '.join(paths[:_SHOWN])})"
        for paths, words in ((missing, "are missing"), (other, "are unknown"), (shapes, "have another shape"))
        if paths
    ]
    if told:
        raise UsageError(
            f"the weights are not those of this model: of {len(wanted):,} tensors {' and '.join(told)}",
            where=where,
            help="name the model that was trained, with its options",
        )
    model.load_state_dict(found)


def _named_as(wanted: Mapping[str, object], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """``tensors``, those behind a prefix alone where that makes their names more like those wanted."""
    readings = [tensors]
    for prefix in _PREFIXES:
        behind = {path.removeprefix(prefix): tensor for path, tensor in tensors.items() if path.startswith(prefix)}
        readings.append(behind)
    return max(readings, key=lambda reading: len(wanted.keys() & reading.keys()))


def _spec_of(model: str, options: Mapping[str, OptionValue]) -> ModelSpec:
    loaded = sources.load(model, **options)
    if isinstance(loaded, Report):
        raise UsageError(f"{model} is a saved report: it cannot be run", help="name the model itself")
    return loaded


def _of_the_zoo(tensors: Mapping[str, Tensor], weights: Path) -> ModelSpec:
    import torch

    for name in ZOO:
        with torch.device("meta"):
            wanted = {path: tensor.shape for path, tensor in zoo_spec(name).build().state_dict().items()}
        found = _named_as(wanted, tensors)
        if {path: tensor.shape for path, tensor in found.items()} == wanted:
            return zoo_spec(name)
    raise UsageError(
        "the weights are those of no model of the zoo", where=str(weights), help="name the model that they belong to"
    )


def require_detections(outputs: object, anchors: int) -> tuple[Tensor, Tensor, Tensor]:
    """``outputs`` as boxes (N, A, 4), classes (N, A, 2) and landmarks (N, A, 10); ModelError for anything else."""
    from torch import Tensor

    shapes = [tuple(one.shape[1:]) for one in outputs if isinstance(one, Tensor)] if isinstance(outputs, tuple) else []
    if not isinstance(outputs, tuple) or shapes != [(anchors, 4), (anchors, 2), (anchors, 10)]:
        raise ModelError(
            f"the model is no detector of FeatherFace's kind: it gives {shapes or type(outputs).__name__}",
            help=f"boxes, classes and landmarks of {anchors:,} anchors are wanted: (A, 4), (A, 2), (A, 10)",
        )
    boxes, classes, landmarks = outputs
    return boxes, classes, landmarks
