"""What the axes of an argument of transformers are called: as its documentation does, in the usual words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archscope.spec import IMAGES, VIDEOS

ONE = frozenset({"batch_size", "bs", "batch", "b", "num_images", "num_videos", "num_audios", "1"})
ONE |= {"num_crops", "num_chunks", "num_questions", "num_images_or_videos", "total_classes"}
SEQUENCES = re.compile(r"\w*(?:sequence_length|seq_len|seq_length|length|time_steps)")
_TOKENS = ("batch", "sequence")
_PIXELS = frozenset({"pixel_values", "pixel_values_videos", "hidden_states"})
_CALLED = {"num_channels": "channels", "num_frames": "frames"}


def axes_of(name: str, shape: Sequence[int], documented: Sequence[str]) -> tuple[str, ...]:
    """The names of the axes of the argument ``name`` with this ``shape``; empty where nobody says them.

    ``documented`` are the dimensions that the documentation of ``forward`` gives it.
    """
    if name in {"input_ids", "decoder_input_ids"} and len(shape) == len(_TOKENS):
        return _TOKENS if shape[0] == 1 else ("", "sequence")  # a row for each codebook of each of the batch
    if name == "bbox":
        return (*_TOKENS, "corner")
    if name in _PIXELS and len(shape) in {len(IMAGES), len(VIDEOS)}:
        if len(shape) == len(IMAGES):
            return IMAGES
        return ("batch", "frames", "channels", "height", "width")
    if len(documented) != len(shape):
        return ()
    return tuple(
        "batch" if place == 0 and dim in ONE else "sequence" if SEQUENCES.fullmatch(dim) else _CALLED.get(dim, dim)
        for place, dim in enumerate(documented)
    )
