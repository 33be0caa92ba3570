"""Reading pictures, and drawing found faces on them (Pillow)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archscope.errors import UsageError, raised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image

    from archscope.results.detection import Face

Pixels: TypeAlias = NDArray[np.uint8]
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")  # of the landmarks: eyes, nose, corners of the mouth
_BOX = "#D55E00"
_PIXELS, _PER_BYTE = 16_000_000, 30  # of any picture, and of what a photograph compresses to
#: What is read. Others are left to tools of their own: an EPS is a program that Ghostscript would run.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_TWICE = {"WEBP"}  # their decoder holds a picture twice


def read_image(file: Path) -> Pixels:
    """The picture in ``file`` as (height, width, 3) in RGB, turned as its camera says.

    It is a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM. Raises UsageError for a file that is missing or does not decode.
    """
    return np.asarray(open_image(file), dtype=np.uint8)


def open_image(file: Path) -> Image:
    """The same as Pillow holds it."""
    from PIL import Image, ImageOps

    if not file.is_file():
        raise UsageError(f"there is no picture {str(file)[:300]!r}", help="the path is taken from the current folder")
    try:
        with Image.open(file, formats=_FORMATS) as image:
            _require_pixels(image, file.stat().st_size)
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:
        raise UsageError(
            f"the picture does not decode: {raised(error)}", where=str(file), help="fetch it again, or leave it out"
        ) from error


def _require_pixels(image: Image, nbytes: int) -> None:
    pixels, most = image.width * image.height, _PIXELS // 2 if image.format in _TWICE else _PIXELS
    if pixels > max(most, _PER_BYTE * nbytes):
        raise ValueError(f"it says {pixels:,} pixels, more than a file of {nbytes:,} bytes holds")


def drawn(image: Image, faces: Iterable[Face], suffix: str) -> bytes:
    """``image`` with a frame, a score and five points for each face, encoded as ``suffix`` (.png, .jpg) says."""
    from PIL import Image, ImageDraw

    image = image.copy()
    pen = ImageDraw.Draw(image)
    line = max(1, round(max(image.size) / 400))
    for face in faces:
        left, top, right, bottom = face.box
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=_BOX, width=line)
        pen.text((left + line, top + line), f"{face.score:.2f}", fill=_BOX)
        for color, (x, y) in zip(_COLORS, face.landmarks, strict=True):
            pen.ellipse((x - line, y - line, x + line, y + line), fill=color)
    form = Image.registered_extensions().get(suffix.lower())
    if form not in {"PNG", "JPEG", "WEBP", "BMP"}:
        raise UsageError(f"no picture is written as {suffix or 'a file without a suffix'!r}", help="name a .png file")
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()
