"""A small data set in the format of WIDER FACE: drawn faces and one photographed one, on photographed ground.

The ground is cut from pictures that scikit-image ships: brick, grass and gravel (CC0, cc0textures.com), coffee (CC0,
Rachel Michetti), rocket (SpaceX, public domain); their left halves for training, their right ones for validation. The
photographed face is the astronaut's (NASA, public domain). scikit-image's faces of LFW are not used: they come with no
licence. It ranks detectors that are trained alike, and says nothing about photographs of people.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from archscope.errors import UsageError
from archscope.faces.drawing import draw_distractor, draw_face
from archscope.faces.ground_truth import Floats, Picture, write_ground_truth
from archscope.files import write_files

EVENTS = ("0--Drawn", "1--Drawn_And_Astronaut")
_GROUND = ("brick", "grass", "gravel", "coffee", "rocket")
_HEAD = (152, 12, 304, 182)  # of the astronaut: left, top, right, bottom of what is pasted,
_FACE = (181.0, 67.0, 270.0, 178.0)  # of the face in it,
_MARKS = np.array([[203.2, 100.8], [247.0, 102.8], [223.8, 126.3], [205.5, 141.5], [243.0, 142.5]])
_SMALLEST = {"easy": 40.0, "medium": 24.0, "hard": 10.0}  # height in pixels of the faces that count


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A picture with its faces: boxes (n, 4) as left, top, right, bottom, and landmarks (n, 5, 2)."""

    event: str
    name: str
    image: Floats
    boxes: Floats
    landmarks: Floats


def make_small_set(folder: Path, *, training: int = 480, validation: int = 120, size: int = 160, seed: int = 0) -> None:
    """Write a data folder with so many pictures of ``size`` x ``size`` pixels: WIDER_train, WIDER_val, ground_truth.

    Labels are written in both formats. Raises UsageError when the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", help="name a new folder")
    files: dict[Path, bytes] = {}
    kept: list[Picture] = []
    for part, count in (("train", training), ("val", validation)):
        marks, split = [], []
        for number in range(count):
            scene = make_scene(part, number, size, np.random.default_rng((seed, part == "val", number)))
            place = f"{scene.event}/{scene.name}.jpg"
            files[folder / f"WIDER_{part}" / "images" / place] = _jpeg(scene.image)
            marks += [f"# {place}", *map(_marked_line, scene.boxes, scene.landmarks)]
            split += [place, str(len(scene.boxes)), *map(_split_line, scene.boxes)]
            if part == "val":
                kept.append(_truth(scene))
        files[folder / f"WIDER_{part}" / "label.txt"] = _text(marks)
        files[folder / "wider_face_split" / f"wider_face_{part}_bbx_gt.txt"] = _text(split)
    write_files(files)
    write_ground_truth(folder / "ground_truth", tuple(sorted(kept, key=lambda picture: picture.event)))


def make_scene(part: str, number: int, size: int, generator: Generator) -> Scene:
    """One picture of ``part`` (train or val): one to four faces, drawn ones or the astronaut's, among what is none."""
    image = _ground(part, size, generator)
    photographed = number % len(EVENTS)
    boxes: list[Floats] = []
    landmarks: list[Floats] = []
    for _ in range(generator.integers(0, 4)):
        draw_distractor(image, next(_places(size, [], generator)), generator)
    for turn in range(generator.integers(1, 5)):
        place = next(_places(size, boxes, generator), None)
        if place is None:
            continue
        paste = _paste_astronaut if photographed and not turn else draw_face
        box, points = paste(image, place, generator)
        boxes.append(box)
        landmarks.append(points)
    image += generator.normal(0, generator.uniform(0, 6), image.shape)
    return Scene(
        event=EVENTS[photographed],
        name=f"{photographed}_{part}_{number}",
        image=image.clip(0, 255),
        boxes=np.array(boxes).reshape(-1, 4),
        landmarks=np.array(landmarks).reshape(-1, 5, 2),
    )


def _places(size: int, taken: list[Floats], generator: Generator) -> Iterator[tuple[float, float, float, float]]:
    """Places for a face inside the picture that touch none of those taken; ten tries."""
    for attempt in range(10):
        width = min(10 * 2 ** generator.uniform(0, 2.8), 0.45 * size) * 0.9**attempt
        height = width * generator.uniform(1.1, 1.35)
        room = 0.1 * height  # a turned face reaches farther
        left, top = generator.uniform(room, size - room - np.array([width, height]))
        box = (left, top, left + width, top + height)
        apart = [
            box[0] - room > b[2] or box[2] + room < b[0] or box[1] - room > b[3] or box[3] + room < b[1] for b in taken
        ]
        if all(apart):
            yield box


def _paste_astronaut(
    image: Floats, box: tuple[float, float, float, float], generator: Generator
) -> tuple[Floats, Floats]:
    """Her head, so large that the face is as high as ``box``, inside the picture; the face's box and its landmarks."""
    from PIL import Image

    scale = (box[3] - box[1]) / (_FACE[3] - _FACE[1])
    left, top, right, bottom = _HEAD
    size = max(2, round((right - left) * scale)), max(2, round((bottom - top) * scale))
    head = _picture("astronaut")[top:bottom, left:right]
    small = np.asarray(Image.fromarray(head.astype(np.uint8)).resize(size), dtype=np.float64)
    factor = np.array(size) / (right - left, bottom - top)
    corner = np.round(np.array(box[:2]) - (np.array(_FACE[:2]) - (left, top)) * factor)
    corner = corner.clip(0, np.maximum(0, np.array(image.shape[1::-1]) - size)).astype(int)
    y, x = np.mgrid[: size[1], : size[0]]
    away = ((x + 0.5) / size[0] * 2 - 1) ** 2 + ((y + 0.5) / size[1] * 2 - 1) ** 2
    edge = np.clip((1 - away) * min(size) / 4, 0, 1)[..., None]
    bright = small * generator.uniform(0.7, 1.15)
    part = image[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]]
    inside = np.s_[: part.shape[0], : part.shape[1]]
    part[:] = (edge * bright)[inside] + (1 - edge)[inside] * part
    face = (np.array(_FACE).reshape(2, 2) - (left, top)) * factor + corner
    return face.ravel(), (_MARKS - (left, top)) * factor + corner


def _ground(part: str, size: int, generator: Generator) -> Floats:
    """A piece of one of the pictures, as light as chance has it."""
    whole = _picture(_GROUND[generator.integers(len(_GROUND))])
    middle = whole.shape[1] // 2
    half = whole[:, :middle] if part == "train" else whole[:, middle:]
    most = min(*half.shape[:2], 2 * size)
    side = int(generator.integers(min(size // 2, most), most + 1))
    top, left = (int(generator.integers(0, extent - side + 1)) for extent in half.shape[:2])
    from PIL import Image

    piece = Image.fromarray(half[top : top + side, left : left + side].astype(np.uint8)).resize((size, size))
    light: Floats = np.asarray(piece, dtype=np.float64) * generator.uniform(0.6, 1.2)
    return light.clip(0, 255)


@cache
def _picture(name: str) -> Floats:
    """A picture of scikit-image, in colour."""
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise UsageError(
            "making pictures needs scikit-image, which ships the ground", help="pip install 'archscope-torch[train]'"
        ) from error
    pixels = np.asarray(getattr(data, name)(), dtype=np.float64)
    return pixels[..., :3] if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _truth(scene: Scene) -> Picture:
    heights = scene.boxes[:, 3] - scene.boxes[:, 1]
    left_top = np.round(scene.boxes[:, :2])
    return Picture(
        event=scene.event,
        name=scene.name,
        boxes=np.concatenate((left_top, np.round(scene.boxes[:, 2:]) - left_top), 1),
        counted={name: np.nonzero(heights >= smallest)[0] for name, smallest in _SMALLEST.items()},
    )


def _box_words(box: Floats) -> str:
    left, top, right, bottom = np.round(box).astype(int).tolist()
    return f"{left} {top} {right - left} {bottom - top}"


def _marked_line(box: Floats, points: Floats) -> str:
    marks = " ".join(f"{x:.3f} {y:.3f} 0.0" for x, y in points.tolist())
    return f"{_box_words(box)} {marks} 0.0"


def _split_line(box: Floats) -> str:
    return f"{_box_words(box)} 0 0 0 0 0 0 "


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _jpeg(image: Floats) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.round(image).astype(np.uint8)).save(out, "JPEG", quality=92)
    return out.getvalue()
