"""The four MATLAB files of WIDER FACE: what they may look like, and what is said of broken ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat
from wider import LISTS, cells, write_truth

from archscope.errors import UsageError
from archscope.faces.ground_truth import Picture, read_ground_truth, write_ground_truth

TRUTH = {
    "0--Parade": {"a_1": ([[1, 2, 3, 4], [5, 6, 7, 8]], {"easy": [2], "medium": [1, 2], "hard": [1, 2]})},
    "1--Handshaking": {"b_1": ([], dict.fromkeys(LISTS, ())), "b_2": ([[9, 9, 9, 9]], dict.fromkeys(LISTS, (1,)))},
}


def test_events_pictures_boxes_and_indices_come_as_they_are(tmp_path):
    write_truth(tmp_path, TRUTH)
    pictures = read_ground_truth(tmp_path)
    assert [picture.path for picture in pictures] == ["0--Parade/a_1", "1--Handshaking/b_1", "1--Handshaking/b_2"]
    assert pictures[0].boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert {name: pictures[0].counted[name].tolist() for name in LISTS} == {
        "easy": [1],
        "medium": [0, 1],
        "hard": [0, 1],
    }
    assert pictures[1].boxes.shape == (0, 4)
    assert [len(pictures[1].counted[name]) for name in LISTS] == [0, 0, 0]


def test_what_we_write_is_read_back(tmp_path):
    counted = {"easy": np.array([1]), "medium": np.array([], int), "hard": np.array([0, 1])}
    written = (
        Picture(event="e", name="one", boxes=np.array([[1.5, 2, 3, 4], [5, 6, 7, 8]]), counted=counted),
        Picture(event="e", name="no-face", boxes=np.zeros((0, 4)), counted=dict.fromkeys(LISTS, np.zeros(0, int))),
    )
    write_ground_truth(tmp_path, written)
    for before, after in zip(written, read_ground_truth(tmp_path), strict=True):
        assert before.path == after.path
        assert before.boxes.tolist() == after.boxes.tolist()
        assert all(before.counted[name].tolist() == after.counted[name].tolist() for name in LISTS)


def test_rows_in_place_of_columns_and_a_matrix_of_characters_are_read_too(tmp_path):
    pictures = np.array([["a", "b"]], dtype=object)
    boxes = np.empty((1, 2), dtype=object)
    boxes[0, 0], boxes[0, 1] = np.array([[1, 2, 3, 4]], np.uint8), np.zeros((0, 0))
    savemat(
        tmp_path / "wider_face_val.mat",
        {"event_list": np.array(["short"]), "file_list": cells([pictures]), "face_bbx_list": cells([boxes])},
    )
    indices = np.empty((1, 2), dtype=object)
    indices[0, 0], indices[0, 1] = np.array([[1]], np.uint8), np.zeros((0, 1), np.uint8)
    for name in LISTS:
        savemat(tmp_path / f"wider_{name}_val.mat", {"gt_list": cells([indices])})
    found = read_ground_truth(tmp_path)
    assert [(picture.path, len(picture.boxes)) for picture in found] == [("short/a", 1), ("short/b", 0)]


def change(folder, file, **variables):
    """The file anew, with other variables."""
    savemat(folder / file, variables)


@pytest.mark.parametrize(
    ("file", "variables", "said"),
    [
        ("wider_easy_val.mat", {"gt_list": cells([cells([np.array([[3]])]), cells([np.zeros(0), np.ones(1)])])}, "a_1"),
        ("wider_easy_val.mat", {"gt_list": cells([cells([np.array([[0]])]), cells([np.zeros(0), np.ones(1)])])}, "a_1"),
        ("wider_hard_val.mat", {"gt_list": cells([cells([np.array([[1.5]])]), cells([[], [1]])])}, "a_1"),
        ("wider_hard_val.mat", {"gt_list": cells([cells([np.ones(1)])])}, "2 events"),
        ("wider_hard_val.mat", {"gt_list": cells([cells([np.ones(1)]), cells([np.zeros(0)])])}, "2 pictures"),
        ("wider_hard_val.mat", {"other": 1}, "gt_list"),
        ("wider_face_val.mat", {"event_list": cells(["../x"]), "file_list": cells([]), "face_bbx_list": 1}, "'../x'"),
        ("wider_face_val.mat", {"event_list": cells([7]), "file_list": cells([]), "face_bbx_list": 1}, "no name"),
    ],
)
def test_files_that_contradict_each_other_are_named(tmp_path, file, variables, said):
    write_truth(tmp_path, TRUTH)
    change(tmp_path, file, **variables)
    with pytest.raises(UsageError) as error:
        read_ground_truth(tmp_path)
    assert file in error.value.where
    assert said in str(error.value)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file", b"\x89HDF\r\n\x1a\n" + bytes(600), bytes(600)])
def test_what_is_no_matlab_file_is_named(tmp_path, content):
    write_truth(tmp_path, TRUTH)
    (tmp_path / "wider_medium_val.mat").write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_ground_truth(tmp_path)
    assert "wider_medium_val.mat" in error.value.where


def test_a_truncated_file_is_named(tmp_path):
    write_truth(tmp_path, TRUTH)
    file = tmp_path / "wider_face_val.mat"
    whole = file.read_bytes()
    for size in (130, len(whole) // 2, len(whole) - 9):
        file.write_bytes(whole[:size])
        with pytest.raises(UsageError):
            read_ground_truth(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    write_truth(tmp_path, TRUTH)
    (tmp_path / "wider_hard_val.mat").unlink()
    with pytest.raises(UsageError, match=r"no wider_hard_val\.mat"):
        read_ground_truth(tmp_path)


def test_a_file_that_ends_the_process_that_reads_it_is_named(tmp_path):
    write_truth(tmp_path, TRUTH)
    file = tmp_path / "wider_face_val.mat"
    whole = bytearray(file.read_bytes())
    whole[220:224] = (1).to_bytes(4, "little")  # an array of another type within: scipy 1.17 reads beyond its memory
    file.write_bytes(whole)
    with pytest.raises(UsageError, match=r"damaged|can be read") as error:
        read_ground_truth(tmp_path)
    assert "wider_face_val.mat" in error.value.where


def test_the_current_folder_has_no_say_in_how_files_are_read(tmp_path, monkeypatch):
    write_truth(tmp_path, TRUTH)
    (tmp_path / "scipy.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    assert len(read_ground_truth(tmp_path)) == 3
