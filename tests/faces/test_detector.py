"""From a picture to faces and to an evaluation: preprocessing, decoding, suppression, the commands."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from wider import LISTS, overlap, write_truth

from archscope.cli import main
from archscope.errors import ModelError
from archscope.faces.detector import Settings, detect, preprocess, suppress
from archscope.faces.images import read_image
from archscope.models import zoo_spec

NARROW = {"bifpn_cells": 1}


@pytest.fixture(scope="module")
def v2():
    torch.manual_seed(3)
    return zoo_spec("v2", **NARROW).build().eval()


@pytest.fixture(scope="module")
def weights(v2, tmp_path_factory):
    """The same weights as a trainer on several GPUs writes them."""
    file = tmp_path_factory.mktemp("weights") / "v2.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{path}": tensor for path, tensor in v2.state_dict().items()}}, file)
    return file


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_picture_goes_in_as_bgr_minus_its_means():
    pixel = np.array([[[10, 20, 30]]], dtype=np.uint8)  # red, green, blue
    assert preprocess(pixel).flatten().tolist() == [30 - 104, 20 - 117, 10 - 123]


class OneFace(nn.Module):
    """A detector that is sure of the first prior (16 pixels around (4, 4)), moved and stretched, and of no other."""

    def forward(self, x):
        count = sum(2 * math.ceil(x.shape[2] / s) * math.ceil(x.shape[3] / s) for s in (8, 16, 32))
        boxes, landmarks = torch.zeros(1, count, 4), torch.zeros(1, count, 10)
        classes = torch.tensor([1.0, 0.0]).repeat(1, count, 1)
        classes[0, 0] = torch.tensor([0.25, 0.75])
        boxes[0, 0] = torch.tensor([10.0, 20.0, 5 * math.log(2), 5 * math.log(0.5)])
        landmarks[0, 0] = torch.arange(10.0)
        return boxes, classes, landmarks


def test_a_prediction_becomes_a_box_in_pixels_of_the_picture():
    # Centre (4, 4) + 0.1 * 16 * (10, 20) = (20, 36), sides 16 * 2 and 16 / 2; landmark k at 4 + 1.6 * value.
    found = detect(OneFace(), picture(48, 64), Settings())
    assert found.boxes.tolist() == [pytest.approx([4, 32, 36, 40], abs=1e-4)]
    assert found.scores.tolist() == pytest.approx([0.75])
    assert found.landmarks[0].ravel().tolist() == pytest.approx([4 + 1.6 * k for k in range(10)], abs=1e-4)


def test_looking_at_another_size_gives_boxes_in_pixels_of_the_picture():
    # The picture is looked at in half its size, where the face has the same pixels: twice as many of the picture.
    found = detect(OneFace(), picture(96, 128), Settings(size=64))
    assert found.boxes.tolist() == [pytest.approx([8, 64, 72, 80], abs=1e-4)]


def test_the_mirror_image_gives_mirrored_faces_with_left_and_right_exchanged():
    found = detect(OneFace(), picture(48, 64), Settings(flip=True))
    mirrored = found.boxes[:, 0].argmax()
    assert found.boxes[mirrored].tolist() == pytest.approx([64 - 36, 32, 64 - 4, 40], abs=1e-4)
    left_eye, right_eye, nose, mouth_left, mouth_right = found.landmarks[mirrored][:, 0].tolist()
    places = [64 - (4 + 1.6 * k) for k in (2, 0, 4, 8, 6)]  # its left eye is the mirrored right one
    assert [left_eye, right_eye, nose, mouth_left, mouth_right] == pytest.approx(places, abs=1e-4)


def test_a_mirrored_picture_has_the_mirrored_faces(v2):
    image, looks = picture(64, 96), Settings(scales=(0.5, 1.0), flip=True, confidence=0, nms=1, top_k=9999)
    one, other = detect(v2, image, looks), detect(v2, image[:, ::-1], looks)
    boxes = np.stack((96 - other.boxes[:, 2], other.boxes[:, 1], 96 - other.boxes[:, 0], other.boxes[:, 3]), 1)
    assert len(one.boxes) > 3
    assert np.sort(boxes, 0) == pytest.approx(np.sort(one.boxes, 0), abs=1e-2)


def test_no_face_is_an_empty_answer():
    found = detect(OneFace(), picture(48, 64), Settings(confidence=0.8))
    assert (found.boxes.shape, found.scores.shape, found.landmarks.shape) == ((0, 4), (0,), (0, 5, 2))


def test_scores_that_are_no_numbers_are_an_error():
    class Broken(OneFace):
        def forward(self, x):
            boxes, classes, landmarks = super().forward(x)
            return boxes, classes * float("nan"), landmarks

    with pytest.raises(ModelError, match="no numbers"):
        detect(Broken(), picture(32, 32), Settings())


@pytest.mark.parametrize("outputs", [(), torch.zeros(1), (torch.zeros(1, 2, 4), torch.zeros(1, 2, 2))])
def test_a_model_of_another_kind_is_an_error(outputs):
    class Other(nn.Module):
        def forward(self, x):
            return outputs

    with pytest.raises(ModelError, match="no detector"):
        detect(Other(), picture(32, 32), Settings())


SIDES = st.tuples(*[st.integers(0, 9)] * 4)


@given(st.lists(SIDES, max_size=12), st.sampled_from([0.0, 0.25, 0.4, 0.5, 1.0]))
@settings(max_examples=80)
def test_suppression_is_greedy_and_counts_the_last_pixel(sides, most):
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in sides], float).reshape(-1, 4)
    kept = []
    for place, side in enumerate(sides):
        if all(overlap(sides[better], side) <= most for better in kept):
            kept.append(place)
    assert suppress(boxes, most).tolist() == kept


@pytest.fixture
def data(tmp_path):
    """Two pictures of the data set's format, with ground truth."""
    faces = {"a": ([[4, 4, 20, 20]], dict.fromkeys(LISTS, (1,))), "b": ([[30, 9, 9, 9]], dict.fromkeys(LISTS, (1,)))}
    write_truth(tmp_path / "ground_truth", {"0--Parade": faces})
    folder = tmp_path / "WIDER_val" / "images" / "0--Parade"
    folder.mkdir(parents=True)
    for seed, name in enumerate(faces):
        Image.fromarray(picture(64, 96, seed)).save(folder / f"{name}.jpg")
    return tmp_path


def run(*words):
    return CliRunner().invoke(main, [*map(str, words)])


def test_a_model_is_evaluated_like_the_prediction_files_that_it_writes(data, weights):
    looks = ("--set", "bifpn_cells=1", "--confidence", "0.3", "--save-predictions", data / "found")
    result = run("evaluate", "v2", "--weights", weights, "--data", data, *looks, "--json", "-")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    files = ("--predictions", data / "found", "--ground-truth", data / "ground_truth")
    again = json.loads(run("evaluate", *files, "--json", "-").stdout)
    assert told["predictions"] == again["predictions"] > 0
    assert all(told[name] == again[name] for name in LISTS)


def test_a_picture_that_is_missing_or_does_not_decode_is_named(data, weights):
    words = ("evaluate", "v2", "--set", "bifpn_cells=1", "--weights", weights, "--data", data)
    file = data / "WIDER_val" / "images" / "0--Parade" / "b.jpg"
    file.write_bytes(file.read_bytes()[:200])
    result = run(*words)
    assert result.exit_code == 2
    assert "does not decode" in result.stderr
    assert "b.jpg" in result.stderr
    file.unlink()
    assert "b.jpg" in run(*words).stderr


def test_weights_of_another_model_are_told_apart(data, weights):
    result = run("evaluate", "baseline", "--weights", weights, "--data", data)
    assert result.exit_code == 2
    assert "not those of this model" in result.stderr


@pytest.mark.parametrize("words", [(), ("v2",), ("--predictions", "x"), ("v2", "--predictions", "x")])
def test_what_is_missing_on_the_line_is_said(words):
    result = run("evaluate", *words)
    assert result.exit_code == 2
    assert "archscope evaluate MODEL --weights FILE --data DIR" in result.stderr


def test_a_data_folder_without_ground_truth_says_where_it_looked(tmp_path, weights):
    result = run("evaluate", "v2", "--weights", weights, "--data", tmp_path)
    assert "wider_hard_val.mat" in result.stderr
    assert "--ground-truth" in result.stderr


def test_detect_draws_faces_and_finds_the_model_by_its_weights(tmp_path):
    torch.manual_seed(0)
    torch.save(zoo_spec("v2").build().state_dict(), tmp_path / "v2.pt")
    Image.fromarray(picture(64, 96)).save(tmp_path / "photo.png")
    words = ("detect", tmp_path / "photo.png", "--weights", tmp_path / "v2.pt", "--confidence", "0.3", "--top-k", "5")
    result = run(*words, "-o", tmp_path / "out" / "faces.png", "--json", "-")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["width"], told["height"]) == (96, 64)
    assert 0 < len(told["faces"]) <= 5
    assert len(told["faces"][0]["landmarks"]) == 5
    out = read_image(tmp_path / "out" / "faces.png")
    assert out.shape == (64, 96, 3)
    assert (out != picture(64, 96)).any()
    assert f"wrote {tmp_path / 'faces.jpg'}" in run(*words, "-o", tmp_path / "faces.jpg").stdout


@pytest.mark.parametrize("name", ["no.png", "text.png"])
def test_detect_says_what_is_no_picture(tmp_path, weights, name):
    (tmp_path / "text.png").write_text("no picture")
    result = run("detect", tmp_path / name, "--weights", weights)
    assert result.exit_code == 2
    assert name in result.stderr


def test_detect_refuses_to_write_what_is_no_picture(tmp_path, weights):
    Image.fromarray(picture(32, 32)).save(tmp_path / "photo.png")
    words = ("--model", "v2", "--set", "bifpn_cells=1", "--weights", weights, "-o", tmp_path / "faces.txt")
    result = run("detect", tmp_path / "photo.png", *words)
    assert result.exit_code == 2
    assert "'.txt'" in result.stderr
    assert not (tmp_path / "faces.txt").exists()


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(picture(32, 48)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_image(tmp_path / "photo.jpg").shape == (48, 32, 3)
