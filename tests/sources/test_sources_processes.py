"""Every kind of MODEL through the command, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from repository import COMMAND
from safetensors.torch import save_file
from torch import nn

import archscope

NET = """
from torch import nn
class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.layer = nn.Linear(4, width)
    def forward(self, x):
        return self.layer(x)
"""
TIMM = """
from torch import nn
from types import SimpleNamespace
def list_models(): return ["tiny"]
def is_model(name): return name == "tiny"
def tiny(pretrained=False): return nn.Linear(4, 3)
def model_entrypoint(name): return tiny
def create_model(name, **options): return tiny(**options)
def get_pretrained_cfg(name): return SimpleNamespace(input_size=(2, 5, 4))
"""
TORCHVISION = """
from torch import nn
def tiny(*, weights=None): return nn.Linear(4, 3)
def list_models(): return ["tiny"]
def get_model_builder(name): return tiny
def get_model_weights(name): raise ValueError(name)
"""
# Llama 3.1 405B as published: 126 layers of 16,384.
LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    (folder / "net.py").write_text(NET)
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "nets.py").write_text(NET)
    (folder / "timm.py").write_text(TIMM)
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text("")
    (folder / "torchvision" / "models.py").write_text(TORCHVISION)
    (folder / "llama").mkdir()
    (folder / "llama" / "config.json").write_text(json.dumps(LLAMA))
    (folder / "archscope.toml").write_text('[models.mine]\nsource = "net.py:Net"\ninputs = ["5x4"]\n')
    model = nn.Linear(4, 3)
    torch.export.save(torch.export.export(model, (torch.ones(2, 4),)), folder / "linear.pt2")
    save_file(model.state_dict(), folder / "linear.safetensors")
    (folder / "saved.json").write_text(archscope.to_json(archscope.analyze(model, torch.ones(2, 4), name="saved")))
    return folder


def run(folder, *arguments):
    command = [COMMAND, "analyze", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


# Linear 4 x 3 + 3 = 15 parameters; 12 MACs for each row of the input.
@pytest.mark.parametrize(
    ("arguments", "parameters", "macs"),
    [
        (["net.py:Net", "--input", "2x4"], 15, 24),
        (["package.nets:Net", "--input", "x=2x4:float64", "--set", "width=2"], 10, 16),
        (["mine"], 15, 60),
        (["linear.pt2"], 15, 24),
        (["linear.safetensors"], 15, None),
        (["saved.json"], 15, 24),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_source_is_measured_by_the_command_in_its_own_process(folder, arguments, parameters, macs):
    done = run(folder, *arguments, "--json", "-")
    assert (done.returncode, done.stderr) == (0, "")
    totals = json.loads(done.stdout)["totals"]
    assert (totals["parameters"], totals["macs"]) == (parameters, macs)


@pytest.mark.parametrize(("name", "macs"), [("timm:tiny", 120), ("torchvision:tiny", None)])  # 2 x 5 rows; unknown
def test_timm_and_torchvision_are_measured_where_they_are_installed(folder, monkeypatch, name, macs):
    monkeypatch.setenv("PYTHONPATH", str(folder))
    done = run(folder, name, "--json", "-")
    assert (done.returncode, done.stderr) == (0, "")
    totals = json.loads(done.stdout)["totals"]
    assert (totals["parameters"], totals["macs"]) == (15, macs)


def test_a_model_of_405_billion_parameters_costs_less_than_one_and_a_half_gigabytes(folder):
    # Each layer: 2 x 16384^2 for q and o, 2 x 16384 x 1024 for k and v, 3 x 16384 x 53248, two norms of 16384.
    layer = 2 * 16384**2 + 2 * 16384 * 1024 + 3 * 16384 * 53248
    embedding = 128256 * 16384
    watched = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(done.returncode)"
    )  # apart from all other children of these tests
    command = [sys.executable, "-c", watched, COMMAND, "analyze", "hf:llama", "--json", "-"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["totals"]["parameters"] == 126 * (layer + 2 * 16384) + 2 * embedding + 16384 == 405_853_388_800
    # 128 tokens: every weight matrix but the embedding's, and twice 128 x 128 x 16384 in attention.
    assert found["totals"]["macs"] == 128 * (126 * layer + embedding) + 126 * 2 * 128 * 128 * 16384
    assert found["model"]["device"] == "meta"
    peak = int(done.stderr.split()[-1]) * (1 if sys.platform == "darwin" else 1024)
    assert peak < 1_500_000_000
