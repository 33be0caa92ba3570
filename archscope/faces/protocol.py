"""The WIDER FACE protocol (Yang et al., 2016; its MATLAB evaluation code), without a loop over predictions.

For each of the lists easy, medium and hard:

1. Scores are brought to 0 ... 1 by one minimum and one maximum over all pictures.
2. A picture's predictions are taken in descending order of score, equal ones as they come. With order ``input``, as a
   common Python port does, they are taken as they come.
3. A prediction belongs to the face that it overlaps most (the first of equals) when the overlap is 0.5 or more. Sides
   of boxes are ``width + 1`` pixels.
4. If that face does not count in this list, the prediction is neither a hit nor wrong. Else the first one is a hit, and
   every further one is wrong, as is one that belongs to no face.
5. At each threshold 1 - t / 1000 (t = 1 ... 1000) a picture gives its predictions up to the last one whose score is at
   least that. A picture without faces gives none.
6. Precision is hits by predictions that are hit or wrong, recall is hits by the faces that count. The average precision
   is the area under the precision's envelope: at every recall, the best precision at that recall or a higher one.

A prediction is given at a threshold if it or any later one of its picture reaches it. So its effective score is the
maximum over itself and all later ones, and one sort of effective scores over all pictures answers every threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archscope.faces.ground_truth import DIFFICULTIES, Floats, Integers, Picture
from archscope.results.detection import Difficulty

ORDERS = ("sorted", "input")
IOU = 0.5
THRESHOLDS: Floats = 1 - np.arange(1, 1001) / 1000


def judge(
    pictures: Sequence[Picture], predictions: Sequence[Floats], *, order: str = "sorted"
) -> tuple[Difficulty, ...]:
    """Easy, medium and hard: ``predictions`` (n, 5) of every picture, as left, top, width, height in pixels and score.

    ``order`` is one of ORDERS. Numbers must be finite.
    """
    low, span = _range(predictions)
    tallies = {name: _Tally() for name in DIFFICULTIES}
    for picture, boxes in zip(pictures, predictions, strict=True):
        for name, tally in tallies.items():
            tally.faces += len(picture.counted[name])
        if not len(boxes) or not len(picture.boxes):
            continue
        taken = boxes[np.argsort(-boxes[:, 4], kind="stable")] if order == "sorted" else boxes
        reached = np.maximum.accumulate(((taken[:, 4] - low) / span)[::-1])[::-1]
        table = overlaps(taken[:, :4], picture.boxes)
        face = table.argmax(1)
        found = table[np.arange(len(table)), face] >= IOU
        for name, tally in tallies.items():
            tally.add(reached, face, found, picture.counted[name], len(picture.boxes))
    return tuple(tally.result(name) for name, tally in tallies.items())


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of (n, 4) with (m, 4) boxes (left, top, width, height), sides a pixel longer: (n, m)."""
    shared = np.ones((len(boxes), len(others)))
    for axis in (0, 1):
        start = np.maximum(boxes[:, None, axis], others[None, :, axis])
        ends = [(group[:, axis] + group[:, axis + 2]) for group in (boxes, others)]
        shared *= np.clip(np.minimum(ends[0][:, None], ends[1][None, :]) - start + 1, 0, None)
    # The right edge minus the left one, as the official code has it: for broken numbers that is not quite the width.
    areas = [np.prod(group[:, :2] + group[:, 2:] - group[:, :2] + 1, axis=1) for group in (boxes, others)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    table: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)
    return table


def _range(predictions: Iterable[Floats]) -> tuple[float, float]:
    """The lowest score and how far the highest is from it; 1 where all are equal, which then all are 0."""
    scores = [boxes[:, 4] for boxes in predictions if len(boxes)]
    if not scores:
        return 0.0, 1.0
    low, high = min(float(s.min()) for s in scores), max(float(s.max()) for s in scores)
    return low, high - low or 1.0


@dataclass(slots=True)
class _Tally:
    """What one list has come to: effective scores of predictions that count, and of those that found a face."""

    faces: int = 0
    proposals: list[Floats] = field(default_factory=list)
    hits: list[Floats] = field(default_factory=list)

    def add(self, reached: Floats, face: Integers, found: NDArray[np.bool_], counted: Integers, total: int) -> None:
        """The predictions of one picture, in the order in which they are taken."""
        counts = np.zeros(total, dtype=bool)
        counts[counted] = True
        of_counted = counts[face]
        self.proposals.append(reached[~found | of_counted])
        (hitting,) = np.nonzero(found & of_counted)
        _, first = np.unique(face[hitting], return_index=True)
        self.hits.append(reached[hitting[first]])

    def result(self, name: str) -> Difficulty:
        """The counts at every threshold and the area."""
        proposals, hits = _reaching(self.proposals), _reaching(self.hits)
        return Difficulty(
            name=name,
            faces=self.faces,
            ap=_average_precision(proposals, hits, self.faces) if self.faces else None,
            proposals=tuple(proposals.tolist()),
            hits=tuple(hits.tolist()),
        )


def _reaching(scores: list[Floats]) -> Integers:
    """At every threshold, how many of ``scores`` reach it."""
    ordered = np.sort(np.concatenate(scores)) if scores else np.zeros(0)
    return (len(ordered) - np.searchsorted(ordered, THRESHOLDS, side="left")).astype(np.int64)


def _average_precision(proposals: Integers, hits: Integers, faces: int) -> float:
    precision = hits / np.maximum(proposals, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(hits, prepend=0) / faces * envelope))
