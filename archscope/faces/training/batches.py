"""Pictures and faces in batches, the same ones for a seed and an epoch, wherever and whenever they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from archscope.faces.augmentation import Augmentation
from archscope.faces.data_set import Sample
from archscope.faces.images import read_image
from archscope.models.featherface.matching import Faces


class TrainingSet(Dataset[tuple[Tensor, Faces]]):
    """The samples, augmented. Item ``epoch x count + place`` is a picture of that epoch: its chance is its own.

    So a training that is resumed sees what an uncut one sees, whatever drew random numbers before.
    """

    def __init__(self, samples: Sequence[Sample], augmentation: Augmentation, seed: int) -> None:
        self.samples = samples
        self.augmentation = augmentation
        self.seed = seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, item: int) -> tuple[Tensor, Faces]:
        sample = self.samples[item % len(self.samples)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed((self.seed << 40) + item)
            return self.augmentation(read_image(sample.file), sample.labels)


class EpochSampler(DistributedSampler[int]):
    """Every picture once an epoch, shuffled by seed and epoch, this process's part; items as TrainingSet takes them."""

    def __iter__(self) -> Iterator[int]:
        """Items of the epoch that was set."""
        count = len(self.dataset)  # type: ignore[arg-type]  # torch does not say that it has a length
        return (self.epoch * count + place for place in super().__iter__())


def collate(samples: Sequence[tuple[Tensor, Faces]]) -> tuple[Tensor, list[Faces]]:
    """One batch: pictures (N, 3, size, size), and the faces of each."""
    return torch.stack([picture for picture, _ in samples]), [faces for _, faces in samples]
