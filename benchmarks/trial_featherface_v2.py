"""Which V2 learns best? Candidates of one size, trained alike on drawn faces and judged on held-out ones.

    python benchmarks/trial_featherface_v2.py [--steps 400] [--seeds 2] [--only NAME]

Images of 96 x 96 pixels with one to three faces (a disc with five features, turned and stretched) of 10 to 70 pixels,
among discs without features, on a random background: 1,600 to learn from and 256 to judge by. They stand in for real
faces: they rank candidates that share everything but the levers below, and say nothing about photographs.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from archscope.models import zoo_spec
from archscope.models.featherface.loss import multitask_loss
from archscope.models.featherface.matching import Faces
from archscope.models.featherface.priors import prior_boxes
from archscope.spec import OptionValue

Box: TypeAlias = tuple[float, float, float, float]

SIZE, BATCH = 96, 8
CANDIDATES: dict[str, dict[str, OptionValue]] = {
    "plain, 48 channels in 4 groups, trunk 32 (V2)": {},
    "plain, 40 channels in 2 groups, trunk 24": {"ssh_channels": 40, "ssh_groups": 2, "head_channels": 24},
    "plain, 32 channels in 2 groups, trunk 56": {"ssh_channels": 32, "ssh_groups": 2, "head_channels": 56},
    "deformable, 32 channels in 4 groups, trunk 40": {
        "ssh_convolution": "separable-deformable",
        "ssh_channels": 32,
        "head_channels": 40,
    },
    "deformable, 24 channels in 2 groups, trunk 48": {
        "ssh_convolution": "separable-deformable",
        "ssh_channels": 24,
        "ssh_groups": 2,
        "head_channels": 48,
    },
    "backbone gates too, plain, 16 channels in 2 groups, trunk 36": {
        "cbam_placement": "both",
        "ssh_channels": 16,
        "ssh_groups": 2,
        "head_channels": 36,
    },
}
FEATURES = torch.tensor([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])  # eyes, nose, mouth
Y, X = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")


def main() -> None:
    """Print the held-out loss of every candidate: the mean, then each seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="", help="candidates whose name holds this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    generator = Generator().manual_seed(7)
    training, held_out = ([draw_image(generator) for _ in range(count)] for count in (1600, 256))
    for name, options in CANDIDATES.items():
        if arguments.only in name:
            spec = zoo_spec("v2", **options)
            parameters = sum(parameter.numel() for parameter in spec.build().parameters())
            losses = []
            for seed in range(arguments.seeds):
                torch.manual_seed(seed)
                model = spec.build()
                train(model, training, arguments.steps, Generator().manual_seed(seed))
                losses.append(judge(model, held_out))
            seeds = " ".join(f"{loss:.3f}" for loss in losses)
            print(f"{statistics.mean(losses):.3f} ({seeds})  {parameters:,} parameters  {name}", flush=True)


def train(model: nn.Module, images: Sequence[tuple[Tensor, Faces]], steps: int, generator: Generator) -> None:
    """One cycle of AdamW."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.05  # 0.01 would not settle in a few hundred steps
    priors = prior_boxes(SIZE, SIZE)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(steps):
        batch = [images[i] for i in torch.randint(len(images), (BATCH,), generator=generator).tolist()]
        losses = multitask_loss(
            model(torch.stack([image for image, _ in batch])), [faces for _, faces in batch], priors
        )
        optimizer.zero_grad()
        losses.total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        schedule.step()


@torch.no_grad()
def judge(model: nn.Module, images: Sequence[tuple[Tensor, Faces]]) -> float:
    """The mean loss over ``images`` with running averages in every normalisation."""
    model.eval()
    model.training = True  # the root alone: logits, as the loss wants them
    priors, losses = prior_boxes(SIZE, SIZE), []
    for start in range(0, len(images), 16):
        batch = images[start : start + 16]
        found = model(torch.stack([image for image, _ in batch]))
        losses.append(float(multitask_loss(found, [faces for _, faces in batch], priors).total))
    return statistics.mean(losses)


def draw_image(generator: Generator) -> tuple[Tensor, Faces]:
    """One image and its faces."""
    image = functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator), SIZE, mode="bilinear")[0]
    image += 0.15 * torch.randn(3, SIZE, SIZE, generator=generator)
    for _ in range(pick(generator, 4)):
        x, y, radius, stretch = torch.rand(4, generator=generator).tolist()
        radius = 5 + 30 * radius
        inside = ((X - x * SIZE) / radius) ** 2 + ((Y - y * SIZE) / (radius * (0.7 + 0.6 * stretch))) ** 2 < 1
        image[:, inside] += (torch.rand(3, generator=generator) - 0.3)[:, None]
    boxes: list[Box] = []
    for _ in range(1 + pick(generator, 3)):
        place_face(boxes, generator)
    landmarks = torch.stack([draw_face(image, box, generator) for box in boxes])
    return image, Faces(
        boxes=torch.tensor(boxes) / SIZE,
        landmarks=landmarks.flatten(1) / SIZE,
        has_landmarks=torch.ones(len(boxes), dtype=torch.bool),
    )


def place_face(boxes: list[Box], generator: Generator) -> None:
    """Add a box that lies in the image and touches no other, if ten tries find one."""
    for _ in range(10):
        x, y, size, stretch = torch.rand(4, generator=generator).tolist()
        width = 10 * 2 ** (2.8 * size)
        height = min(width * (1 + 0.4 * stretch), SIZE - 2)
        left, top = x * (SIZE - width), y * (SIZE - height)
        if all(left > b[2] or top > b[3] or b[0] > left + width or b[1] > top + height for b in boxes):
            boxes.append((left, top, left + width, top + height))
            return


def draw_face(image: Tensor, box: Box, generator: Generator) -> Tensor:
    """Draw into ``box``; the five features' places, (5, 2) in pixels."""
    low, size = torch.tensor(box[:2]), torch.tensor(box[2:]) - torch.tensor(box[:2])
    angle = 0.8 * (torch.rand((), generator=generator) - 0.5)
    turn = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()]).view(2, 2)
    spread = 1 + 0.25 * (torch.rand(5, 2, generator=generator) - 0.5)
    points = ((FEATURES - 0.5) * spread @ turn + 0.5) * size + low
    middle = low + size / 2
    inside = ((X - middle[0]) / size[0]) ** 2 + ((Y - middle[1]) / size[1]) ** 2 < 0.25
    image[:, inside] = 0.3 * image[:, inside] + (0.3 + 0.9 * torch.rand(3, generator=generator))[:, None]
    for x, y in points.tolist():
        dark = (X - x) ** 2 + (Y - y) ** 2 < float(size[0] / 12) ** 2 + 0.6
        image[:, dark] -= 0.5 + 0.5 * torch.rand((), generator=generator)
    return points


def pick(generator: Generator, count: int) -> int:
    """An integer from 0 to ``count`` - 1."""
    return int(torch.randint(count, (1,), generator=generator))


if __name__ == "__main__":
    main()
