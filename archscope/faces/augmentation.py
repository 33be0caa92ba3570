"""Pictures made other by chance, with their faces kept true (kornia: Apache-2.0, maintained, points beside pictures).

albumentations is no longer maintained and its successor is under AGPL; torchvision's transforms need torchvision, which
the zoo does without. Nothing here mixes two pictures, so no target has to be mixed either.

Coordinates are continuous: pixel k covers k to k + 1. kornia counts from the middle of a pixel, half a pixel less.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from kornia import augmentation
from torch import Tensor
from torch.nn import functional

from archscope.faces.detector import MEANS, MIRRORED
from archscope.faces.images import Pixels
from archscope.faces.labels import POINTS, LabelledPicture
from archscope.models.featherface.matching import Faces

_GREY = 0.45  # about the means: what is outside a picture
_TRIES = 10
_LEAST = 1.0  # pixels of a face's side that must be left of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What may happen to a picture on its way to ``size`` x ``size`` pixels, after RetinaFace's published training.

    ``crop``: a square of 9 % to 100 % of the picture's longer side squared, at any place, with a face in it if ten
    tries find one. ``flip``: the probability of the mirror image, in which left and right landmarks change places.
    ``colour``: the probability of another brightness (by 1/8), contrast, saturation (half to one and a half) and hue.
    """

    size: int
    crop: bool = True
    flip: float = 0.5
    colour: float = 0.8

    def __call__(self, image: Pixels, labels: LabelledPicture) -> tuple[Tensor, Faces]:
        """``image`` (height, width, 3), RGB, as the model takes it (3, size, size), and its faces, relative to it.

        A face stays while its middle is in the picture, with the part of its box that is; its landmarks are known while
        all of them are inside. Random numbers are torch's.
        """
        planes = _square(torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255)
        corners = torch.from_numpy(labels.boxes).float().view(-1, 2, 2)
        points = torch.cat((corners, torch.from_numpy(labels.landmarks).float()), 1)
        picture, points = self._moved(planes, points)
        picture = self._coloured(picture)
        means = torch.tensor(MEANS).view(3, 1, 1)
        return 255 * picture.flip(0) - means, _faces(points, torch.from_numpy(labels.known), self.size)

    def _moved(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """The picture (3, size, size) and the points (n, 7, 2) in it."""
        size = (self.size, self.size)
        steps: list[augmentation.GeometricAugmentationBase2D] = [augmentation.RandomHorizontalFlip(p=self.flip)]
        if self.crop:
            square = augmentation.RandomResizedCrop(size, scale=(0.09, 1.0), ratio=(1.0, 1.0), cropping_mode="slice")
            steps.insert(0, square)
        else:
            steps.insert(0, augmentation.Resize(size))
        moving = augmentation.AugmentationSequential(*steps, data_keys=["input", "keypoints"])
        for _ in range(_TRIES):
            picture, moved = moving(planes[None], points.view(1, -1, 2) - 0.5)
            matrix = moving.transform_matrix
            mirrored = matrix is not None and bool(torch.linalg.det(matrix[0]) < 0)
            moved = moved.view(-1, 2 + POINTS, 2) + 0.5
            if not self.crop or not len(points) or _inside(moved[:, :2].mean(1), self.size).any():
                break
        if mirrored:
            moved = moved[:, [0, 1, *(2 + place for place in MIRRORED)]]
        return picture[0], moved

    def _coloured(self, picture: Tensor) -> Tensor:
        half = (0.5, 1.5)
        jitter = augmentation.ColorJiggle((0.875, 1.125), half, half, (-0.05, 0.05), p=self.colour)
        coloured: Tensor = jitter(picture[None])[0]
        return coloured


def _square(planes: Tensor) -> Tensor:
    """The picture with grey to the right or below, as wide as high."""
    height, width = planes.shape[1:]
    side = max(height, width)
    return functional.pad(planes, (0, side - width, 0, side - height), value=_GREY)


def _inside(points: Tensor, size: int) -> Tensor:
    return ((points >= 0) & (points < size)).all(-1)


def _faces(points: Tensor, known: Tensor, size: int) -> Faces:
    """The faces out of corners and landmarks (n, 7, 2) in pixels."""
    low, high = points[:, :2].amin(1), points[:, :2].amax(1)
    boxes = torch.cat((low, high), 1)
    kept = _inside(boxes.view(-1, 2, 2).mean(1), size)
    boxes = boxes.clamp(0, size)
    kept &= (boxes[:, 2:] - boxes[:, :2] >= _LEAST).all(1)
    landmarks = points[kept, 2:]
    return Faces(
        boxes=boxes[kept] / size,
        landmarks=landmarks.flatten(1) / size,
        has_landmarks=known[kept] & _inside(landmarks, size).all(1),
    )
