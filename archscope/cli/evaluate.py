"""``archscope evaluate``: average precision of face detections by the WIDER FACE protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from archscope.cli.output import format_options, tell
from archscope.documents.evaluation import EVALUATION

_FOLDER = click.Path(path_type=Path)


@click.command("evaluate")
@click.option("--predictions", type=_FOLDER, required=True, help="Folder of prediction files, EVENT/NAME.txt.")
@click.option("--ground-truth", type=_FOLDER, required=True, help="Folder of wider_face_val.mat and the three lists.")
@click.option(
    "--order",
    type=click.Choice(("sorted", "input")),
    default="sorted",
    show_default=True,
    help="Take predictions by score, as the official code does, or as they come, as a common port does.",
)
@format_options(EVALUATION)
def command(*, predictions: Path, ground_truth: Path, order: str, wanted: Mapping[str, str]) -> None:
    """Evaluate face detections by the WIDER FACE protocol: AP on the easy, medium and hard faces.

    A prediction file holds the picture's name, a count, and a line 'left top width height score' for each box. A
    picture without one counts as empty.
    """
    from archscope.faces.evaluation import evaluate_predictions

    tell(evaluate_predictions(predictions, ground_truth, order=order), EVALUATION, wanted)
