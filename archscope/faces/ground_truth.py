"""The ground truth of WIDER FACE: its four MATLAB files, read with scipy."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archscope.errors import UsageError
from archscope.faces.matlab import read_variables

DIFFICULTIES = ("easy", "medium", "hard")
FACES_FILE = "wider_face_val.mat"
LIST_FILES = {name: f"wider_{name}_val.mat" for name in DIFFICULTIES}
_NAMES = ("event_list", "file_list", "face_bbx_list")
_HELP = "the protocol's own files are in eval_tools/ground_truth of the WIDER FACE evaluation code"

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture with its faces: ``boxes`` (n, 4) in pixels as left, top, width, height.

    ``counted`` holds, for each difficulty, the indices from 0 of the faces that count; the others are neither missed
    nor wrong to find.
    """

    event: str
    name: str
    boxes: Floats
    counted: Mapping[str, Integers]

    @property
    def path(self) -> str:
        """Where its files lie below a folder, without their suffix: ``EVENT/NAME``."""
        return f"{self.event}/{self.name}"


def read_ground_truth(folder: Path) -> tuple[Picture, ...]:
    """The pictures of ``folder``, which holds wider_face_val.mat and wider_{easy,medium,hard}_val.mat, in their order.

    Raises UsageError, with file, event and picture, for files that are missing, unreadable or contradict each other.
    """
    faces_file = folder / FACES_FILE
    wanted = {faces_file: _NAMES} | {folder / file: ("gt_list",) for file in LIST_FILES.values()}
    faces, *others = read_variables(wanted)
    lists = {name: found["gt_list"] for name, found in zip(LIST_FILES, others, strict=True)}
    events = [_text(cell, f"{faces_file}, event_list") for cell in _cells(faces["event_list"])]
    pictures = []
    for place, event in enumerate(events):
        where = f"{faces_file}, event {event!r}"
        names = [_text(cell, where) for cell in _cells(_at(faces["file_list"], place, len(events), where))]
        boxes = _cells(_at(faces["face_bbx_list"], place, len(events), where), len(names), where)
        indices = {}
        for name, table in lists.items():
            here = f"{folder / LIST_FILES[name]}, event {event!r}"
            indices[name] = _cells(_at(table, place, len(events), here), len(names), here)
        for number, picture in enumerate(names):
            found = _boxes(boxes[number], f"{where}, picture {picture!r}")
            counted = {
                name: _indices(cells[number], len(found), f"{folder / LIST_FILES[name]}, {event}/{picture}")
                for name, cells in indices.items()
            }
            pictures.append(Picture(event=event, name=picture, boxes=found, counted=counted))
    return tuple(pictures)


def write_ground_truth(folder: Path, pictures: tuple[Picture, ...]) -> None:
    """Write ``pictures`` as the four files that ``read_ground_truth`` reads."""
    from scipy.io import savemat

    events: dict[str, list[Picture]] = {}
    for picture in pictures:
        events.setdefault(picture.event, []).append(picture)
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        "event_list": _column([*events]),
        "file_list": _column([_column([p.name for p in group]) for group in events.values()]),
    }
    boxes = _column([_column([p.boxes for p in group]) for group in events.values()])
    savemat(folder / FACES_FILE, {**names, "face_bbx_list": boxes}, do_compression=True)
    for name, file in LIST_FILES.items():
        kept = [_column([p.counted[name].reshape(-1, 1) + 1.0 for p in group]) for group in events.values()]
        savemat(folder / file, {**names, "gt_list": _column(kept)}, do_compression=True)


def _column(items: list[Any]) -> NDArray[np.object_]:
    """A cell array of one column."""
    column = np.empty((len(items), 1), dtype=object)
    for place, item in enumerate(items):
        column[place, 0] = item
    return column


def _cells(variable: Any, count: int | None = None, where: str = "") -> list[Any]:
    """The cells of a cell array, or the lines of a matrix of characters; ``count`` of them where it is given."""
    if "cells" in variable:
        cells = variable["cells"]
    elif "text" in variable:
        cells = [{"text": [line]} for line in variable["text"]]
    else:
        cells = [] if variable.get("values") == "" else [variable]
    if count is not None and len(cells) != count:
        raise UsageError(f"it has {len(cells)} entries for {count} pictures", where=where, help=_HELP)
    return [*cells]


def _at(variable: Any, place: int, count: int, where: str) -> Any:
    cells = _cells(variable)
    if len(cells) != count:
        raise UsageError(f"it has {len(cells)} entries for {count} events", where=where, help=_HELP)
    return cells[place]


def _unwrapped(cell: Any) -> Any:
    """What is in a cell, or in a cell in it."""
    while len(cell.get("cells", ())) == 1:
        cell = cell["cells"][0]
    return cell


def _text(cell: Any, where: str) -> str:
    """A name, out of the cells around it; it must name a file in a folder, and no other place."""
    lines = _unwrapped(cell).get("text", ())
    text = lines[0].rstrip() if len(lines) == 1 else ""
    if not text or text in {".", ".."} or any(letter in text for letter in "/\\\0"):
        told = repr(text[:80]) if text else "what is there"
        raise UsageError(f"{told} is no name of an event or of a picture", where=where, help=_HELP)
    return text


def _numbers(cell: Any, where: str) -> Floats:
    inner = _unwrapped(cell)
    if inner.get("cells") == [] or inner.get("text") == []:  # as empty as an empty matrix
        return np.zeros(0)
    if "values" not in inner:
        raise UsageError("it holds something else where numbers belong", where=where, help=_HELP)
    stored = np.frombuffer(base64.b64decode(inner["values"]), dtype=inner["dtype"])
    numbers = stored.astype(np.float64).reshape(inner["shape"])
    if not np.isfinite(numbers).all():
        raise UsageError("it holds numbers that are not finite", where=where, help=_HELP)
    return numbers if numbers.size else np.zeros(0)


def _boxes(cell: Any, where: str) -> Floats:
    numbers = _numbers(cell, where)
    if not numbers.size:
        return np.zeros((0, 4))
    if numbers.ndim != 2 or numbers.shape[1] != 4:
        raise UsageError(f"boxes are (n, 4), these are {numbers.shape}", where=where, help=_HELP)
    return numbers


def _indices(cell: Any, count: int, where: str) -> Integers:
    numbers = _numbers(cell, where).ravel()
    indices = numbers.astype(np.int64)
    wrong = (indices != numbers) | (indices < 1) | (indices > count)
    if wrong.any():
        raise UsageError(f"face {numbers[wrong][0]:g} of {count}: indices count from 1", where=where, help=_HELP)
    return indices - 1
