"""The options of commands that run a face detector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archscope.cli.options import F, options
from archscope.errors import UsageError

if TYPE_CHECKING:
    from archscope.faces.detector import Settings


def _numbers(_context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Positive numbers between commas."""
    try:
        numbers = tuple(float(word) for word in value.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < number <= 16 for number in numbers):
        raise UsageError(f"{parameter.opts[0]}: {value!r} is no list of scales", help="write 0.5,1,1.5")
    return numbers


weights_option = click.option(
    "--weights", type=click.Path(path_type=Path), help="The checkpoint: .pth, .pt, .ckpt or .safetensors."
)


def looking_options(*, confidence: float) -> Callable[[F], F]:
    """How pictures are looked at: size, scales, mirror image, and what is dropped."""
    return options(
        click.option(
            "--size", type=click.IntRange(0), default=0, help="Longer side in pixels.  [default: as the picture is]"
        ),
        click.option(
            "--scales", default="1", show_default=True, metavar="A,B", callback=_numbers, help="Look at each scale."
        ),
        click.option("--flip", is_flag=True, help="Look at the mirror image too."),
        click.option(
            "--confidence",
            type=click.FloatRange(0, 1),
            default=confidence,
            show_default=True,
            help="The least score of a face.",
        ),
        click.option(
            "--nms",
            type=click.FloatRange(0, 1),
            default=0.4,
            show_default=True,
            help="The most that two faces may overlap.",
        ),
        click.option("--top-k", type=click.IntRange(1), default=750, show_default=True, help="Faces at most."),
    )


def settings_of(looks: dict[str, Any]) -> Settings:
    """What ``looking_options`` ask for."""
    from archscope.faces.detector import Settings

    return Settings(**looks)
