"""What a student learns from a teacher: each term by hand, and that teacher and adapters are what they must be."""

from __future__ import annotations

import math

import pytest
import torch

from archscope.faces.labels import LabelledPicture
from archscope.faces.training import distillation
from archscope.faces.training.recipe import Distillation, Recipe
from archscope.faces.training.trainee import Trainee
from archscope.models import zoo_spec
from archscope.models.featherface.loss import multitask_loss
from archscope.models.featherface.matching import Faces
from archscope.models.featherface.priors import prior_boxes


def logits(*probabilities):
    """Class logits (1, A, 2) with these probabilities of a face."""
    return torch.tensor([[[math.log(1 - p), math.log(p)] for p in probabilities]])


def test_the_divergence_is_that_of_softened_probabilities_over_the_chosen_priors():
    student, teacher = logits(0.5, 0.2, 0.5), logits(0.9, 0.2, 0.9)
    chosen = torch.tensor([[True, True, False]])
    found = distillation.divergence(student, teacher, chosen, torch.tensor(2), temperature=2.0)
    # At temperature 2 odds of 9 become 3: (0.75, 0.25) against (0.5, 0.5); the second prior agrees.
    expected = (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)) / 2
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_probabilities_are_compared_where_the_teacher_is_unsure():
    student, teacher = logits(0.5, 0.5, 0.5, 0.5), logits(0.7, 0.95, 0.05, 0.2)
    expected = ((0.5 - 0.7) ** 2 + (0.5 - 0.2) ** 2) / 2
    assert float(distillation.unsure_probabilities(student, teacher)) == pytest.approx(expected, abs=1e-6)
    assert float(distillation.unsure_probabilities(student, logits(0.95, 0.01, 0.99, 0.02))) == 0


def test_regression_is_compared_where_the_teacher_sees_a_face():
    boxes, landmarks = torch.zeros(1, 3, 4), torch.zeros(1, 3, 10)
    teacher = (boxes.clone(), logits(0.9, 0.1, 0.6), landmarks.clone())
    teacher[0][0, 0, 0] = 3.0  # smooth L1: 2.5
    teacher[0][0, 1] = 100.0  # no face there
    teacher[2][0, 2, 5] = 0.5  # 0.125
    found = distillation.regression((boxes, logits(0.5, 0.5, 0.5), landmarks), teacher)
    assert float(found) == pytest.approx((2.5 + 0.125) / 2)


def test_features_are_compared_through_the_adapters():
    adapters = torch.nn.ModuleList([torch.nn.Conv2d(1, 2, 1)])
    with torch.no_grad():
        adapters[0].weight.copy_(torch.tensor([1.0, 2.0]).view(2, 1, 1, 1))
        adapters[0].bias.zero_()
    student, teacher = torch.ones(1, 1, 2, 2), torch.tensor([1.0, 5.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    assert float(distillation.features([student], [teacher], adapters).detach()) == pytest.approx(9 / 2)


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(1)
    return zoo_spec("baseline", bifpn_cells=1).build()


def test_a_teacher_answers_in_logits_and_its_averages_do_not_move(teacher):
    image = torch.randn(1, 3, 64, 64)
    before = {path: tensor.clone() for path, tensor in teacher.state_dict().items()}
    _, classes, _ = distillation.ask(teacher, image)
    assert all(torch.equal(tensor, before[path]) for path, tensor in teacher.state_dict().items())
    assert not teacher.training
    torch.testing.assert_close(classes.softmax(-1), teacher.eval()(image)[1])
    assert not torch.allclose(classes, teacher(image)[1])


def trainee(teacher, **settings):
    torch.manual_seed(0)
    recipe = Recipe(size=64, batch=2, distillation=Distillation(**settings))
    picture = LabelledPicture(path="", where="", boxes=None, landmarks=None, known=None)
    return Trainee(zoo_spec("v2", bifpn_cells=1).build(), [picture], recipe, teacher=teacher)


def batch():
    torch.manual_seed(2)
    faces = Faces(
        boxes=torch.tensor([[0.2, 0.2, 0.6, 0.7]]),
        landmarks=torch.rand(1, 10),
        has_landmarks=torch.tensor([True]),
    )
    return 50 * torch.randn(2, 3, 64, 64), [faces, faces]


def test_adapters_are_registered_and_learn_and_the_teacher_is_neither(teacher):
    student = trainee(teacher, terms=("features",)).train()
    names = {name for name, _ in student.named_parameters()}
    assert {"adapters.0.weight", "adapters.1.weight", "adapters.2.bias"} <= names
    assert student.adapters[0].weight.shape == (64, 32, 1, 1)
    assert not any("teacher" in path for path in student.state_dict())
    student.log_dict = lambda *_, **__: None  # there is no trainer to log to
    images, faces = batch()
    first = student.adapters[0].weight
    student.training_step((images, faces), 0).backward()
    assert student.adapters[0].weight is first
    assert first.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"terms": ("kl",), "share": 0.7, "temperature": 4.0}, (0.3, 0.7 * 16, 0)),
        ({"terms": ("regression",), "regression": 2.5}, (1, 0, 2.5)),
        ({"terms": ("kl", "regression"), "share": 0.5, "temperature": 2.0}, (0.5, 0.5 * 4, 1)),
        ({"terms": ()}, (1, 0, 0)),
    ],
)
def test_the_terms_are_added_with_their_weights(teacher, settings, parts):
    student = trainee(teacher, **settings).train()
    told = {}
    student.log_dict = lambda values, **_: told.update(values)
    images, faces = batch()
    total = float(student.training_step((images, faces), 0).detach())
    with torch.no_grad():
        task = float(multitask_loss(student.model(images), faces, prior_boxes(64, 64)).total)
    zero = torch.tensor(0.0)
    weighed = (task, float(told.get("kl", zero)), float(told.get("regression", zero)))
    assert total == pytest.approx(sum(a * b for a, b in zip(parts, weighed, strict=True)), rel=1e-4)
