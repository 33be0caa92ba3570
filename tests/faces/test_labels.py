"""WIDER FACE's labels in both formats, and what is said of broken ones: file, line, and how many."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from archscope.cli import main
from archscope.errors import UsageError
from archscope.faces.data_set import read_data, usable
from archscope.faces.labels import read_labels

MARKED = """\
# 0--Parade/a.jpg
10 20 30 40 11.5 22 0.0 13 24 0.0 15 26 0.0 17 28 0.0 19 30 0.0 0.82
50 20 8 9 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 0.2
# 0--Parade/b.jpg
1 2 3 4
# 1--Handshaking/none.jpg
"""
SPLIT = """\
0--Parade/a.jpg
2
10 20 30 40 0 0 0 0 0 0
50 20 0 0 2 0 0 1 2 0
0--Parade/none.jpg
0
0 0 0 0 0 0 0 0 0 0
1--Handshaking/b.jpg
1
1 2 3 4 0 0 0 0 0 0
"""


def read(folder, text):
    (folder / "label.txt").write_text(text)
    return read_labels(folder / "label.txt")


def test_labels_of_retinaface_give_boxes_and_landmarks(tmp_path):
    labels = read(tmp_path, MARKED)
    assert not labels.faults
    first, second, none = labels.pictures
    assert [picture.path for picture in labels.pictures] == [
        "0--Parade/a.jpg",
        "0--Parade/b.jpg",
        "1--Handshaking/none.jpg",
    ]
    assert first.boxes.tolist() == [[10, 20, 40, 60], [50, 20, 58, 29]]
    assert first.known.tolist() == [True, False]
    assert first.landmarks[0].tolist() == [[11.5, 22], [13, 24], [15, 26], [17, 28], [19, 30]]
    assert second.boxes.tolist() == [[1, 2, 4, 6]]
    assert second.known.tolist() == [False]
    assert (none.boxes.shape, none.landmarks.shape, none.known.shape) == ((0, 4), (0, 5, 2), (0,))
    assert none.where.endswith("label.txt:6")


def test_the_text_of_the_data_set_gives_boxes_and_leaves_out_what_it_marks_invalid(tmp_path):
    labels = read(tmp_path, SPLIT)
    assert not labels.faults
    first, none, last = labels.pictures
    assert first.boxes.tolist() == [[10, 20, 40, 60]]
    assert (first.invalid, none.invalid) == (1, 0)
    assert none.boxes.shape == (0, 4)
    assert last.path == "1--Handshaking/b.jpg"
    assert last.where.endswith("label.txt:8")


@pytest.mark.parametrize(
    ("text", "line", "said", "left"),
    [
        (MARKED.replace("1 2 3 4", "1 2 three 4"), 5, "is no face", 2),
        (MARKED.replace("1 2 3 4", "1 2 3"), 5, "is no face", 2),
        (MARKED.replace("1 2 3 4", "1 2 nan 4"), 5, "is no face", 2),
        (MARKED.replace("1 2 3 4", "1 2 0 4"), 5, "no size", 3),
        (MARKED.replace("1 2 3 4", "1 2 3 -4"), 5, "no size", 3),
        (MARKED.replace("0--Parade/b", "../b"), 4, "no place", 2),
        (MARKED.replace("0--Parade/b", "/b"), 4, "no place", 2),
        (MARKED.replace("# 0--Parade/b.jpg", "#"), 4, "no place", 2),
        (SPLIT.replace("1 2 3 4 0 0 0 0 0 0", "1 2 3 4 x 0 0 0 0 0"), 10, "is no face", 2),
        (SPLIT.replace("1 2 3 4 0 0 0 0 0 0", "1 2 0 4 0 0 0 0 0 0"), 10, "no size", 3),
        (SPLIT.replace("a.jpg\n2\n", "a.jpg\n3\n"), 1, "says 3 faces, 2 follow", 2),
        (SPLIT.replace("a.jpg\n2\n", "a.jpg\ntwo\n"), 2, "no number of faces", 2),
        (SPLIT.replace("1\n1 2 3 4 0 0 0 0 0 0\n", ""), 9, "no number of faces", 2),
    ],
)
def test_what_is_broken_is_named_with_its_line_and_the_rest_is_read(tmp_path, text, line, said, left):
    labels = read(tmp_path, text)
    assert [fault.where.rpartition(":")[2] for fault in labels.faults] == [str(line)]
    assert said in labels.faults[0].what
    assert len(labels.pictures) == left


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xff"])
def test_a_file_that_names_no_picture_is_an_error(tmp_path, content):
    (tmp_path / "label.txt").write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_labels(tmp_path / "label.txt")
    assert "label.txt" in error.value.where


@pytest.fixture
def data(tmp_path):
    """A data folder with two pictures of 64 x 64 pixels and one without a face."""
    images = tmp_path / "WIDER_train" / "images"
    for path in ("0--Parade/a.jpg", "0--Parade/b.jpg", "1--Handshaking/none.jpg"):
        (images / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(images / path)
    (tmp_path / "WIDER_train" / "label.txt").write_text(MARKED)
    return tmp_path


def test_a_data_folder_in_order_has_no_faults(data):
    found = read_data(data, "train")
    assert (len(found.samples), found.faces, found.faults) == (3, 3, ())


def test_labels_with_landmarks_come_before_those_without(data):
    (data / "wider_face_split").mkdir()
    (data / "wider_face_split" / "wider_face_train_bbx_gt.txt").write_text(SPLIT)
    assert read_data(data, "train").labels.name == "label.txt"
    (data / "WIDER_train" / "label.txt").unlink()
    (data / "WIDER_train" / "images" / "0--Parade" / "none.jpg").touch()
    assert read_data(data, "train", decode=False).labels.name == "wider_face_train_bbx_gt.txt"


def broken(data):
    """A missing picture, one that does not decode, one whose face lies outside."""
    images = data / "WIDER_train" / "images"
    (images / "0--Parade" / "b.jpg").unlink()
    (images / "1--Handshaking" / "none.jpg").write_bytes(b"no picture")
    Image.fromarray(np.zeros((64, 40, 3), np.uint8)).save(images / "0--Parade" / "a.jpg")
    return read_data(data, "train")


def test_missing_pictures_those_that_do_not_decode_and_faces_outside_are_named(data):
    found = broken(data)
    assert found.samples == ()
    told = {fault.where.rpartition(":")[2]: fault.what for fault in found.faults}
    assert "outside the 40 x 64 pixels" in told["1"]
    assert "there is no picture" in told["4"]
    assert "does not decode" in told["6"]


def test_faults_stop_everything_unless_they_are_to_be_skipped(data):
    (data / "WIDER_train" / "images" / "0--Parade" / "b.jpg").unlink()
    found = read_data(data, "train")
    with pytest.raises(UsageError, match=r"(?s)1 faults.*label\.txt:4: there is no picture"):
        usable(found, skip=False)
    assert len(usable(found, skip=True)) == 2


def test_nothing_left_is_an_error(data):
    with pytest.raises(UsageError, match="no picture to learn from"):
        usable(broken(data), skip=True)


def test_the_command_tells_all_faults_and_fails(data):
    assert CliRunner().invoke(main, ["faces", "check", str(data)]).exit_code == 0
    broken(data)
    result = CliRunner().invoke(main, ["faces", "check", str(data)])
    assert result.exit_code == 1
    for line in (1, 4, 6):
        assert f"label.txt:{line}: " in result.stdout


def test_a_folder_without_labels_says_where_it_looked(tmp_path):
    result = CliRunner().invoke(main, ["faces", "check", str(tmp_path)])
    assert result.exit_code == 2
    assert "WIDER_train/label.txt" in result.stderr
    assert "wider_face_split/wider_face_train_bbx_gt.txt" in result.stderr
