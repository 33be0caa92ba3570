"""The labels of WIDER FACE in the two formats that people have on disk, and what is wrong with them.

RetinaFace's ``label.txt``: a line ``# EVENT/NAME.jpg``, then a line for each face: left, top, width, height, five times
x, y and a flag, and a number for the blur. Landmarks that are not known are -1; a face may also end after its box.

The data set's own ``wider_face_split`` text: a line ``EVENT/NAME.jpg``, a line with the number of faces, then a line
for each: left, top, width, height, blur, expression, illumination, invalid, occlusion, pose. Where there is no face, a
line of zeros follows all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from archscope.errors import UsageError
from archscope.faces.ground_truth import Floats

POINTS = 5
_SPLIT, _BOX, _MARKED = 10, 4, (19, 20)  # numbers on a line of each kind
_INVALID = 7  # the place of the flag on a line of the split
_LARGEST = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """A picture and its faces: ``boxes`` (n, 4) as left, top, right, bottom, ``landmarks`` (n, 5, 2), in pixels.

    ``known`` (n,) says whether a face's landmarks are. ``where`` is the ``file:line`` that names the picture;
    ``invalid`` counts the faces that the data set itself marks as such, which are not among ``boxes``.
    """

    path: str
    where: str
    boxes: Floats
    landmarks: Floats
    known: NDArray[np.bool_]
    invalid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong with the data: what, and the ``file:line`` behind it."""

    what: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The pictures of a label file that can be used, and all that is wrong with it.

    A face without a size is left out, a picture with a line that cannot be read is left out whole: what was on that
    line would else be trained as background.
    """

    pictures: tuple[LabelledPicture, ...]
    faults: tuple[Fault, ...]


def find_labels(data: Path, part: str) -> Path:
    """The label file of ``part`` (train or val) below a data folder, one with landmarks first.

    Raises UsageError with the places that were looked at.
    """
    places = (
        data / f"WIDER_{part}" / "label.txt",
        data / part / "label.txt",
        data / "wider_face_split" / f"wider_face_{part}_bbx_gt.txt",
    )
    for place in places:
        if place.is_file():
            return place
    raise UsageError(
        f"there are no labels for {part} in {data}",
        help="looked for " + ", ".join(place.relative_to(data).as_posix() for place in places),
    )


def read_labels(file: Path) -> Labels:
    """What ``file`` says, in either format; raises UsageError when it cannot be read at all or names no picture."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"it cannot be read: {error}", where=str(file), help="name a label file") from error
    first = next((line for line in lines if line.strip()), "")
    found = [*(_retinaface(lines, file) if first.startswith("#") else _split(lines, file))]
    labels = Labels(
        pictures=tuple(one for one in found if isinstance(one, LabelledPicture)),
        faults=tuple(one for one in found if isinstance(one, Fault)),
    )
    if not labels.pictures and not labels.faults:
        raise UsageError("it names no picture", where=str(file), help="it is a label.txt or a wider_face_split text")
    return labels


def _retinaface(lines: Sequence[str], file: Path) -> Iterator[LabelledPicture | Fault]:
    name, start, rows = "", 0, list[tuple[int, str]]()
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            if start:
                yield from _picture(name, f"{file}:{start}", rows, file)
            name, start, rows = line[1:].strip(), number, []
        elif line.strip():
            rows.append((number, line))
    if start:
        yield from _picture(name, f"{file}:{start}", rows, file)


def _split(lines: Sequence[str], file: Path) -> Iterator[LabelledPicture | Fault]:
    place = 0
    while place < len(lines):
        name, where = lines[place].strip(), f"{file}:{place + 1}"
        place += 1
        if not name:
            continue
        count = lines[place].strip() if place < len(lines) else ""
        if not (count.isascii() and count.isdigit()) or len(count) > 6:
            yield Fault(what=f"no number of faces follows {name[:80]!r}", where=f"{file}:{place + 1}")
            while place < len(lines) and not _names_a_picture(lines[place]):
                place += 1
            continue
        place += 1
        rows: list[tuple[int, str]] = []
        while place < len(lines) and len(rows) < max(1, int(count)) and not _names_a_picture(lines[place]):
            rows.append((place + 1, lines[place]))
            place += 1
        if int(count) == 0:
            rows = [row for row in rows if row[1].split().count("0") != _SPLIT]
        if len(rows) != int(count):
            yield Fault(what=f"{name[:80]!r} says {int(count)} faces, {len(rows)} follow", where=where)
            continue
        yield from _picture(name, where, rows, file)


def _names_a_picture(line: str) -> bool:
    return "/" in line


def _picture(name: str, where: str, rows: Sequence[tuple[int, str]], file: Path) -> Iterator[LabelledPicture | Fault]:
    """The picture, after what is wrong with it; not the picture when it cannot be used."""
    path = PurePosixPath(name)
    usable = bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    if not usable:
        yield Fault(what=f"{name[:80]!r} is no place below the images", where=where)
    boxes, landmarks, known, invalid = list[tuple[float, ...]](), list[list[list[float]]](), list[bool](), 0
    for number, line in rows:
        face = _face(line)
        if face is None:
            yield Fault(what=f"{line.strip()[:80]!r} is no face", where=f"{file}:{number}")
            usable = False
        elif len(face) == _SPLIT and face[_INVALID]:
            invalid += 1
        elif face[2] <= 0 or face[3] <= 0:
            yield Fault(what=f"a face of {face[2]:g} x {face[3]:g} pixels has no size", where=f"{file}:{number}")
        else:
            left, top, width, height = face[:4]
            boxes.append((left, top, left + width, top + height))
            points = [face[4 + 3 * k : 6 + 3 * k] for k in range(POINTS)] if len(face) in _MARKED else []
            known.append(bool(points) and all(min(point) >= 0 for point in points))
            landmarks.append(points if known[-1] else [[0.0, 0.0]] * POINTS)
    if usable:
        yield LabelledPicture(
            path=name,
            where=where,
            boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
            landmarks=np.array(landmarks, dtype=np.float64).reshape(-1, POINTS, 2),
            known=np.array(known, dtype=bool),
            invalid=invalid,
        )


def _face(line: str) -> list[float] | None:
    """The numbers of a face; None for what is none."""
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        return None
    usable = len(numbers) in {_BOX, _SPLIT, *_MARKED} and all(abs(number) < _LARGEST for number in numbers)
    return numbers if usable else None
