"""From a picture to faces: RetinaFace's preprocessing, the model, decoding and non-maximum suppression.

Pre- and postprocessing are those of the public RetinaFace code that FeatherFace was trained and evaluated with: BGR
minus its means, confidence 0.02, suppression at an overlap of 0.4 with sides a pixel longer, 750 faces at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from archscope.errors import ModelError
from archscope.faces.ground_truth import Floats
from archscope.faces.images import Pixels
from archscope.faces.weights import require_detections
from archscope.models.featherface.priors import decode_boxes, decode_landmarks, prior_boxes

MEANS = (104.0, 117.0, 123.0)  # blue, green, red
_CANDIDATES = 5000  # the best ones go into the suppression, as in the public code


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How pictures are looked at.

    ``size`` is the longer side in pixels, 0 for that of the picture; ``scales`` multiply it, and ``flip`` looks at the
    mirror image too. Detections below ``confidence`` are dropped, so are those that overlap a better one by more than
    ``nms``; ``top_k`` remain at most.
    """

    size: int = 0
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    confidence: float = 0.02
    nms: float = 0.4
    top_k: int = 750


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """Faces in pixels of the picture, the surest first: ``boxes`` (n, 4) as left, top, right, bottom.

    ``scores`` (n,) are probabilities, ``landmarks`` (n, 5, 2) are left eye, right eye, nose and the corners of the
    mouth, left and right as the picture shows them.
    """

    boxes: Floats
    scores: Floats
    landmarks: Floats


def preprocess(image: Pixels) -> Tensor:
    """(height, width, 3) in RGB to (1, 3, height, width) in BGR minus the means, float32."""
    planes = torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))).float()
    return (planes - torch.tensor(MEANS).view(3, 1, 1)).unsqueeze(0)


@torch.no_grad()
def detect(model: nn.Module, image: Pixels, settings: Settings) -> Detections:
    """The faces that ``model`` (in eval mode) finds in ``image`` (height, width, 3), RGB."""
    views = [_view(model, view, settings, mirrored=mirrored) for view, mirrored in _views(image, settings)]
    boxes, scores, landmarks = (np.concatenate(parts) for parts in zip(*views, strict=True))
    height, width = image.shape[:2]
    boxes, landmarks = boxes * ([width, height] * 2), landmarks * ([width, height] * 5)
    best = np.argsort(-scores, kind="stable")[:_CANDIDATES]
    kept = best[suppress(boxes[best], settings.nms)][: settings.top_k]
    return Detections(boxes=boxes[kept], scores=scores[kept], landmarks=landmarks[kept].reshape(-1, 5, 2))


def _views(image: Pixels, settings: Settings) -> Iterator[tuple[Tensor, bool]]:
    """The picture at each scale, and its mirror image where that is wanted."""
    tensor = preprocess(image)
    longer = max(image.shape[:2])
    for scale in settings.scales:
        factor = scale * (settings.size or longer) / longer
        size = [max(1, round(side * factor)) for side in image.shape[:2]]
        resized = tensor
        if size != [*image.shape[:2]]:
            resized = functional.interpolate(tensor, size, mode="bilinear", antialias=factor < 1)
        yield resized, False
        if settings.flip:
            yield resized.flip(3), True


def _view(model: nn.Module, picture: Tensor, settings: Settings, *, mirrored: bool) -> tuple[Floats, Floats, Floats]:
    """Boxes, scores and landmarks of one view, relative to the picture."""
    device = next((parameter.device for parameter in model.parameters()), picture.device)
    height, width = picture.shape[2:]
    priors = prior_boxes(height, width, device=device)
    found, classes, points = require_detections(model(picture.to(device)), len(priors))
    score = classes[0, :, 1].double()
    if not score.isfinite().all():
        raise ModelError("the model gives scores that are no numbers", help="its weights are damaged, or diverged")
    kept = score > settings.confidence
    boxes = decode_boxes(found[0, kept].double(), priors[kept])
    landmarks = decode_landmarks(points[0, kept].double(), priors[kept])
    if mirrored:
        boxes = torch.stack((1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]), 1)
        landmarks = mirror(landmarks)
    return boxes.cpu().numpy(), score[kept].cpu().numpy(), landmarks.cpu().numpy()


#: Where each landmark of a mirrored face comes from: left and right change places.
MIRRORED = (1, 0, 2, 4, 3)


def mirror(landmarks: Tensor) -> Tensor:
    """Landmarks (n, 10) relative to a picture, as its mirror image has them."""
    points = landmarks.unflatten(-1, (5, 2))[:, MIRRORED]
    return torch.stack((1 - points[..., 0], points[..., 1]), -1).flatten(1)


def suppress(boxes: Floats, most: float) -> NDArray[np.intp]:
    """The indices of ``boxes`` (n, 4), the best first, that overlap no better kept one by more than ``most``.

    Greedy, with sides a pixel longer, as the public RetinaFace code has it; torchvision's has no extra pixel, and is
    not installed everywhere.
    """
    sizes = (boxes[:, 2:] - boxes[:, :2] + 1).clip(0)
    areas = sizes[:, 0] * sizes[:, 1]
    order, kept = np.arange(len(boxes)), []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(first)
        low, high = np.maximum(boxes[first, :2], boxes[order, :2]), np.minimum(boxes[first, 2:], boxes[order, 2:])
        shared = (high - low + 1).clip(0).prod(1)
        union = areas[first] + areas[order] - shared
        order = order[shared <= most * union]
    return np.array(kept, dtype=np.intp)
