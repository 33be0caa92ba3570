"""What sizes are called: by the source of a model where it knows, by custom where it does not."""

from __future__ import annotations

import pytest
from torch import nn

import archscope
from archscope.errors import UsageError
from archscope.judge.scaling.scale import Scaler


def places(spec, name):
    (found,) = Scaler(spec, over={name: (1, 2)}).dimensions
    return found.places


def test_the_detector_of_the_zoo_says_which_axes_are_which():
    spec = archscope.load("featherface-baseline")
    assert places(spec, "batch") == ("image[0]",)
    assert places(spec, "size") == ("image[2]", "image[3]")


@pytest.mark.parametrize(
    ("name", "dimension", "expected"),
    [
        ("T5ForConditionalGeneration", "sequence", ("input_ids[1]", "decoder_input_ids[1]")),
        ("T5ForConditionalGeneration", "batch", ("input_ids[0]", "decoder_input_ids[0]")),
        ("CLIPModel", "size", ("pixel_values[2]", "pixel_values[3]")),
        ("CLIPModel", "sequence", ("input_ids[1]",)),
        ("VideoMAEModel", "frames", ("pixel_values[1]",)),
        ("LayoutLMModel", "sequence", ("input_ids[1]", "bbox[1]")),
    ],
)
def test_models_of_transformers_say_them_by_their_arguments(name, dimension, expected):
    assert places(archscope.load(f"hf:{name}"), dimension) == expected


class Frames(nn.Module):
    def forward(self, clip):
        return clip * 2


def test_what_the_source_says_wins_over_custom():
    inputs = (archscope.InputSpec(shape=(4, 1, 8), axes=("frames", "batch", "features")),)
    spec = archscope.ModelSpec(name="frames", source="", build=Frames, inputs=inputs)
    assert places(spec, "batch") == ("clip[1]",)
    assert places(spec, "frames") == ("clip[0]",)
    with pytest.raises(UsageError, match="the source of the model calls them frames, batch, features"):
        places(spec, "sequence")


def test_a_list_of_images_is_a_batch_taken_apart():
    class Detector(nn.Module):
        def forward(self, images):
            return [image * 2 for image in images]

    spec = archscope.ModelSpec(
        name="detector",
        source="",
        build=Detector,
        inputs=(archscope.InputSpec(shape=(1, 3, 64, 64), axes=("batch", "channels", "height", "width")),),
    )
    scaler = Scaler(spec, archscope.Inputs(args=([archscope.InputSpec(shape=(3, 64, 64))],)), over={"size": (64, 96)})
    assert scaler.dimensions[0].places == ("images[0][1]", "images[0][2]")
