"""Evaluation by the WIDER FACE protocol: each of its rules by hand, and the whole against a plain loop."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import COMMAND
from wider import LISTS, naive_ap, write_predictions, write_truth

from archscope.cli import main
from archscope.faces.ground_truth import Picture
from archscope.faces.predictions import read_boxes
from archscope.faces.protocol import judge

ALL = {name: [1] for name in LISTS}


def evaluated(folder, truth, predictions, *flags):
    """The JSON of the command."""
    write_truth(folder / "truth", truth)
    (folder / "found").mkdir()
    write_predictions(folder / "found", predictions)
    words = ["evaluate", "--predictions", str(folder / "found"), "--ground-truth", str(folder / "truth"), "--json", "-"]
    result = CliRunner().invoke(main, [*words, *flags])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def ap(folder, truth, predictions, *flags):
    """The three average precisions."""
    found = evaluated(folder, truth, predictions, *flags)
    return [found[name]["ap"] for name in LISTS]


def test_faces_found_exactly_give_one(tmp_path):
    truth = {"0--Parade": {"a": ([[10, 20, 30, 40]], ALL), "b": ([[0, 0, 9, 9]], ALL)}}
    found = {"0--Parade": {"a": [[10, 20, 30, 40, 0.9]], "b": [[0, 0, 9, 9, 0.8]]}}
    assert ap(tmp_path, truth, found) == [1, 1, 1]


def test_a_prediction_of_nothing_above_every_hit_halves_the_precision(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL)}}
    found = {"e": {"a": [[300, 300, 30, 40, 0.9], [10, 20, 30, 40, 0.5]]}}
    assert ap(tmp_path, truth, found) == [0.5] * 3


def test_a_face_that_does_not_count_is_neither_missed_nor_wrong_to_find(tmp_path):
    counted = {"easy": [1], "medium": [1, 2], "hard": [1, 2]}
    truth = {"e": {"a": ([[10, 20, 30, 40], [100, 20, 30, 40]], counted)}}
    found = {"e": {"a": [[100, 20, 30, 40, 0.9], [100, 20, 30, 40, 0.8], [10, 20, 30, 40, 0.5]]}}
    # easy: only the last prediction counts, and hits. Hard: a hit, its double, a hit: half of it at 1, half at 2 of 3.
    assert ap(tmp_path, truth, found) == pytest.approx([1, 0.5 + 0.5 * 2 / 3, 0.5 + 0.5 * 2 / 3])


def test_a_second_hit_is_wrong(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL), "b": ([[10, 20, 30, 40]], ALL)}}
    found = {"e": {"a": [[10, 20, 30, 40, 0.9], [10, 20, 30, 40, 0.8]], "b": [[10, 20, 30, 40, 0.3]]}}
    assert ap(tmp_path, truth, found) == pytest.approx([0.5 + 0.5 * 2 / 3] * 3)


def test_predictions_of_one_score_are_given_together(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL)}, "f": {"b": ([[10, 20, 30, 40]], ALL)}}
    found = {"e": {"a": [[10, 20, 30, 40, 0.7], [300, 300, 9, 9, 0.7]]}, "f": {"b": [[10, 20, 30, 40, 0.7]]}}
    assert ap(tmp_path, truth, found) == pytest.approx([2 / 3] * 3)


def test_of_equal_scores_on_one_face_the_first_is_the_hit(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL)}}
    found = {"e": {"a": [[10, 20, 30, 40, 0.7], [10, 20, 30, 40, 0.7], [400, 20, 30, 40, 0.1]]}}
    assert evaluated(tmp_path, truth, found)["hard"]["hits"][-1] == 1


def test_a_picture_without_a_prediction_file_counts_as_empty(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL), "b": ([[10, 20, 30, 40]], ALL)}, "f": {"c": ([[1, 1, 9, 9]], ALL)}}
    found = {"e": {"a": [[10, 20, 30, 40, 0.7]], "b": []}, "g": {"stranger": [[1, 1, 9, 9, 0.9]]}}
    result = evaluated(tmp_path, truth, found)
    assert [result[name]["ap"] for name in LISTS] == pytest.approx([1 / 3] * 3)
    assert (result["pictures"], result["predictions"], result["missing"], result["strangers"]) == (3, 1, 1, 1)


def test_predictions_on_a_picture_without_faces_are_not_looked_at(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL), "empty": ([], dict.fromkeys(LISTS, ()))}}
    found = {"e": {"a": [[10, 20, 30, 40, 0.7]], "empty": [[10, 20, 30, 40, 0.9]]}}
    assert ap(tmp_path, truth, found) == [1] * 3


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (19, 1),  # 10 of 20 columns, as a box of width 9 has ten: 0.5 is enough
        (20, 0),  # 10 of 21
    ],
)
def test_the_last_pixel_belongs_to_a_box(tmp_path, width, expected):
    truth = {"e": {"a": ([[0, 0, 9, 9]], ALL)}}
    found = {"e": {"a": [[0, 0, width, 9, 0.7]]}}
    assert ap(tmp_path, truth, found) == [expected] * 3


def test_a_prediction_belongs_to_the_face_that_it_overlaps_most_even_if_that_one_is_taken(tmp_path):
    two = {name: [1, 2] for name in LISTS}
    truth = {"e": {"a": ([[0, 0, 99, 99], [0, 0, 99, 79]], two)}}
    found = {"e": {"a": [[0, 0, 99, 99, 0.9], [0, 0, 99, 95, 0.8]]}}
    result = evaluated(tmp_path, truth, found)["hard"]
    assert (result["hits"][-1], result["proposals"][-1]) == (1, 2)


def test_of_two_equal_overlaps_the_first_face_is_it(tmp_path):
    counted = {"easy": [1], "medium": [2], "hard": [1, 2]}
    truth = {"e": {"a": ([[0, 0, 99, 99], [0, 0, 99, 99]], counted)}}
    found = {"e": {"a": [[0, 0, 99, 99, 0.9]]}}
    assert ap(tmp_path, truth, found) == [1, 0, 0.5]


def test_the_scores_of_all_pictures_are_brought_to_one_range(tmp_path):
    # 60 and 59 differ by less than a thousandth of 1 to 3000 on one picture alone: together they pass one threshold.
    truth = {"e": {"a": ([[0, 0, 9, 9]], ALL), "b": ([[0, 0, 9, 9]], ALL), "c": ([[0, 0, 9, 9]], ALL)}}
    found = {"e": {"a": [[0, 0, 9, 9, 60]], "b": [[50, 0, 9, 9, 59]], "c": [[0, 0, 9, 9, 3000], [99, 0, 9, 9, 1]]}}
    assert ap(tmp_path, truth, found) == pytest.approx([1 / 3 + 1 / 3 * 2 / 3] * 3)


def test_in_input_order_a_prediction_brings_all_before_it_along(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL)}}
    found = {"e": {"a": [[300, 300, 9, 9, 0.1], [10, 20, 30, 40, 0.9]]}}
    assert ap(tmp_path, truth, found, "--order", "input") == [0.5] * 3


def test_sorted_is_the_order_without_asking(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL)}}
    found = {"e": {"a": [[300, 300, 9, 9, 0.1], [10, 20, 30, 40, 0.9]]}}
    assert ap(tmp_path, truth, found) == [1] * 3


def test_a_list_without_faces_has_no_precision(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], {"easy": [], "medium": [], "hard": [1]})}}
    assert ap(tmp_path, truth, {"e": {"a": [[10, 20, 30, 40, 0.9]]}}) == [None, None, 1]


SIDE = st.integers(0, 12)
BOX = st.tuples(SIDE, SIDE, SIDE, SIDE)
SCORE = st.sampled_from([0.02, 0.1, 0.25, 0.5, 0.75, 0.7504, 0.9, 1.0]) | st.floats(0, 1, width=32)


@st.composite
def sets(draw):
    """Pictures with faces, those that count in each list, and predictions, many of them near a face."""
    truth, found = {}, {}
    for event in ("0--Parade", "1--Handshaking")[: draw(st.integers(1, 2))]:
        for name in "abc"[: draw(st.integers(1, 3))]:
            boxes = draw(st.lists(BOX, max_size=4))
            indices = range(1, len(boxes) + 1)
            counted = {which: [index for index in indices if draw(st.booleans())] for which in LISTS}
            near = st.tuples(st.sampled_from(boxes), st.tuples(*[st.integers(-2, 2)] * 4)).map(
                lambda pair: tuple(max(0, side + step) for side, step in zip(*pair, strict=True))
            )
            rows = draw(st.lists(st.tuples(near | BOX if boxes else BOX, SCORE), max_size=6))
            truth.setdefault(event, {})[name] = (boxes, counted)
            found.setdefault(event, {})[name] = [(*box, score) for box, score in rows]
    return truth, found


@settings(max_examples=60)
@given(sets(), st.booleans())
def test_it_agrees_with_a_plain_loop_over_thresholds_and_predictions(made, by_score):
    truth, found = made
    pictures = [
        Picture(
            event=event,
            name=name,
            boxes=np.array(boxes, float).reshape(-1, 4),
            counted={which: np.array(indices, int) - 1 for which, indices in counted.items()},
        )
        for event, group in truth.items()
        for name, (boxes, counted) in group.items()
    ]
    boxes = [np.array(found[picture.event][picture.name], float).reshape(-1, 5) for picture in pictures]
    for result in judge(pictures, boxes, order="sorted" if by_score else "input"):
        if result.faces:
            expected = naive_ap(truth, found, result.name, by_score=by_score)
            assert result.ap == pytest.approx(expected, abs=1e-12), result.name
        else:
            assert result.ap is None


def test_the_table_and_the_curves(tmp_path):
    truth = {"e": {"a": ([[10, 20, 30, 40]], ALL)}}
    write_truth(tmp_path / "truth", truth)
    write_predictions(tmp_path / "found", {"e": {"a": [[10, 20, 30, 40, 0.9]]}})
    words = [COMMAND, "evaluate", "--predictions", "found", "--ground-truth", "truth", "--png", "curves.png"]
    run = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "100.00 %" in run.stdout
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert run.stderr == "wrote curves.png\n"


def test_evaluating_files_does_not_import_torch(tmp_path):
    write_truth(tmp_path / "truth", {"e": {"a": ([[10, 20, 30, 40]], ALL)}})
    write_predictions(tmp_path / "found", {"e": {"a": [[10, 20, 30, 40, 0.9]]}})
    code = (
        "import sys; from archscope.cli import main\n"
        "main(['evaluate', '--predictions', 'found', '--ground-truth', 'truth'], standalone_mode=False)\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "False"


def refused(folder, content):
    """What the command says of a prediction file with that content."""
    write_truth(folder / "truth", {"e": {"a": ([[10, 20, 30, 40]], ALL)}})
    (folder / "found" / "e").mkdir(parents=True)
    (folder / "found" / "e" / "a.txt").write_bytes(content)
    words = ["evaluate", "--predictions", str(folder / "found"), "--ground-truth", str(folder / "truth")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    return result.stderr


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"a\n", 1),
        (b"a\nmany\n", 2),
        (b"a\n-1\n", 2),
        (b"a\n2\n1 2 3 4 0.5\n", 3),
        (b"a\n1\n1 2 3 4 0.5\n1 2 3 4 0.5\n", 4),
        (b"a\n2\n1 2 3 4 0.5\n1 2 3 4\n", 4),
        (b"a\n1\n1 2 3 4 nan\n", 3),
        (b"a\n2\n1 2 3 4 0.5\n1 2 inf 4 0.5\n", 4),
        (b"a\n1\n1,2,3,4,0.5\n", 3),
    ],
)
def test_a_broken_prediction_file_is_named_with_its_line(tmp_path, content, line):
    assert f"a.txt:{line}" in refused(tmp_path, content)


def test_a_prediction_file_that_is_no_text_is_named(tmp_path):
    assert "a.txt" in refused(tmp_path, b"\xff\xfe\x00")


def test_what_follows_the_score_on_a_line_is_not_read(tmp_path):
    (tmp_path / "a.txt").write_text("a.jpg\r\n1\r\n1.0 2.0 3.0 4.0 0.5 11 12 \r\n\r\n")
    assert read_boxes(tmp_path / "a.txt").tolist() == [[1, 2, 3, 4, 0.5]]


def test_a_missing_folder_of_predictions_is_an_error(tmp_path):
    write_truth(tmp_path / "truth", {"e": {"a": ([], dict.fromkeys(LISTS, ()))}})
    words = ["evaluate", "--predictions", str(tmp_path / "no"), "--ground-truth", str(tmp_path / "truth")]
    assert "there is no folder" in CliRunner().invoke(main, words).stderr
