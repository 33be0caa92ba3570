"""``archscope detect``: find the faces in a picture and draw them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from archscope.cli.detection_options import looking_options, settings_of, weights_option
from archscope.cli.options import ModelArgument
from archscope.cli.output import STDOUT, format_options, print_text, quiet_stdout, tell
from archscope.cli.progress import progress
from archscope.documents.faces_found import FACES_FOUND
from archscope.errors import UsageError
from archscope.files import write_files
from archscope.sources import parse_settings


class _ModelOption(click.Option):
    """``--model``, completed as a MODEL is."""

    shell_complete = ModelArgument.shell_complete


@click.command("detect")
@click.argument("image", type=click.Path(path_type=Path))
@weights_option
@click.option("--model", cls=_ModelOption, default="", help="The detector.  [default: the zoo's that fits the weights]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="An option of the model's builder.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the picture with its faces drawn.")
@looking_options(confidence=0.5)
@format_options(FACES_FOUND)
def command(  # noqa: PLR0913 - one argument for each option
    *,
    image: Path,
    weights: Path | None,
    model: str,
    settings: tuple[str, ...],
    output: Path | None,
    wanted: Mapping[str, str],
    **looks: Any,
) -> None:
    """Find the faces in IMAGE with the weights of a checkpoint: boxes, scores and five landmarks each.

    With -o they are drawn into a copy of the picture (.png, .jpg).
    """
    if weights is None:
        raise UsageError("a detector needs weights", help="archscope detect IMAGE --weights FILE")
    if settings and not model:
        raise UsageError("--set is an option of a model", help="name it: --model MODEL")
    from archscope.faces.images import drawn, open_image, read_image

    pixels = read_image(image)
    with progress() as shown, quiet_stdout():
        shown.phase("import")
        from archscope.faces.running import best_device, find_faces
        from archscope.faces.weights import load_detector

        shown.phase("build")
        detector = load_detector(model, weights, parse_settings(settings)).to(best_device())
        shown.phase("detect")
        result = find_faces(detector, pixels, image.name, settings_of(looks))
    if output is not None:
        write_files({output: drawn(open_image(image), result.faces, output.suffix)})
    tell(result, FACES_FOUND, wanted)
    if output is not None and STDOUT not in wanted.values():
        print_text(f"wrote {output}\n")
