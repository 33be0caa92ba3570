"""Pictures that would fill the memory are errors of the file, large ones that are real are not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from archscope.errors import UsageError
from archscope.faces.images import read_image

Image = pytest.importorskip("PIL.Image")


def test_a_small_file_of_many_pixels_is_not_decoded(tmp_path):
    file = tmp_path / "bomb.png"
    Image.new("1", (9_000, 9_000)).save(file)
    assert file.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(UsageError, match="81,000,000 pixels"):
        read_image(file)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_a_large_picture_with_something_in_it_is_read(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (500, 700, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((5_600, 4_000))
    picture.save(tmp_path / "large.jpg", quality=50)
    assert read_image(tmp_path / "large.jpg").shape == (4_000, 5_600, 3)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(/tmp/out) (w) file closefile showpage\n"


def test_a_picture_that_is_a_program_is_not_run(tmp_path):
    (tmp_path / "x.png").write_bytes(EPS)
    with pytest.raises(UsageError, match="cannot identify image file"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_pictures_as_data_sets_have_them_are_read(tmp_path, form):
    Image.new("RGB", (6, 4), (200, 200, 200)).save(tmp_path / "x", form)
    read = read_image(tmp_path / "x")
    assert read.shape == (4, 6, 3)
    assert abs(read.astype(int) - 200).max() < 3
