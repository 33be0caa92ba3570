"""Prediction files in the official format of WIDER FACE: EVENT/NAME.txt with a name, a count, and a line for each box.

A line is ``left top width height score`` in pixels, separated by spaces; what follows on it is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from archscope.errors import UsageError
from archscope.faces.ground_truth import Floats

_LARGEST = 1e12  # of a coordinate or a score: sums and products of such stay exact enough to compare
_HELP = "a prediction file is the picture's name, the count of boxes, and as many lines: left top width height score"


def read_predictions(folder: Path, names: Iterable[str]) -> tuple[list[Floats | None], int]:
    """The boxes of every picture ``EVENT/NAME``, (n, 5) in the order of the file, None where there is no file.

    Besides, how many ``.txt`` files of the events belong to no picture. Raises UsageError with file and line.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}", help="it holds EVENT/NAME.txt for each picture")
    wanted = [*names]
    known = {f"{name}.txt" for name in wanted}
    there = {f"{file.parent.name}/{file.name}" for file in folder.glob("*/*.txt")}
    found = [read_boxes(folder / f"{name}.txt") if f"{name}.txt" in there else None for name in wanted]
    return found, len(there - known)


def read_boxes(file: Path) -> Floats:
    """The boxes of one prediction file, (n, 5); raises UsageError with the line that is not as it must be."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"it cannot be read: {error}", where=str(file), help=_HELP) from error
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) < 2:
        raise UsageError("it ends before the count of boxes", where=f"{file}:{len(lines) or 1}", help=_HELP)
    count = lines[1].strip()
    if not (count.isascii() and count.isdigit()) or len(count) > 9:
        raise UsageError(f"{count[:80]!r} is no count of boxes", where=f"{file}:2", help=_HELP)
    rows = [line.split()[:5] for line in lines[2:]]
    if len(rows) != int(count):
        raise UsageError(
            f"line 2 says {int(count):,} boxes, and {len(rows):,} follow", where=f"{file}:{len(lines)}", help=_HELP
        )
    if not rows:
        return np.zeros((0, 5))
    try:
        boxes = np.array(rows, dtype=np.float64)
    except ValueError:
        boxes = np.zeros((0, 0))
    if boxes.shape != (len(rows), 5) or not (np.abs(boxes) < _LARGEST).all():
        place = next((k for k, row in enumerate(rows) if not _is_box(row)), 0)
        raise UsageError(f"{lines[place + 2][:80]!r} is no box with a score", where=f"{file}:{place + 3}", help=_HELP)
    return boxes


def _is_box(row: Sequence[str]) -> bool:
    try:
        numbers = [float(word) for word in row]
    except ValueError:
        return False
    return len(numbers) == 5 and all(abs(number) < _LARGEST for number in numbers)


def prediction_text(name: str, boxes: Floats) -> str:
    """The prediction file of the picture ``name`` with ``boxes`` (n, 5); reading it gives the same numbers."""
    lines = [name, str(len(boxes)), *(" ".join(map(repr, row)) for row in boxes.tolist())]
    return "\n".join(lines) + "\n"
