"""RetinaFace's multi-task loss: classification, box and landmark regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from archscope.models.featherface.heads import Predictions
from archscope.models.featherface.matching import Faces, make_targets

BOX_WEIGHT = 2.0
NEGATIVES = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The three tasks' losses, scalars; ``total`` is what to minimise.

    ``chosen`` (N, A) are the priors whose classes count, ``positives`` the number by which that loss is divided.
    """

    boxes: Tensor
    classes: Tensor
    landmarks: Tensor
    chosen: Tensor
    positives: Tensor

    @property
    def total(self) -> Tensor:
        """2 x boxes + classes + landmarks, RetinaFace's weights."""
        return BOX_WEIGHT * self.boxes + self.classes + self.landmarks


def multitask_loss(predictions: Predictions, faces: Sequence[Faces], priors: Tensor) -> Losses:
    """The loss of a batch: ``predictions`` of a model in train mode, the faces of every image, the priors (A, 4).

    Boxes and landmarks: smooth L1 summed over the positive priors (those with known landmarks), by their number.
    Classes: cross entropy summed over the positive priors and, in every image, the worst negatives, seven for each
    positive, by the number of positives. Numbers are those of the batch and at least 1.
    """
    boxes, logits, landmarks = predictions
    targets = [make_targets(image, priors) for image in faces]
    positive = torch.stack([target.positive for target in targets])
    marked = torch.stack([target.has_landmarks for target in targets])
    box_loss = _distance(boxes, torch.stack([target.boxes for target in targets]), positive)
    mark_loss = _distance(landmarks, torch.stack([target.landmarks for target in targets]), marked)
    entropy = functional.cross_entropy(logits.flatten(0, 1), positive.flatten().long(), reduction="none")
    entropy = entropy.view_as(positive)
    chosen = positive | _hard_negatives(entropy.detach(), positive)
    positives = positive.sum().clamp(min=1)
    class_loss = entropy[chosen].sum() / positives
    return Losses(boxes=box_loss, classes=class_loss, landmarks=mark_loss, chosen=chosen, positives=positives)


def _distance(found: Tensor, wanted: Tensor, chosen: Tensor) -> Tensor:
    return functional.smooth_l1_loss(found[chosen], wanted[chosen], reduction="sum") / chosen.sum().clamp(min=1)


def _hard_negatives(entropy: Tensor, positive: Tensor) -> Tensor:
    """In every image, the negatives of the largest ``entropy``, seven for each positive: (N, A) bool."""
    order = entropy.masked_fill(positive, -1).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1)
    allowed = torch.minimum(NEGATIVES * positive.sum(1), (~positive).sum(1))
    return rank < allowed[:, None]
