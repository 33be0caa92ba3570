"""The small data set that the repository makes: its format, its boxes, and that it is the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from archscope.cli import main
from archscope.faces.data_set import read_data
from archscope.faces.drawing import draw_face
from archscope.faces.ground_truth import read_ground_truth
from archscope.faces.images import read_image
from archscope.faces.labels import read_labels


def made(folder, *flags):
    words = ["faces", "make", str(folder), "--training", "6", "--validation", "4", "--size", "96", *flags]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made(tmp_path_factory.mktemp("faces") / "set")


@pytest.mark.parametrize(("part", "count"), [("train", 6), ("val", 4)])
def test_every_picture_and_label_of_it_is_in_order(folder, part, count):
    found = read_data(folder, part)
    assert (len(found.samples), found.faults) == (count, ())
    assert found.faces >= count
    for sample in found.samples:
        assert read_image(sample.file).shape == (96, 96, 3)
        assert sample.labels.known.all()
        low, high = sample.labels.boxes[:, None, :2], sample.labels.boxes[:, None, 2:]
        assert ((sample.labels.landmarks >= low - 1) & (sample.labels.landmarks <= high + 1)).all()


def test_both_formats_say_the_same(folder):
    marked = read_labels(folder / "WIDER_val" / "label.txt").pictures
    split = read_labels(folder / "wider_face_split" / "wider_face_val_bbx_gt.txt").pictures
    assert [picture.path for picture in marked] == [picture.path for picture in split]
    assert all((a.boxes == b.boxes).all() for a, b in zip(marked, split, strict=True))


def test_the_ground_truth_holds_the_labels_and_larger_faces_are_easier(folder):
    labels = {picture.path: picture.boxes for picture in read_labels(folder / "WIDER_val" / "label.txt").pictures}
    pictures = read_ground_truth(folder / "ground_truth")
    assert {f"{picture.path}.jpg" for picture in pictures} == labels.keys()
    for picture in pictures:
        sides = labels[f"{picture.path}.jpg"][:, 2:] - labels[f"{picture.path}.jpg"][:, :2]
        assert picture.boxes[:, 2:].tolist() == sides.tolist()
        counted = [set(picture.counted[name].tolist()) for name in ("easy", "medium", "hard")]
        assert counted[0] <= counted[1] <= counted[2]


def test_a_drawn_face_fills_its_box():
    generator = np.random.default_rng(4)
    for _ in range(20):
        image = np.zeros((120, 120, 3))
        box, points = draw_face(image, (30, 25, 80, 90), generator)
        rows, columns = np.nonzero(image.sum(-1) > 30)
        extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert extent == pytest.approx(box.tolist(), abs=1.6)
        assert points[0, 0] < points[1, 0]
        for x, y in points:
            assert image[int(y), int(x)].sum() < 0.75 * image[int(box[1] + box[3]) // 2, int(box[0]) + 6].sum()


def test_the_same_seed_makes_the_same_files(folder, tmp_path):
    again, other = made(tmp_path / "again"), made(tmp_path / "other", "--seed", "1")
    files = [file.relative_to(folder) for file in folder.rglob("*.jpg")]
    assert len(files) == 10
    assert all((folder / file).read_bytes() == (again / file).read_bytes() for file in files)
    assert any((folder / file).read_bytes() != (other / file).read_bytes() for file in files)


def test_a_folder_that_is_not_empty_is_left_alone(folder):
    result = CliRunner().invoke(main, ["faces", "make", str(folder)])
    assert result.exit_code == 2
    assert "not empty" in result.stderr
