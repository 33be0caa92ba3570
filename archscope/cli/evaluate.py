"""``archscope evaluate``: average precision of a face detector by the WIDER FACE protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archscope.cli.detection_options import looking_options, settings_of, weights_option
from archscope.cli.options import ModelArgument
from archscope.cli.output import format_options, quiet_stdout, tell
from archscope.cli.progress import progress
from archscope.documents.evaluation import EVALUATION
from archscope.errors import UsageError
from archscope.files import write_files
from archscope.sources import parse_settings

if TYPE_CHECKING:
    from archscope.results.detection import Evaluation

_FOLDER = click.Path(path_type=Path)


@click.command("evaluate")
@click.argument("model", cls=ModelArgument, required=False)
@weights_option
@click.option("--data", type=_FOLDER, help="Folder of the data set: WIDER_val/images/EVENT/NAME.jpg, and ground_truth.")
@click.option("--predictions", type=_FOLDER, help="In place of a model: prediction files, EVENT/NAME.txt.")
@click.option(
    "--ground-truth",
    type=_FOLDER,
    help="Folder of wider_face_val.mat and the three lists.  [default: below --data]",
)
@click.option("--save-predictions", type=_FOLDER, metavar="DIR", help="Write the model's prediction files.")
@click.option(
    "--order",
    type=click.Choice(("sorted", "input")),
    default="sorted",
    show_default=True,
    help="Take predictions by score, as the official code does, or as they come, as a common port does.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="An option of the model's builder.")
@looking_options(confidence=0.02)
@format_options(EVALUATION)
def command(  # noqa: PLR0913 - one argument for each option
    *,
    model: str | None,
    weights: Path | None,
    data: Path | None,
    predictions: Path | None,
    ground_truth: Path | None,
    save_predictions: Path | None,
    order: str,
    settings: tuple[str, ...],
    wanted: Mapping[str, str],
    **looks: Any,
) -> None:
    """Evaluate face detections by the WIDER FACE protocol: AP on the easy, medium and hard faces.

    Either MODEL with --weights runs on the pictures of --data, or --predictions are held against --ground-truth. A
    prediction file holds the picture's name, a count, and a line 'left top width height score' for each box; a picture
    without one counts as empty.
    """
    if predictions is not None:
        if model or weights or data or ground_truth is None:
            raise UsageError("--predictions go with --ground-truth and no model", help=_HELP)
        from archscope.faces.evaluation import evaluate_predictions

        return tell(evaluate_predictions(predictions, ground_truth, order=order), EVALUATION, wanted)
    if model is None or weights is None or data is None:
        raise UsageError("it takes a MODEL with --weights and --data, or --predictions", help=_HELP)
    result, texts = _run(model, weights, data, ground_truth, order=order, settings=settings, looks=looks)
    if save_predictions is not None:
        write_files({save_predictions / place: text.encode() for place, text in texts.items()})
    return tell(result, EVALUATION, wanted)


_HELP = "archscope evaluate MODEL --weights FILE --data DIR, or archscope evaluate --predictions DIR --ground-truth DIR"


def _run(  # noqa: PLR0913 - the same
    model: str,
    weights: Path,
    data: Path,
    ground_truth: Path | None,
    *,
    order: str,
    settings: tuple[str, ...],
    looks: dict[str, Any],
) -> tuple[Evaluation, Mapping[str, str]]:
    with progress() as shown, quiet_stdout():
        shown.phase("import")
        from archscope.faces.running import best_device, evaluate_model, truth_folder
        from archscope.faces.weights import load_detector

        truth = ground_truth or truth_folder(data)
        shown.phase("build")
        detector = load_detector(model, weights, parse_settings(settings)).to(best_device())
        return evaluate_model(
            detector,
            data,
            truth,
            settings=settings_of(looks),
            subject=f"{model} {weights.name}",
            order=order,
            tell=lambda done, total: shown.step(done, total, "pictures"),
        )
