"""timm and torchvision through small stand-ins with the same functions; transformers as it is."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import BuildError, ImportModelError, OptionError, SpecError
from archscope.sources import load


class Tiny(nn.Module):
    """A convolution and a classifier."""

    def __init__(self, channels=3, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(channels, 2, 3, bias=False)
        self.head = nn.Linear(2, classes)

    def forward(self, x):
        return self.head(self.stem(x).mean((2, 3)))


@pytest.fixture
def timm(monkeypatch):
    def tiny_net(*, pretrained=False, in_chans=3, num_classes=5):
        assert not pretrained
        return Tiny(in_chans, num_classes)

    library = SimpleNamespace(
        list_models=lambda: ["tiny_net", "other"],
        is_model=lambda name: name.partition(".")[0] in {"tiny_net", "other"},
        model_entrypoint={"tiny_net": tiny_net, "other": tiny_net}.get,
        create_model=lambda name, **options: tiny_net(**options),
        get_pretrained_cfg=lambda name: SimpleNamespace(input_size=(3, 12, 10)) if "tiny" in name else None,
    )
    monkeypatch.setitem(sys.modules, "timm", library)


def test_a_timm_model_is_run_on_the_input_of_its_pretrained_config(timm):
    report = archscope.analyze(load("timm:tiny_net.some_tag"))
    # 3 x 2 x 9 weights on 10 x 8 outputs, and 2 x 5.
    assert report.totals.macs == 54 * 80 + 10
    assert report.inputs[0].shape == (1, 3, 12, 10)
    assert report.model.name == "tiny_net.some_tag"


def test_options_of_a_timm_model_change_its_input_too(timm):
    spec = load("timm:tiny_net", in_chans=1, num_classes=7)
    assert spec.inputs[0].shape == (1, 1, 12, 10)
    assert [(option.name, option.default) for option in spec.options] == [("in_chans", 3), ("num_classes", 5)]
    assert archscope.analyze(spec).totals.parameters == 18 + 2 * 7 + 7
    assert load("timm:tiny_net", img_size=16).inputs[0].shape == (1, 3, 16, 16)


def test_a_timm_model_without_a_config_gives_parameters_alone(timm):
    totals = archscope.analyze(load("timm:other")).totals
    assert (totals.parameters, totals.macs) == (54 + 15, None)


def test_weights_and_unknown_names_and_options_of_timm_are_refused(timm):
    with pytest.raises(OptionError):
        load("timm:tiny_net", pretrained=True)
    with pytest.raises(SpecError) as caught:
        load("timm:tinynet")
    assert "did you mean tiny_net?" in caught.value.help
    with pytest.raises(BuildError) as caught:
        load("timm:tiny_net", width=3).build()
    assert "tiny_net(*, pretrained=False, in_chans=3, num_classes=5)" in caught.value.help


def weights(crop=None, resize=None, **meta):
    transforms = SimpleNamespace(**({"crop_size": crop} if crop else {}), **({"resize_size": resize} if resize else {}))
    return SimpleNamespace(transforms=lambda: transforms, meta=meta)


@pytest.fixture
def torchvision(monkeypatch):
    def builder(home):
        def build(*, weights=None, progress=True, num_classes=5, weights_backbone="DEFAULT"):
            assert weights is None
            assert weights_backbone is None  # else torchvision would fetch them
            return Tiny(3, num_classes)

        build.__module__ = home
        return build

    builders = {
        "tiny": builder("torchvision.models.tiny"),
        "segment": builder("torchvision.models.segmentation.tiny"),
        "detect": builder("torchvision.models.detection.tiny"),
        "film": builder("torchvision.models.video.tiny"),
        "flow": builder("torchvision.models.optical_flow.tiny"),
        "bare": builder("torchvision.models.bare"),
    }
    known = {
        "tiny": [weights(crop=[16], resize=[20]), weights(crop=[12], resize=[20])],
        "segment": [weights(resize=[14])],
        "detect": [weights()],
        "film": [weights(crop=(12, 10), min_temporal_size=20)],
        "flow": [weights(min_size=(16, 8))],
    }

    def get_model_weights(name):
        if name not in known:
            raise ValueError("no weights")
        return known[name]

    library = SimpleNamespace(
        list_models=lambda: list(builders), get_model_builder=builders.get, get_model_weights=get_model_weights
    )
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(models=library))
    monkeypatch.setitem(sys.modules, "torchvision.models", library)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("tiny", [(1, 3, 12, 12)]),
        ("segment", [(1, 3, 14, 14)]),
        ("detect", [(1, 3, 800, 800)]),
        ("film", [(1, 3, 20, 12, 10)]),
        ("flow", [(1, 3, 512, 512), (1, 3, 512, 512)]),
        ("bare", []),
    ],
)
def test_a_torchvision_model_is_run_on_what_its_transforms_produce(torchvision, name, shapes):
    assert [spec.shape for spec in load(f"torchvision:{name}").inputs] == shapes


def test_a_torchvision_model_is_built_without_any_weights(torchvision):
    report = archscope.analyze(load("torchvision:tiny", num_classes=2))
    assert (report.totals.parameters, report.totals.macs) == (54 + 6, 54 * 100 + 4)
    for key in ("weights", "weights_backbone"):
        with pytest.raises(OptionError):
            load("torchvision:tiny", **{key: "DEFAULT"})
    with pytest.raises(SpecError, match="has no model 'tny'"):
        load("torchvision:tny")


def test_a_library_that_is_broken_is_told_apart_from_one_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "timm.py").write_text("import nowhere_to_be_found\n")
    with pytest.raises(ImportModelError, match=r"timm is installed but cannot be imported.*nowhere_to_be_found"):
        load("timm:resnet50")


SMALL = {
    "model_type": "bert",
    "architectures": ["BertForMaskedLM"],
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 50,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
}
# word 800 + position 640 + type 32 + norm 32; per layer 4 x (16 x 16 + 16) + (16 x 32 + 32) + (32 x 16 + 16) + 2 x 32.
BERT = 800 + 640 + 32 + 32 + 2 * (1088 + 544 + 528 + 64)
# transform 16 x 16 + 16 and its norm 32, bias of the output 50; its weight is the word embedding.
HEAD = 272 + 32 + 50


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small-bert").mkdir()
    (tmp_path / "small-bert" / "config.json").write_text(json.dumps(SMALL))
    return tmp_path / "small-bert"


def test_a_folder_and_a_config_file_of_transformers_are_the_same_model(folder):
    report = archscope.analyze(load(f"hf:{folder}"))
    assert (report.model.name, report.totals.parameters, report.model.device) == ("small-bert", BERT + HEAD, "meta")
    assert [(record.name, record.shape, record.dtype) for record in report.inputs] == [("input_ids", (1, 40), "int64")]
    other = archscope.analyze(load(f"hf:{folder}/config.json"))
    assert other.totals == report.totals


def test_options_set_fields_of_the_configuration(folder):
    spec = load(f"hf:{folder}", num_hidden_layers=1)
    assert archscope.analyze(spec).totals.parameters == BERT + HEAD - (1088 + 544 + 528 + 64)
    assert [(option.name, option.value, option.default) for option in spec.options] == [("num_hidden_layers", 1, 2)]
    with pytest.raises(OptionError) as caught:
        load(f"hf:{folder}", hidden_sizes=1)
    assert "did you mean hidden_size" in caught.value.help


def test_a_configured_dtype_is_the_dtype_of_the_weights(folder):
    (folder / "config.json").write_text(json.dumps({**SMALL, "dtype": "bfloat16"}))
    report = archscope.analyze(load(f"hf:{folder}"))
    assert {record.dtype for record in report.parameters} == {"bfloat16"}
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("BertConfig", {"input_ids": (1, 128)}),
        ("XLNetModel", {"input_ids": (1, 128)}),
        ("OwlViTModel", {"input_ids": (1, 16), "pixel_values": (1, 3, 768, 768)}),
        ("Blip2Model", {"pixel_values": (1, 3, 224, 224), "input_ids": (1, 128)}),
        ("ViTModel", {"pixel_values": (1, 3, 224, 224)}),
        ("T5Model", {"input_ids": (1, 128), "decoder_input_ids": (1, 128)}),
        ("WhisperModel", {"input_features": (1, 80, 3000), "decoder_input_ids": (1, 128)}),
        ("CLIPModel", {"input_ids": (1, 77), "pixel_values": (1, 3, 224, 224)}),
        ("Wav2Vec2Model", {"input_values": (1, 16000)}),
        ("ASTModel", {"input_values": (1, 1024, 128)}),
        ("VideoMAEModel", {"pixel_values": (1, 16, 3, 224, 224)}),
    ],
)
def test_the_inputs_of_a_class_of_transformers_follow_its_configuration(name, inputs):
    assert {spec.name: spec.shape for spec in load(f"hf:{name}").inputs} == inputs


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("hf:BertModle", "has no class 'BertModle'"),
        ("hf:pipeline", "neither a model nor a configuration"),
        ("hf:org/name", "there is no file or folder"),
        ("hf:.", "holds no config.json"),
    ],
)
def test_what_transformers_does_not_have_is_told_and_nothing_is_fetched(tmp_path, monkeypatch, text, what):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(archscope.ArchscopeError, match=what):
        load(text)


def test_a_config_that_brings_code_of_its_own_is_refused(tmp_path):
    config = {"model_type": "mystery", "auto_map": {"AutoModel": "modeling.Mystery"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(SpecError, match="code of its own, which archscope does not run"):
        load(f"hf:{tmp_path}")
    for text, what in (("{,", "is not JSON"), ("[]", "has no model_type")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(SpecError, match=what):
            load(f"hf:{tmp_path}")
