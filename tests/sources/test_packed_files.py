"""Files whose weights are packed: GGUF, and safetensors of bitsandbytes, GPTQ, AWQ, compressed-tensors and MXFP4."""

from __future__ import annotations

import json
import pathlib

import gguf
import numpy as np
import pytest
import torch
from gguf.constants import GGML_QUANT_SIZES
from safetensors.torch import save_file

import archscope
from archscope.errors import ArchscopeError, BuildError, ImportModelError, InputError
from archscope.sources import load
from archscope.sources.gguf import _KINDS


def written(path, tensors, architecture="llama"):
    """A file that llama.cpp's own writer made: ``tensors`` are (name, array, kind of quantisation or None)."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("tokenizer.ggml.model", "gpt2")
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "word"])
    writer.add_uint32("llama.block_count", 1)
    for name, array, kind in tensors:
        if kind is None:
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return str(path)


@pytest.fixture
def small(tmp_path):
    weight = np.ones((64, 256), dtype=np.float32)
    return written(
        tmp_path / "small.gguf",
        [
            ("token_embd.weight", weight, gguf.GGMLQuantizationType.Q8_0),
            ("blk.0.attn_q.weight", np.ones((32, 64), dtype=np.float32), gguf.GGMLQuantizationType.Q4_0),
            ("blk.0.attn_norm.weight", np.ones(64, dtype=np.float32), None),
            ("blk.0.ffn.weight", np.ones((8, 64), dtype=np.float16), None),
        ],
    )


def test_a_gguf_file_has_the_elements_before_packing_and_the_bytes_after(small):
    report = archscope.analyze(small)
    assert report.totals.parameters == 64 * 256 + 32 * 64 + 64 + 8 * 64
    # A block of 32 takes 34 bytes in Q8_0 and 18 in Q4_0.
    assert report.totals.parameter_bytes == 64 * 256 // 32 * 34 + 32 * 64 // 32 * 18 + 64 * 4 + 8 * 64 * 2
    assert report["blk.0"].parameters == 32 * 64 + 64 + 8 * 64
    assert report.totals.trainable == 64 + 8 * 64
    assert report.totals.macs is None
    shapes = {row.path: (row.shape, row.dtype) for row in report.parameters}
    assert shapes["blk.0.attn_q.weight"] == ((32, 64), "Q4_0")


def test_the_kinds_are_those_of_the_reference():
    for kind, (elements, size) in GGML_QUANT_SIZES.items():
        assert _KINDS[kind][1:] == (elements, size), kind.name
        assert _KINDS[kind][0] in {
            kind.name,
            {"F": "float", "I": "int"}.get(kind.name[0], "") + kind.name[1:],
            "bfloat16",
        }


def test_weights_alone_take_no_input_and_build_nothing(small):
    with pytest.raises(InputError, match="no code to run"):
        archscope.analyze(load(small), "1x3:int64")
    with pytest.raises(BuildError, match="weights alone"):
        load(small).build()


def test_every_cut_and_every_flipped_byte_of_the_header_is_an_error_or_a_model(small, tmp_path):
    content = pathlib.Path(small).read_bytes()
    place = tmp_path / "broken.gguf"
    tried = [content[:cut] for cut in range(0, len(content), 97)]
    tried += [content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :] for at in range(0, 700, 3)]
    errors = 0
    for broken in tried:
        place.write_bytes(broken)
        try:
            archscope.analyze(str(place))
        except ArchscopeError:
            errors += 1
    assert errors > len(tried) // 2


def saved(path, tensors):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return archscope.analyze(str(path))


def test_two_codes_of_bitsandbytes_in_a_byte_are_two_parameters(tmp_path):
    said = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [96, 128]}).encode()
    tensors = {
        "layer.weight": torch.zeros(96 * 128 // 2, 1, dtype=torch.uint8),
        "layer.weight.absmax": torch.zeros(96 * 128 // 64),
        "layer.weight.quant_map": torch.zeros(16),
        "layer.weight.quant_state.bitsandbytes__nf4": torch.tensor(list(said), dtype=torch.uint8),
        "layer.bias": torch.zeros(96, dtype=torch.bfloat16),
        "norm.weight": torch.zeros(128),
    }
    report = saved(tmp_path / "four.safetensors", tensors)
    assert report.totals.parameters == 96 * 128 + 96 + 128
    assert report.totals.parameter_bytes == 96 * 128 // 2 + 96 * 2 + 128 * 4
    assert report.totals.buffer_bytes == 96 * 128 // 64 * 4 + 16 * 4 + len(said)
    broken = tensors | {"layer.weight": torch.zeros(96 * 128 // 2 - 1, 1, dtype=torch.uint8)}
    with pytest.raises(ImportModelError, match=r"layer\.weight.*does not hold"):
        saved(tmp_path / "broken.safetensors", broken)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("ordered", [True, False])
def test_words_of_gptq_hold_codes_along_the_inputs(tmp_path, bits, ordered):
    inputs, outputs, group = 128, 96, 64
    tensors = {
        "q.qweight": torch.zeros(inputs * bits // 32, outputs, dtype=torch.int32),
        "q.qzeros": torch.zeros(inputs // group, outputs * bits // 32, dtype=torch.int32),
        "q.scales": torch.zeros(inputs // group, outputs, dtype=torch.float16),
        "q.bias": torch.zeros(outputs, dtype=torch.float16),
    }
    if ordered:
        tensors["q.g_idx"] = torch.zeros(inputs, dtype=torch.int32)
    report = saved(tmp_path / "gptq.safetensors", tensors)
    assert report.totals.parameters == inputs * outputs + outputs
    assert report.totals.parameter_bytes == inputs * outputs * bits // 8 + outputs * 2


def test_words_of_awq_hold_codes_along_the_outputs(tmp_path):
    tensors = {
        "q.qweight": torch.zeros(128, 96 // 8, dtype=torch.int32),
        "q.qzeros": torch.zeros(2, 96 // 8, dtype=torch.int32),
        "q.scales": torch.zeros(2, 96, dtype=torch.float16),
    }
    report = saved(tmp_path / "awq.safetensors", tensors)
    assert (report.totals.parameters, report.totals.parameter_bytes) == (128 * 96, 128 * 96 // 2)


def test_compressed_tensors_say_their_shape(tmp_path):
    tensors = {
        "q.weight_packed": torch.zeros(96, 17, dtype=torch.int32),  # 130 codes of 4 bits take 17 words
        "q.weight_shape": torch.tensor([96, 130]),
        "q.weight_scale": torch.zeros(96, 2, dtype=torch.bfloat16),
    }
    report = saved(tmp_path / "compressed.safetensors", tensors)
    assert (report.totals.parameters, report.totals.parameter_bytes) == (96 * 130, 96 * 17 * 4)
    with pytest.raises(ImportModelError, match="contradicts"):
        saved(tmp_path / "broken.safetensors", tensors | {"q.weight_shape": torch.tensor([95, 130])})


def test_blocks_of_mxfp4_hold_32_codes(tmp_path):
    tensors = {
        "experts.gate_up_proj_blocks": torch.zeros(4, 64, 3, 16, dtype=torch.uint8),
        "experts.gate_up_proj_scales": torch.zeros(4, 64, 3, dtype=torch.uint8),
    }
    report = saved(tmp_path / "mx.safetensors", tensors)
    assert report.totals.parameters == 4 * 64 * 3 * 32
    assert report.totals.parameter_bytes == 4 * 64 * 3 * 16


def test_names_that_only_look_packed_stay_as_they_are(tmp_path):
    tensors = {
        "stem_blocks": torch.zeros(4, 16, dtype=torch.uint8),
        "a.qweight": torch.zeros(4, 4, dtype=torch.int32),
        "b.weight_packed": torch.zeros(4, 4, dtype=torch.int32),
        "c.SCB": torch.zeros(4),
    }
    assert saved(tmp_path / "plain.safetensors", tensors).totals.parameters == 64 + 16 + 16 + 4
