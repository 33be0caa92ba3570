"""A FeatherFace in training, as Lightning's engine runs it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader

from archscope.errors import ModelError, UsageError
from archscope.faces.augmentation import Augmentation
from archscope.faces.data_set import Sample
from archscope.faces.training import distillation
from archscope.faces.training.batches import EpochSampler, TrainingSet, collate
from archscope.faces.training.recipe import Recipe
from archscope.models.featherface.heads import Predictions
from archscope.models.featherface.loss import Losses, multitask_loss
from archscope.models.featherface.matching import Faces
from archscope.models.featherface.priors import prior_boxes

_MILESTONES = (190 / 350, 220 / 350)
_WARM = 0.05
_SETTLING = 20  # of the time constants of a batch norm's averages, how many a run must have


class Trainee(LightningModule):
    """A model, its data, and its loss; with a teacher, the adapters between their features too."""

    priors: Tensor

    def __init__(
        self,
        model: nn.Module,
        samples: Sequence[Sample],
        recipe: Recipe,
        *,
        teacher: nn.Module | None = None,
        workers: int = 0,
    ) -> None:
        """``model`` and ``teacher`` are FeatherFaces; the teacher is not trained and not saved."""
        super().__init__()
        self.model = model
        self.samples, self.recipe, self.workers = samples, recipe, workers
        self._teacher = None if teacher is None else [teacher.requires_grad_(requires_grad=False)]
        self._taps = None
        if teacher is not None and "features" in recipe.distillation.terms:
            self._taps = (distillation.FeatureTap(model), distillation.FeatureTap(teacher))
            self.adapters = _adapters(model, teacher, self._taps)
        if recipe.freeze_backbone:
            model.get_submodule("body").requires_grad_(requires_grad=False)
        self.register_buffer("priors", prior_boxes(recipe.size, recipe.size), persistent=False)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Faces]]:
        """The part of every batch that is this process's."""
        recipe, processes = self.recipe, self.trainer.world_size
        if recipe.batch % processes:
            raise UsageError(f"a batch of {recipe.batch} does not divide among {processes} processes", help="--batch N")
        chances: dict[str, Any] = {} if recipe.augment else {"crop": False, "flip": 0.0, "colour": 0.0}
        data = TrainingSet(self.samples, Augmentation(size=recipe.size, **chances), recipe.seed)
        batch = recipe.batch // processes
        sampler = EpochSampler(data, processes, self.trainer.global_rank, seed=recipe.seed)
        return DataLoader(
            data,
            batch,
            sampler=sampler,
            collate_fn=collate,
            num_workers=self.workers,
            drop_last=len(sampler) >= batch,
            persistent_workers=self.workers > 0,
            pin_memory=self.device.type == "cuda",
        )

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ARG002 - Lightning's signature
        """Pictures and faces on the device."""
        images, faces = batch
        moved = [
            Faces(
                boxes=one.boxes.to(device),
                landmarks=one.landmarks.to(device),
                has_landmarks=one.has_landmarks.to(device),
            )
            for one in faces
        ]
        return images.to(device, non_blocking=True), moved

    def configure_optimizers(self) -> Any:
        """AdamW, and the schedule of the recipe, step by step."""
        steps = int(self.trainer.estimated_stepping_batches)
        _let_averages_settle(self.model, steps)
        learnt = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learnt, lr=self.recipe.rate, weight_decay=self.recipe.weight_decay)
        schedule = lr_scheduler.LambdaLR(optimizer, lambda step: factor(self.recipe.schedule, step, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_fit_start(self) -> None:
        """The teacher goes where the student is."""
        if self._teacher is not None:
            self._teacher[0].to(self.device)

    def on_train_epoch_start(self) -> None:
        """Train mode, except for a backbone that is frozen: its running averages stay."""
        self.train()
        if self.recipe.freeze_backbone:
            self.model.get_submodule("body").eval()

    def training_step(self, batch: tuple[Tensor, list[Faces]], batch_idx: int) -> Tensor:  # noqa: ARG002 - the same
        """The loss of one batch; raises ModelError when it is no number."""
        images, faces = batch
        found = self.model(images)
        answer = None if self._teacher is None else distillation.ask(self._teacher[0], images)
        with torch.autocast(self.device.type, enabled=False):
            predictions = (found[0].float(), found[1].float(), found[2].float())
            losses = multitask_loss(predictions, faces, self.priors)
            told = {"boxes": losses.boxes, "classes": losses.classes, "landmarks": losses.landmarks}
            total = losses.total
            if answer is not None:
                goal = (answer[0].float(), answer[1].float(), answer[2].float())
                total, terms = self._taught(predictions, goal, losses)
                told |= terms
        if not total.isfinite():
            raise diverged("the loss", self)
        told["loss"] = total
        self.log_dict({name: value.detach() for name, value in told.items()}, on_epoch=True, batch_size=len(images))
        return total

    def _taught(self, found: Predictions, goal: Predictions, losses: Losses) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss with the teacher's terms, and these."""
        wanted = self.recipe.distillation
        terms: dict[str, Tensor] = {}
        weights = {"kl": 0.0, "probability": wanted.probability, "features": wanted.features}
        weights["regression"] = wanted.regression
        total = losses.total
        if "kl" in wanted.terms:
            terms["kl"] = distillation.divergence(
                found[1], goal[1], losses.chosen, losses.positives, wanted.temperature
            )
            total = (1 - wanted.share) * total + wanted.share * wanted.temperature**2 * terms["kl"]
        if "probability" in wanted.terms:
            terms["probability"] = distillation.unsure_probabilities(found[1], goal[1])
        if self._taps is not None:
            mine, theirs = (tap.taken() for tap in self._taps)
            terms["features"] = distillation.features(
                [level.float() for level in mine], [level.float() for level in theirs], self.adapters
            )
        if "regression" in wanted.terms:
            terms["regression"] = distillation.regression(found, goal)
        for name, term in terms.items():
            total = total + weights[name] * term
        return total, terms

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Raise ModelError for a gradient that is no number, before the weights are."""
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not nn.utils.get_total_norm(gradients).isfinite():
            raise diverged("the gradient", self)


def diverged(what: str, trainee: Trainee) -> ModelError:
    """What is said when numbers are none any more."""
    return ModelError(
        f"{what} is no number any more in epoch {trainee.current_epoch + 1}, step {trainee.global_step + 1}",
        help="the last checkpoint is from before: lower --rate, and train into another folder",
    )


def factor(schedule: str, step: int, steps: int) -> float:
    """What the rate is multiplied by at ``step`` of ``steps``."""
    done = step / max(1, steps)
    if schedule == "steps":
        return float(0.1 ** sum(done >= milestone for milestone in _MILESTONES))
    if done < _WARM:
        return (step + 1) / (_WARM * steps + 1)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, (done - _WARM) / (1 - _WARM)))) / 2


def _let_averages_settle(model: nn.Module, steps: int) -> None:
    """Faster running averages where the run is so short that the model's own would not settle."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.momentum is not None:
            module.momentum = max(module.momentum, min(0.1, _SETTLING / max(1, steps)))


def _adapters(model: nn.Module, teacher: nn.Module, taps: tuple[Any, Any]) -> nn.ModuleList:
    """For each level a 1x1 convolution from the student's channels to the teacher's."""
    probe = torch.zeros(1, 3, 64, 64)
    channels = []
    for network, tap in zip((model, teacher), taps, strict=True):
        network.eval()
        with torch.no_grad():
            network(probe.to(next(network.parameters()).device))
        channels.append([level.shape[1] for level in tap.taken()])
    return nn.ModuleList(nn.Conv2d(mine, theirs, 1) for mine, theirs in zip(*channels, strict=True))
