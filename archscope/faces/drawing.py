"""Drawn faces: ellipses with two eyes, a nose and a mouth, whose boxes and landmarks are known exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from archscope.faces.ground_truth import Floats

_FEATURES = np.array([[-0.42, -0.3], [0.42, -0.3], [0.0, 0.12], [-0.32, 0.5], [0.32, 0.5]])  # of half the width, height
_SKIN = np.array([[241, 204, 177], [224, 172, 138], [198, 134, 96], [141, 85, 54], [90, 56, 37]], dtype=np.float64)


def draw_face(image: Floats, box: tuple[float, float, float, float], generator: Generator) -> tuple[Floats, Floats]:
    """Draw a face into ``image`` (height, width, 3), about as large as ``box`` (left, top, right, bottom).

    Gives its box as it came out, turned, and its landmarks (5, 2): eyes, nose, corners of the mouth, left first.
    """
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    half = np.array([box[2] - box[0], box[3] - box[1]]) / 2
    angle = generator.uniform(-0.35, 0.35)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    # how far a turned ellipse reaches
    reach = np.sqrt(((turn.T * half) ** 2).sum(1))
    spread = 1 + generator.uniform(-0.15, 0.15, (5, 2))
    points = _FEATURES * spread * half @ turn + centre
    x, y = _grid(image, centre, reach)
    if x.size:
        _paint(image, (x, y), (centre, half, turn), points, generator)
    return np.concatenate((centre - reach, centre + reach)), points


def draw_distractor(image: Floats, box: tuple[float, float, float, float], generator: Generator) -> None:
    """Draw what a face is not: an ellipse of the same colours, without features or with some at wrong places."""
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    half = np.array([box[2] - box[0], box[3] - box[1]]) / 2
    x, y = _grid(image, centre, half)
    if not x.size:
        return
    count = generator.integers(0, 3)
    points = centre + generator.uniform(-0.7, 0.7, (count, 2)) * half
    _paint(image, (x, y), (centre, half, np.eye(2)), points, generator)


def _grid(image: Floats, centre: Floats, reach: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pixels of ``image`` around a place: columns and rows."""
    low = np.floor(centre - reach).astype(int).clip(0)
    high = np.minimum(np.ceil(centre + reach).astype(int) + 1, image.shape[1::-1])
    y, x = np.mgrid[low[1] : max(low[1], high[1]), low[0] : max(low[0], high[0])]
    return x, y


def _paint(
    image: Floats,
    grid: tuple[NDArray[np.intp], NDArray[np.intp]],
    shape: tuple[Floats, Floats, Floats],
    points: Floats,
    generator: Generator,
) -> None:
    """An ellipse with light from one side, and dark dots."""
    x, y = grid
    centre, half, turn = shape
    away = np.stack((x + 0.5 - centre[0], y + 0.5 - centre[1]), -1) @ turn.T / half
    distance = (away**2).sum(-1)
    skin = _SKIN[generator.integers(len(_SKIN))] * generator.uniform(0.75, 1.15)
    light = 1 + away @ generator.uniform(-0.25, 0.25, 2)
    colour = skin * light[..., None] + generator.normal(0, 5, (*x.shape, 3))
    for point, size in zip(points, (0.2, 0.2, 0.14, 0.17, 0.17), strict=False):
        dot = ((x + 0.5 - point[0]) ** 2 + (y + 0.5 - point[1]) ** 2) < (size * half[0]) ** 2 + 0.4
        colour[dot] *= generator.uniform(0.15, 0.4)
    edge = np.clip((1 - distance) * half.min(), 0, 1)[..., None]
    image[y, x] = edge * colour + (1 - edge) * image[y, x]
