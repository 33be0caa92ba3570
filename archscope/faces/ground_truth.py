"""The ground truth of WIDER FACE: its four MATLAB files, read with scipy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archscope.errors import UsageError, raised

DIFFICULTIES = ("easy", "medium", "hard")
FACES_FILE = "wider_face_val.mat"
LIST_FILES = {name: f"wider_{name}_val.mat" for name in DIFFICULTIES}
_LARGEST = 1 << 26  # bytes of a file; those of the data set have 2 MB
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
    faces = _load(faces_file, "event_list", "file_list", "face_bbx_list")
    lists = {name: _load(folder / file, "gt_list")["gt_list"] for name, file in LIST_FILES.items()}
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


def _load(file: Path, *names: str) -> Mapping[str, NDArray[Any]]:
    """The variables called ``names`` of a MATLAB file."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise UsageError(
            "reading MATLAB files needs scipy", help="pip install 'archscope-torch[evaluate]', or scipy alone"
        ) from error

    if not file.is_file():
        raise UsageError(f"there is no {file.name}", where=str(file.parent), help=_HELP)
    if file.stat().st_size > _LARGEST:
        raise UsageError(f"it is larger than {_LARGEST:,} bytes", where=str(file), help=_HELP)
    try:
        found = loadmat(file, variable_names=names)
    except NotImplementedError as error:
        raise UsageError(
            "it is of MATLAB's version 7.3, which is another format", where=str(file), help="save it with -v7"
        ) from error
    except Exception as error:
        raise UsageError(f"not a MATLAB file that can be read: {raised(error)}", where=str(file), help=_HELP) from error
    missing = [name for name in names if not isinstance(found.get(name), np.ndarray)]
    if missing:
        raise UsageError(f"it holds no {' and no '.join(missing)}", where=str(file), help=_HELP)
    return found


def _cells(array: Any, count: int | None = None, where: str = "") -> list[Any]:
    """The cells of a cell array, or the lines of a matrix of characters; ``count`` of them where it is given."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "OUS":
        cells = [] if isinstance(array, np.ndarray) and not array.size else [array]
    else:
        cells = [*array.ravel(order="F")]
    if count is not None and len(cells) != count:
        raise UsageError(f"it has {len(cells)} entries for {count} pictures", where=where, help=_HELP)
    return cells


def _at(array: Any, place: int, count: int, where: str) -> Any:
    cells = _cells(array)
    if len(cells) != count:
        raise UsageError(f"it has {len(cells)} entries for {count} events", where=where, help=_HELP)
    return cells[place]


def _text(cell: Any, where: str) -> str:
    """A name, out of the cells around it; it must name a file in a folder, and no other place."""
    while isinstance(cell, np.ndarray) and cell.size == 1:
        cell = cell.item()
    text = str(cell).rstrip() if isinstance(cell, str) else ""
    if not text or text in {".", ".."} or any(letter in text for letter in "/\\\0"):
        raise UsageError(f"{str(cell)[:80]!r} is no name of an event or of a picture", where=where, help=_HELP)
    return text


def _numbers(cell: Any, where: str) -> Floats:
    while isinstance(cell, np.ndarray) and cell.dtype == object and cell.size == 1:
        cell = cell.item()
    array = np.asarray(cell)
    if array.size and array.dtype.kind not in "iufb":
        raise UsageError(f"it holds {array.dtype} where numbers belong", where=where, help=_HELP)
    numbers = array.astype(np.float64) if array.size else np.zeros(0)
    if not np.isfinite(numbers).all():
        raise UsageError("it holds numbers that are not finite", where=where, help=_HELP)
    return numbers


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
