"""What a student learns from a teacher: terms beside the task's own loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from archscope.models.featherface.heads import Predictions

Levels: TypeAlias = Sequence[Tensor]

UNSURE = (0.1, 0.9)
POSITIVE = 0.5


def divergence(student: Tensor, teacher: Tensor, chosen: Tensor, positives: Tensor, temperature: float) -> Tensor:
    """KL(teacher || student) of the class logits (N, A, 2), both softened by ``temperature``.

    Over the same priors ``chosen`` (N, A) and by the same count of ``positives`` as the cross entropy that it stands
    beside; over all priors, thousands of sure background would drown the faces. Hinton, Vinyals and Dean, Distilling
    the Knowledge in a Neural Network (2015), who multiply it by the temperature squared.
    """
    soft = functional.log_softmax(student[chosen] / temperature, -1)
    goal = functional.log_softmax(teacher[chosen] / temperature, -1)
    return functional.kl_div(soft, goal, reduction="sum", log_target=True) / positives


def unsure_probabilities(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of face probabilities where the teacher's is between 0.1 and 0.9; 0 where none is.

    Regression of outputs: Ba and Caruana, Do Deep Nets Really Need to be Deep? (2014); here only where the teacher is
    unsure, because elsewhere its answer says no more than the labels do.
    """
    goal = teacher.softmax(-1)[..., 1]
    unsure = (goal > UNSURE[0]) & (goal < UNSURE[1])
    found = student.softmax(-1)[..., 1]
    return functional.mse_loss(found[unsure], goal[unsure], reduction="sum") / unsure.sum().clamp(min=1)


def features(student: Levels, teacher: Levels, adapters: nn.ModuleList) -> Tensor:
    """The mean squared difference of the teacher's features and the student's through a learnt 1x1 convolution each.

    Romero et al., FitNets: Hints for Thin Deep Nets (2015).
    """
    pairs = zip(adapters, student, teacher, strict=True)
    terms = [functional.mse_loss(adapter(mine), theirs) for adapter, mine, theirs in pairs]
    return torch.stack(terms).mean()


def regression(student: Predictions, teacher: Predictions) -> Tensor:
    """Smooth L1 between boxes and landmarks of both where the teacher sees a face (probability above one half).

    By the number of such priors, at least 1. Chen et al., Learning Efficient Object Detection Models with Knowledge
    Distillation (2017), without their bound.
    """
    seen = teacher[1].softmax(-1)[..., 1] > POSITIVE
    count = seen.sum().clamp(min=1)
    pairs = ((student[0], teacher[0]), (student[2], teacher[2]))
    terms = [functional.smooth_l1_loss(mine[seen], theirs[seen], reduction="sum") for mine, theirs in pairs]
    return torch.stack(terms).sum() / count


class FeatureTap:
    """Keeps what goes into the context modules ssh1, ssh2 and ssh3 of a FeatherFace in its last forward."""

    NAMES = ("ssh1", "ssh2", "ssh3")

    def __init__(self, model: nn.Module) -> None:
        """Hook ``model``."""
        self.levels: dict[str, Tensor] = {}
        for name in self.NAMES:
            model.get_submodule(name).register_forward_pre_hook(self._keep(name))

    def _keep(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def keep(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self.levels[name] = inputs[0]

        return keep

    def taken(self) -> Levels:
        """The three levels, P3 first, which are then forgotten."""
        levels, self.levels = [self.levels[name] for name in self.NAMES], {}
        return levels


@torch.no_grad()
def ask(teacher: nn.Module, images: Tensor) -> Predictions:
    """A teacher's boxes, class logits and landmarks, with its running averages, which do not move."""
    teacher.eval()
    teacher.training = True  # of the root alone: logits in place of probabilities
    try:
        answer: Predictions = teacher(images)
    finally:
        teacher.training = False
    return answer
