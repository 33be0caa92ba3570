"""Prior boxes, and boxes and landmarks in their terms: RetinaFace's encoding (Deng et al., 2020), from SSD.

Coordinates are relative to the image: x by its width, y by its height. A box is (x1, y1, x2, y2), a prior is
(cx, cy, w, h), landmarks are five (x, y). Predictions hold offsets from the prior in units of 0.1 of its size, and
logarithms of the size ratio in units of 0.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

STRIDES = (8, 16, 32)
SIZES = ((16, 32), (64, 128), (256, 512))
CENTER_UNIT, SIZE_UNIT = 0.1, 0.2


def prior_boxes(height: int, width: int, *, device: torch.device | str | None = None) -> Tensor:
    """The priors of an image of ``height`` x ``width`` pixels, (A, 4), in the order of the model's outputs.

    Two squares at every position: sides of 16 and 32 pixels on P3, 64 and 128 on P4, 256 and 512 on P5.
    """
    levels = []
    for stride, sizes in zip(STRIDES, SIZES, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y = (torch.arange(rows, device=device) + 0.5) * (stride / height)
        x = (torch.arange(columns, device=device) + 0.5) * (stride / width)
        side = torch.tensor(sizes, device=device, dtype=y.dtype)
        shape = (rows, columns, len(sizes))
        level = (x[None, :, None], y[:, None, None], side / width, side / height)
        levels.append(torch.stack([part.expand(shape) for part in level], -1).reshape(-1, 4))
    return torch.cat(levels)


def corners(priors: Tensor) -> Tensor:
    """Priors (..., 4) as boxes."""
    centers, halves = priors[..., :2], priors[..., 2:] / 2
    return torch.cat((centers - halves, centers + halves), -1)


def encode_boxes(boxes: Tensor, priors: Tensor) -> Tensor:
    """Boxes (..., 4), one for each prior, as the model predicts them. Boxes must not be empty."""
    centers, sizes = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    offsets = (centers - priors[..., :2]) / (CENTER_UNIT * priors[..., 2:])
    return torch.cat((offsets, (sizes / priors[..., 2:]).log() / SIZE_UNIT), -1)


def decode_boxes(predicted: Tensor, priors: Tensor) -> Tensor:
    """The inverse of encode_boxes; (N, A, 4) predictions broadcast over (A, 4) priors."""
    centers = priors[..., :2] + CENTER_UNIT * predicted[..., :2] * priors[..., 2:]
    return corners(torch.cat((centers, priors[..., 2:] * (SIZE_UNIT * predicted[..., 2:]).exp()), -1))


def encode_landmarks(landmarks: Tensor, priors: Tensor) -> Tensor:
    """Landmarks (..., 10), one set for each prior, as the model predicts them."""
    points: Tensor = landmarks.unflatten(-1, (5, 2))
    offsets: Tensor = (points - priors[..., None, :2]) / (CENTER_UNIT * priors[..., None, 2:])
    return offsets.flatten(-2)


def decode_landmarks(predicted: Tensor, priors: Tensor) -> Tensor:
    """The inverse of encode_landmarks; (N, A, 10) predictions broadcast over (A, 4) priors."""
    offsets: Tensor = predicted.unflatten(-1, (5, 2))
    return (priors[..., None, :2] + CENTER_UNIT * offsets * priors[..., None, 2:]).flatten(-2)
