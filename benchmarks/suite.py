"""The models that the benchmarks measure: whole architectures on meta, convolutional, transformers, experts, states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import archscope

_IMAGE = {"pixel_values": (1, 3, 224, 224)}
_TOKENS = {"input_ids": (1, 128)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model with its inputs, both on meta; ``run`` is a bare forward."""

    name: str
    model: nn.Module
    inputs: archscope.Inputs

    def run(self) -> None:
        """Call the model without gradients."""
        with torch.no_grad():
            self.model(*self.inputs.args, **self.inputs.kwargs)

    def analyze(self) -> archscope.Report:
        """Trace and analyse the model."""
        return archscope.analyze(self.model, self.inputs)


# name: (class of transformers, settings of its config, shapes of its inputs)
_TRANSFORMERS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "resnet-50": ("ResNetForImageClassification", {}, _IMAGE),
    "convnext-tiny": ("ConvNextForImageClassification", {}, _IMAGE),
    "mobilenet-v2": ("MobileNetV2ForImageClassification", {}, _IMAGE),
    "regnet-y-4gf": ("RegNetForImageClassification", {}, _IMAGE),
    "vit-b-16": ("ViTForImageClassification", {}, _IMAGE),
    "swin-tiny": ("SwinForImageClassification", {}, _IMAGE),
    "bert-base": ("BertModel", {}, _TOKENS),
    "gpt2": ("GPT2LMHeadModel", {}, {"input_ids": (1, 1024)}),
    "t5-small": ("T5ForConditionalGeneration", {}, {**_TOKENS, "decoder_input_ids": (1, 128)}),
    "llama-7b": ("LlamaForCausalLM", {}, {"input_ids": (1, 2048)}),
    "mixtral-8x7b": ("MixtralForCausalLM", {"dtype": torch.bfloat16}, _TOKENS),
    "mamba-130m": ("MambaForCausalLM", {"hidden_size": 768, "num_hidden_layers": 24}, _TOKENS),
}
_ZOO = ("featherface-baseline", "featherface-v2")
NAMES = (*_ZOO, *_TRANSFORMERS)


def subject(name: str, *, device: str = "meta") -> Subject:
    """The model called ``name``, built on ``device``."""
    if name in _ZOO:
        spec = archscope.load(name)
        with torch.device(device):
            inputs = archscope.Inputs(args=(torch.zeros(spec.inputs[0].shape),))
            return Subject(name=name, model=spec.build().eval(), inputs=inputs)
    cls, settings, shapes = _TRANSFORMERS[name]
    return of_transformers(name, cls, settings, shapes, device=device)


def of_transformers(
    name: str, cls: str, settings: dict[str, Any], shapes: dict[str, tuple[int, ...]], *, device: str = "meta"
) -> Subject:
    """What the class ``cls`` of transformers builds from ``settings``."""
    import transformers

    found = getattr(transformers, cls)
    with torch.device(device):
        model = found._from_config(found.config_class(**settings)).eval()  # noqa: SLF001 - it heeds the dtype
        tensors = {key: _input(key, shape) for key, shape in shapes.items()}
    return Subject(name=name, model=model, inputs=archscope.Inputs(kwargs=tensors))


def _input(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.int64 if name.endswith("_ids") else torch.float32)
