"""The zoo's models learn: loss, matching and encoding, and the fall of the loss on a few drawn faces."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archscope.models import zoo_spec
from archscope.models.featherface.loss import multitask_loss
from archscope.models.featherface.matching import BACKGROUND, Faces, make_targets, match, overlaps
from archscope.models.featherface.priors import (
    corners,
    decode_boxes,
    decode_landmarks,
    encode_boxes,
    encode_landmarks,
    prior_boxes,
)

POINTS = torch.tensor([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])  # eyes, nose, mouth


@pytest.fixture
def one_thread():
    """Maps this small are slower on several threads than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def draw(size, boxes):
    """A noisy image with a bright disc and five dark dots in every box (pixels), and its faces."""
    image = 0.1 * torch.randn(3, size, size, generator=torch.Generator().manual_seed(len(boxes)))
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    corner = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    landmarks = corner[:, None, :2] + POINTS * (corner[:, None, 2:] - corner[:, None, :2])
    for (left, top, right, bottom), points in zip(corner.tolist(), landmarks.tolist(), strict=True):
        inside = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2 < 1
        image[:, inside] += torch.tensor([1.0, 0.7, 0.5])[:, None]
        for point_x, point_y in points:
            image[:, (x - point_x) ** 2 + (y - point_y) ** 2 < ((right - left) / 12) ** 2 + 1] -= 1.5
    known = torch.ones(len(boxes), dtype=torch.bool)
    return image, Faces(boxes=corner / size, landmarks=landmarks.flatten(1) / size, has_landmarks=known)


def test_priors_stand_in_the_order_of_the_outputs():
    priors = prior_boxes(640, 640)
    assert priors.shape == (16_800, 4)
    # P3 is 80 x 80 with two anchors: position (row 1, column 2) starts at 2 * (80 + 2)
    assert (640 * priors[2 * 82]).tolist() == pytest.approx([20, 12, 16, 16])
    assert (640 * priors[2 * 82 + 1]).tolist() == pytest.approx([20, 12, 32, 32])
    # the last: P5, (19.5 * 32, 19.5 * 32), 512 wide
    assert (640 * priors[-1]).tolist() == pytest.approx([624, 624, 512, 512])


@pytest.mark.parametrize(("height", "width"), [(640, 640), (33, 47), (1, 130), (97, 16)])
def test_there_is_one_prior_for_every_prediction(height, width):
    with torch.device("meta"):
        model = zoo_spec("v2").build().eval()
        with torch.no_grad():
            boxes = model(torch.empty(1, 3, height, width))[0]
    assert prior_boxes(height, width).shape == boxes.shape[1:]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_decoding_undoes_encoding(seed):
    generator = torch.Generator().manual_seed(seed)
    priors = torch.rand(9, 4, generator=generator, dtype=torch.float64) + 0.1
    boxes = corners(torch.rand(9, 4, generator=generator, dtype=torch.float64) + 0.1)
    landmarks = torch.rand(9, 10, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(decode_boxes(encode_boxes(boxes, priors), priors), boxes)
    torch.testing.assert_close(decode_landmarks(encode_landmarks(landmarks, priors), priors), landmarks)


def test_encoding_is_retinafaces():
    prior = torch.tensor([[0.5, 0.5, 0.2, 0.4]])
    # centre (0.6, 0.4): 0.1 / (0.1 * 0.2) = 5 and -0.1 / (0.1 * 0.4) = -2.5; sizes twice and once the prior's
    box = torch.tensor([[0.4, 0.2, 0.8, 0.6]])
    assert encode_boxes(box, prior)[0].tolist() == pytest.approx([5, -2.5, math.log(2) / 0.2, 0], abs=1e-5)
    points = torch.tensor([[0.6, 0.5] + [0.5, 0.46] * 4])
    assert encode_landmarks(points, prior)[0].tolist() == pytest.approx([5, 0] + [0, -1] * 4, abs=1e-5)


def test_overlap_is_intersection_over_union():
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0], [3.0, 3.0, 3.0, 3.0]])
    others = torch.tensor([[1.0, 1.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]])
    # 1 shared of 4 + 4 - 1; apart; empty with anything is 0
    assert overlaps(boxes, others).flatten().tolist() == pytest.approx([1 / 7, 0, 0, 0, 0, 0])


def test_priors_take_the_face_they_overlap_and_every_face_its_best_prior():
    priors = torch.tensor([[0.2, 0.2, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2], [0.52, 0.5, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1]])
    small = [0.85, 0.85, 0.88, 0.88]  # 0.0009 of 0.01: under 0.2 even with its best prior, so it stays unmatched
    half = [0.1, 0.1, 0.3, 0.15]  # 0.01 of 0.04 = 0.25: under 0.35, but above 0.2, so its best prior takes it
    face = [0.4, 0.4, 0.6, 0.6]  # 1 with prior 1, 0.036 / 0.044 with prior 2
    assert match(torch.tensor([small, half, face]), priors).tolist() == [1, 2, 2, BACKGROUND]
    assert match(torch.tensor([face, face]), priors).tolist() == [BACKGROUND, 1, 0, BACKGROUND]
    assert match(torch.zeros(0, 4), priors).tolist() == [BACKGROUND] * 4


def test_targets_hold_encoded_faces_and_leave_out_unknown_landmarks():
    priors = torch.tensor([[0.2, 0.2, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2], [0.1, 0.9, 0.1, 0.1]])
    boxes = torch.tensor([[0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.8, 0.8]])
    faces = Faces(boxes=boxes, landmarks=torch.full((2, 10), 0.2), has_landmarks=torch.tensor([True, False]))
    targets = make_targets(faces, priors)
    assert targets.positive.tolist() == [True, True, False]
    assert targets.has_landmarks.tolist() == [True, False, False]
    assert targets.boxes.abs().max() < 1e-5
    assert targets.landmarks[0].abs().max() < 1e-5
    assert targets.landmarks[2].tolist() == [0] * 10


def test_the_loss_is_retinafaces_on_a_case_worked_out_by_hand():
    # 20 priors, of which the first is the one face; it is sure of face at logit 0:0, the others differ
    priors = torch.cat((torch.tensor([[0.5, 0.5, 0.2, 0.2]]), torch.full((19, 4), 0.01)))
    faces = Faces(
        boxes=torch.tensor([[0.4, 0.4, 0.6, 0.6]]),
        landmarks=torch.full((1, 10), 0.5),
        has_landmarks=torch.tensor([True]),
    )
    boxes, landmarks = torch.zeros(1, 20, 4), torch.zeros(1, 20, 10)
    boxes[0, 0] = torch.tensor([0.5, 0.0, 0.0, 3.0])  # smooth L1: 0.5 * 0.25 and 3 - 0.5
    landmarks[0, 0, 0] = 2.0  # 2 - 0.5
    boxes[0, 5] = 100.0  # background: no matter
    logits = torch.zeros(1, 20, 2)
    logits[0, 1:9, 1] = 2.0  # eight negatives believe in a face: ln(1 + e^2) each, seven are taken
    losses = multitask_loss((boxes, logits, landmarks), [faces], priors)
    assert float(losses.boxes) == pytest.approx(0.125 + 2.5, abs=1e-5)
    assert float(losses.landmarks) == pytest.approx(1.5, abs=1e-5)
    assert float(losses.classes) == pytest.approx(math.log(2) + 7 * math.log(1 + math.exp(2)), abs=1e-4)
    assert float(losses.total) == pytest.approx(2 * 2.625 + 1.5 + float(losses.classes), abs=1e-5)


def test_an_image_without_faces_has_no_loss_and_can_be_trained_on():
    model, nobody = zoo_spec("v2").build(), draw(64, [])[1]
    losses = multitask_loss(model(torch.randn(2, 3, 64, 64)), [nobody, nobody], prior_boxes(64, 64))
    losses.total.backward()
    assert float(losses.total.detach()) == 0


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["featherface-baseline", "featherface-v2"])
def test_on_a_handful_of_drawn_faces_the_loss_falls_to_a_tenth(name):
    torch.manual_seed(0)
    size = 64
    drawn = [
        draw(size, boxes)
        for boxes in ([[4, 6, 36, 40]], [[20, 18, 60, 62]], [[2, 30, 22, 52], [34, 4, 62, 34]], [[24, 2, 44, 24]])
    ]
    images, faces = torch.stack([image for image, _ in drawn]), [truth for _, truth in drawn]
    priors, model = prior_boxes(size, size), zoo_spec(name).build().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    history: list[float] = []
    while len(history) < 300 and not (len(history) > 10 and max(history[-10:]) <= history[0] / 10):
        losses = multitask_loss(model(images), faces, priors)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        history.append(float(losses.total.detach()))
    assert max(history[-10:]) <= history[0] / 10
