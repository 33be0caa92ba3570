"""How a detector is trained: every setting, with the published values as defaults; without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from archscope.errors import UsageError, did_you_mean
from archscope.json_text import parse_json

#: The terms of a teacher, in the order of their help.
TERMS = ("kl", "probability", "features", "regression")
SCHEDULES = ("steps", "cosine")
_SHOWN = 100  # characters of a file that a message repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """What of a teacher is learnt: some of TERMS, each added with its weight.

    ``temperature`` and ``share`` belong to kl: the loss is (1 - share) x task + share x temperature squared x kl.
    """

    terms: tuple[str, ...] = ("kl", "features", "regression")
    temperature: float = 4.0
    share: float = 0.7
    probability: float = 1.0
    features: float = 1.0
    regression: float = 1.0

    def __post_init__(self) -> None:
        """Raise UsageError for a term that does not exist."""
        for term in self.terms:
            if term not in TERMS:
                raise UsageError(
                    f"a teacher has no term {term!r}",
                    help=f"{did_you_mean(term, TERMS)}the terms are {', '.join(TERMS)}",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Every setting of a training; the defaults are FeatherFace's and RetinaFace's published ones.

    ``batch`` is the number of pictures of a step over all processes. Schedule ``steps`` divides the rate by ten after
    190 and 220 of 350 epochs, and in the same proportion of others; ``cosine`` rises over the first twentieth and falls
    to a hundredth. ``clip`` bounds the norm of the gradient, 0 does not. ``ema`` is the memory of the exponential
    average of the weights, as a part of all steps; 0 keeps none. ``precision`` is 32 or bf16.
    """

    epochs: int = 350
    batch: int = 32
    size: int = 640
    rate: float = 1e-3
    weight_decay: float = 5e-4
    schedule: str = "steps"
    clip: float = 10.0
    ema: float = 0.02
    precision: str = "32"
    seed: int = 0
    augment: bool = True
    freeze_backbone: bool = False
    distillation: Distillation = field(default_factory=Distillation)

    def __post_init__(self) -> None:
        """Raise UsageError for values that are none."""
        if self.schedule not in SCHEDULES or self.precision not in {"32", "bf16"}:
            raise UsageError(
                f"schedule {self.schedule!r} with precision {self.precision!r} is unknown",
                help=f"schedules are {' and '.join(SCHEDULES)}, precisions 32 and bf16",
            )
        if min(self.epochs, self.batch, self.size) < 1 or not self.rate > 0:
            raise UsageError(
                "epochs, batch, size and rate are more than 0", help="leave them out for the published ones"
            )

    def to_json(self) -> str:
        """The settings as JSON text."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def require_same(self, text: str, where: str) -> None:
        """Raise UsageError naming what differs from the recipe that ``text`` holds: another one cannot be resumed."""
        mine = json.loads(self.to_json())
        try:
            theirs: Any = parse_json(text)
        except ValueError:
            theirs = None
        if not isinstance(theirs, dict):
            raise UsageError("it holds no recipe", where=where, help="train into another folder")
        other = [name for name in mine if theirs.get(name) != mine[name]]
        if other:
            name = other[0]
            raise UsageError(
                f"the training that began here has {name} {repr(theirs.get(name))[:_SHOWN]}, not {mine[name]!r}",
                where=where,
                help="resume with the same settings, or train into another folder",
            )
