"""Faces that a detector found, and how well it did by the WIDER FACE protocol, with the JSON form."""

from __future__ import annotations

from dataclasses import dataclass

EVALUATION_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """One of the protocol's lists of faces: easy, medium or hard.

    ``proposals`` and ``hits`` are counts at each of the 1,000 thresholds, the strictest first: predictions that count,
    and faces found. ``ap`` is the average precision as a fraction; None where the list holds no face.
    """

    name: str
    faces: int
    ap: float | None
    proposals: tuple[int, ...]
    hits: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What became of ``subject``'s predictions. ``order`` says whose order they were taken in: sorted or input.

    ``missing`` counts pictures without a prediction file, which count as empty; ``strangers`` prediction files without
    a picture, which do not count at all.
    """

    evaluation_version: int
    subject: str
    order: str
    pictures: int
    predictions: int
    missing: int
    strangers: int
    difficulties: tuple[Difficulty, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One face: ``box`` is left, top, right, bottom, in pixels as are the five ``landmarks``."""

    score: float
    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesFound:
    """The faces in ``picture``, a file of ``width`` x ``height`` pixels, the surest first."""

    picture: str
    width: int
    height: int
    faces: tuple[Face, ...]
