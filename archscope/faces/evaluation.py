"""A folder of prediction files, evaluated by the WIDER FACE protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archscope.faces.ground_truth import read_ground_truth
from archscope.faces.predictions import read_predictions
from archscope.faces.protocol import judge
from archscope.results.detection import EVALUATION_VERSION, Evaluation


def evaluate_predictions(
    predictions: Path, ground_truth: Path, *, order: str = "sorted", subject: str = ""
) -> Evaluation:
    """The average precisions of the prediction files EVENT/NAME.txt in a folder, by the ground truth in another.

    ``order`` is ``sorted`` (the official code's) or ``input`` (that of a common Python port); ``subject`` names what
    made the predictions. Raises UsageError for files that are missing, except prediction files, or broken.
    """
    pictures = read_ground_truth(ground_truth)
    found, strangers = read_predictions(predictions, (picture.path for picture in pictures))
    boxes = [np.zeros((0, 5)) if one is None else one for one in found]
    return Evaluation(
        evaluation_version=EVALUATION_VERSION,
        subject=subject or str(predictions),
        order=order,
        pictures=len(pictures),
        predictions=sum(map(len, boxes)),
        missing=sum(one is None for one in found),
        strangers=strangers,
        difficulties=judge(pictures, boxes, order=order),
    )
