"""Augmentation keeps boxes and landmarks true: they are found again in the picture, by their colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archscope.faces.augmentation import Augmentation
from archscope.faces.labels import LabelledPicture

MEANS = torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1)
# Left eye, right eye, nose, left and right corner of the mouth; the face is blue.
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [255, 255, 0], [255, 0, 255], [0, 255, 255]], np.uint8)
POINTS = np.array([[78.0, 62], [98, 60], [88, 72], [80, 86], [96, 86]])
BOX = (70, 50, 108, 96)


def drawn():
    """A picture of 120 x 160 pixels with a face: a blue rectangle with five dots of 7 x 7 pixels around its points."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[BOX[1] : BOX[3], BOX[0] : BOX[2]] = (0, 0, 255)
    for (x, y), colour in zip(POINTS.astype(int), COLOURS, strict=True):
        image[y - 3 : y + 4, x - 3 : x + 4] = colour
    labels = LabelledPicture(
        path="e/a.jpg",
        where="label.txt:1",
        boxes=np.array([BOX], float),
        landmarks=POINTS[None] + 0.5,
        known=np.array([True]),
    )
    return image, labels


def rgb(picture):
    """(size, size, 3) in 0 ... 255."""
    return (picture + MEANS).flip(0).permute(1, 2, 0)


def middle_of(pixels, colour):
    """Where that colour is, in pixels; None where it is not."""
    y, x = torch.nonzero((pixels - torch.tensor(colour).float()).abs().amax(-1) < 70, as_tuple=True)
    return None if len(x) < 6 else (float(x.float().mean()) + 0.5, float(y.float().mean()) + 0.5)


def extent_of(pixels):
    """The box of all that is not black or grey, in pixels."""
    y, x = torch.nonzero(pixels.amax(-1) - pixels.amin(-1) > 128, as_tuple=True)
    return [float(x.min()), float(y.min()), float(x.max()) + 1, float(y.max()) + 1]


def check(picture, faces, size, *, mirrored=False):
    """How many landmarks were found again, each where the faces say; the box too."""
    pixels, points = rgb(picture), size * faces.landmarks.view(-1, 5, 2)
    order = (
        [1, 0, 2, 4, 3] if mirrored else range(5)
    )  # the right eye of the picture is the left one of its mirror image
    assert extent_of(pixels) == pytest.approx((size * faces.boxes[0]).tolist(), abs=1.6)
    places = [middle_of(pixels, COLOURS[place]) for place in order]
    assert list(points[0].tolist()) == [pytest.approx(pair, abs=1.2) for pair in places]


def test_without_any_of_it_the_picture_is_made_square_and_resized():
    picture, faces = Augmentation(size=320, crop=False, flip=0, colour=0)(*drawn())
    assert picture.shape == (3, 320, 320)
    assert (320 * faces.boxes[0]).tolist() == pytest.approx([2 * side for side in BOX], abs=1.5)
    check(picture, faces, 320)


def test_the_mirror_image_exchanges_left_and_right_landmarks():
    picture, faces = Augmentation(size=160, crop=False, flip=1, colour=0)(*drawn())
    assert (160 * faces.boxes[0]).tolist() == pytest.approx([160 - 108, 50, 160 - 70, 96], abs=0.01)
    left, right = faces.landmarks.view(5, 2)[:2, 0].tolist()
    assert left < right
    check(picture, faces, 160, mirrored=True)


@pytest.mark.parametrize("flip", [0, 1])
def test_crops_keep_boxes_and_landmarks_true(flip):
    torch.manual_seed(5)
    augment, whole = Augmentation(size=256, flip=flip, colour=0), 0
    sizes = set()
    for _ in range(40):
        picture, faces = augment(*drawn())
        sizes.add(round(float(faces.boxes[0, 2] - faces.boxes[0, 0]), 2) if len(faces.boxes) else 0)
        if len(faces.boxes) and faces.has_landmarks[0] and faces.boxes.min() > 0 and faces.boxes.max() < 1:
            whole += 1
            check(picture, faces, 256, mirrored=bool(flip))
    assert whole >= 10
    assert len(sizes) > 10


def test_a_face_that_is_cut_keeps_the_part_inside_and_loses_its_landmarks():
    torch.manual_seed(0)
    augment, cut = Augmentation(size=128, flip=0, colour=0), 0
    for _ in range(60):
        picture, faces = augment(*drawn())
        if len(faces.boxes) and (faces.boxes.min() == 0 or faces.boxes.max() == 1):
            cut += 1
            assert extent_of(rgb(picture)) == pytest.approx((128 * faces.boxes[0]).tolist(), abs=1.6)
            inside = ((faces.landmarks >= 0) & (faces.landmarks < 1)).all()
            assert bool(faces.has_landmarks[0]) == bool(inside)
    assert cut >= 5


def test_colours_change_and_nothing_moves():
    torch.manual_seed(1)
    plain, faces = Augmentation(size=160, crop=False, flip=0, colour=0)(*drawn())
    other, same = Augmentation(size=160, crop=False, flip=0, colour=1)(*drawn())
    assert (plain - other).abs().max() > 5
    assert torch.equal(faces.boxes, same.boxes)
    assert torch.equal(faces.landmarks, same.landmarks)


def test_pixels_go_in_as_the_detector_takes_them():
    picture, _ = Augmentation(size=160, crop=False, flip=0, colour=0)(*drawn())
    # blue at (74, 92): blue, green, red minus the means
    assert picture[:, 92, 74].tolist() == pytest.approx([255 - 104, -117, -123], abs=1e-3)


def test_a_picture_without_faces_stays_one():
    image, _labels = drawn()
    none = LabelledPicture(
        path="e/a.jpg",
        where="label.txt:1",
        boxes=np.zeros((0, 4)),
        landmarks=np.zeros((0, 5, 2)),
        known=np.zeros(0, bool),
    )
    faces = Augmentation(size=64)(image, none)[1]
    assert (faces.boxes.shape, faces.landmarks.shape, faces.has_landmarks.shape) == ((0, 4), (0, 10), (0,))


def test_the_same_seed_gives_the_same_picture():
    pictures = []
    for _ in range(2):
        torch.manual_seed(11)
        pictures.append(Augmentation(size=64)(*drawn())[0])
    assert torch.equal(*pictures)
