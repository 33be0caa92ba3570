"""Matching faces to prior boxes for training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archscope.models.featherface.priors import corners, encode_boxes, encode_landmarks

BACKGROUND = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """The faces of one image: boxes (n, 4), landmarks (n, 10), and whether a face's landmarks are known, (n,) bool.

    Coordinates as in ``priors``; n may be 0. Landmarks that are not known may hold anything finite.
    """

    boxes: Tensor
    landmarks: Tensor
    has_landmarks: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What the model should say of every prior of one image.

    ``positive`` and ``has_landmarks`` are (A,) bool; ``boxes`` (A, 4) and ``landmarks`` (A, 10) are encoded, and zero
    where the prior is background.
    """

    positive: Tensor
    has_landmarks: Tensor
    boxes: Tensor
    landmarks: Tensor


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of (n, 4) with (m, 4) boxes: (n, m); 0 for two empty ones."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(group[:, 2:] - group[:, :2]).clamp(min=0).prod(-1) for group in (boxes, others)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)


def match(boxes: Tensor, priors: Tensor, *, threshold: float = 0.35, hopeless: float = 0.2) -> Tensor:
    """For every prior the index of its face, or BACKGROUND: (A,).

    A prior takes the face that it overlaps most, from ``threshold`` on. Besides, every face takes the prior that
    overlaps it most, whatever else that one would take (the later face where two want the same), unless even that
    overlaps it by less than ``hopeless``.
    """
    if not len(boxes):
        return torch.full((len(priors),), BACKGROUND, device=priors.device)
    table = overlaps(boxes, corners(priors))
    best, face = table.max(0)
    face = face.where(best >= threshold, torch.full_like(face, BACKGROUND))
    reach, favourite = table.max(1)
    kept = reach >= hopeless
    index = torch.arange(len(boxes), device=priors.device)
    forced = torch.full_like(face, BACKGROUND).scatter_reduce(0, favourite[kept], index[kept], "amax")
    return forced.where(forced != BACKGROUND, face)


def make_targets(faces: Faces, priors: Tensor) -> Targets:
    """What the model should say of ``priors`` (A, 4) on an image with ``faces``."""
    face = match(faces.boxes, priors)
    positive = face != BACKGROUND
    has_landmarks = torch.zeros_like(positive)
    boxes, landmarks = priors.new_zeros(len(priors), 4), priors.new_zeros(len(priors), 10)
    mine = face[positive]
    has_landmarks[positive] = faces.has_landmarks[mine]
    boxes[positive] = encode_boxes(faces.boxes[mine], priors[positive])
    landmarks[positive] = encode_landmarks(faces.landmarks[mine], priors[positive])
    return Targets(positive=positive, has_landmarks=has_landmarks, boxes=boxes, landmarks=landmarks)
