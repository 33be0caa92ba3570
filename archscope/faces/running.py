"""A detector, run on one picture for a person, or on a whole set for an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from archscope.errors import UsageError
from archscope.faces.detector import Detections, Settings, detect
from archscope.faces.ground_truth import LIST_FILES, Floats, read_ground_truth
from archscope.faces.images import Pixels, read_image
from archscope.faces.predictions import prediction_text
from archscope.faces.protocol import judge
from archscope.results.detection import EVALUATION_VERSION, Evaluation, Face, FacesFound

IMAGES = Path("WIDER_val") / "images"
_TRUTH = (Path("ground_truth"), Path("eval_tools") / "ground_truth", Path("wider_face_split"), Path())
_SUFFIXES = (".jpg", ".jpeg", ".png")


def truth_folder(data: Path) -> Path:
    """Where the protocol's files lie below a data folder; raises UsageError with the places that were looked at."""
    for place in _TRUTH:
        if (data / place / LIST_FILES["hard"]).is_file():
            return data / place
    places = ", ".join(str(data / place) for place in _TRUTH)
    raise UsageError(f"there is no {LIST_FILES['hard']} in {places}", help="name its folder: --ground-truth DIR")


def evaluate_model(  # noqa: PLR0913 - what an evaluation is made of
    model: nn.Module,
    data: Path,
    ground_truth: Path,
    *,
    settings: Settings,
    subject: str,
    order: str = "sorted",
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Evaluation, Mapping[str, str]]:
    """The average precisions of ``model`` (in eval mode, on its device) on WIDER_val/images/EVENT/NAME.jpg in ``data``.

    Besides, the prediction files by their places below a folder, EVENT/NAME.txt. ``tell`` hears how far it is. Raises
    UsageError for pictures that are missing or do not decode.
    """
    pictures = read_ground_truth(ground_truth)
    files = [_picture_file(data / IMAGES, picture.path) for picture in pictures]
    boxes: list[Floats] = []
    for number, file in enumerate(files):
        tell(number, len(files))
        boxes.append(_rows(detect(model, read_image(file), settings)))
    result = Evaluation(
        evaluation_version=EVALUATION_VERSION,
        subject=subject,
        order=order,
        pictures=len(pictures),
        predictions=sum(map(len, boxes)),
        missing=0,
        strangers=0,
        difficulties=judge(pictures, boxes, order=order),
    )
    texts = zip(pictures, boxes, strict=True)
    return result, {f"{picture.path}.txt": prediction_text(picture.name, rows) for picture, rows in texts}


def _picture_file(folder: Path, path: str) -> Path:
    for suffix in _SUFFIXES:
        if (folder / f"{path}{suffix}").is_file():
            return folder / f"{path}{suffix}"
    raise UsageError(
        f"there is no picture {folder / path}.jpg",
        help="the ground truth lists it: unpack WIDER_val.zip into the data folder",
    )


def _rows(found: Detections) -> Floats:
    """Detections as a prediction file has them: left, top, width, height, score."""
    return np.concatenate((found.boxes[:, :2], found.boxes[:, 2:] - found.boxes[:, :2], found.scores[:, None]), 1)


def best_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def find_faces(model: nn.Module, image: Pixels, name: str, settings: Settings) -> FacesFound:
    """The faces in ``image`` (height, width, 3), RGB, which ``name`` names."""
    found = detect(model, image, settings)
    rows = zip(found.scores.tolist(), found.boxes.tolist(), found.landmarks.tolist(), strict=True)
    faces = (Face(score=score, box=tuple(box), landmarks=tuple(map(tuple, points))) for score, box, points in rows)
    return FacesFound(picture=name, width=image.shape[1], height=image.shape[0], faces=tuple(faces))
