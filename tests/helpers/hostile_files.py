"""Every reader of archscope, with inputs that break its rules: good ones, changed by a seeded random source."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from made import made_report
from mutations import (
    SCALARS,
    blown_up,
    json_like,
    mutated_bytes,
    mutated_plain,
    mutated_text,
    program_like,
    toml_like,
    weights_like,
)
from onnx.helper import make_node
from onnx_graphs import model, tensor, value
from PIL import Image
from scipy import io as scipy_io
from tflite_graphs import Graph, Op, T, built, const
from told import REPORT_FORMATS, render_text
from torch import nn

import archscope
from archscope import Component
from archscope.cli.report_folder import free_folder
from archscope.config import load_config
from archscope.faces.ground_truth import DIFFICULTIES, Picture, read_ground_truth, write_ground_truth
from archscope.faces.images import read_image
from archscope.faces.labels import read_labels
from archscope.faces.predictions import read_boxes
from archscope.faces.training.recipe import Recipe
from archscope.judge.claims_file import read_claims
from archscope.judge.lock.entries import lock_entry
from archscope.judge.lock.file import read_lock, render_lock
from archscope.judge.plan_file import read_targets
from archscope.judge.sweep_options import parse_axes, parse_vary
from archscope.measure.summing.components import assign
from archscope.policy import Limit, LockPolicy
from archscope.protocols.marked_blocks import refreshed
from archscope.results.printed_figure import Published
from archscope.serial import from_json, to_json
from archscope.sources.checkpoint import from_checkpoint
from archscope.sources.exported import from_exported
from archscope.sources.gguf import from_gguf
from archscope.sources.huggingface import from_huggingface
from archscope.sources.inputs import parse_inputs
from archscope.sources.onnx_file.source import from_onnx
from archscope.sources.settings import parse_settings
from archscope.sources.tflite_file import from_tflite
from archscope.spec import InputSpec, ModelSpec
from archscope.units import parse_count


class Net(nn.Module):
    """A small network with a shared module, a bare parameter and a buffer."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU())
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.body(x).mean() * self.scale


def _report():
    report = archscope.analyze(Net().eval(), torch.rand(1, 3, 16, 16), keep_calls=True, training="adamw")
    return json.loads(to_json(report))


def _small_report():
    return json.loads(to_json(made_report({"": ("Rest", 1, 0, 5), "a": ("A", 2, 3, 6), "a.b": ("A", 7, 7, 14)})))


CONFIG = """\
[models.net]
source = "net.py:Net"
inputs = ["1x3x64x64", "ids=1x8:int64"]
options = { width = 8, act = "relu", bias = true }
[[models.net.components]]
name = "Body"
match = ["body.**", "*.conv?"]
role = "backbone"
[[budgets]]
name = "small"
model = "net"
metric = "parameters"
max = "<0.25M"
warn = 200_000
message = "flash"
[[budgets]]
name = "part"
model = "net"
metric = "macs"
component = "Body"
max = "60%"
[lock]
metrics = ["parameters", "macs"]
tolerance = "1%"
depth = 2
"""
CLAIMS = """\
document = "paper"
model = "net"
[[claims]]
what = "parameters"
metric = "parameters"
value = "0.592M"
[[claims]]
what = "macs"
metric = "macs"
value = "~1.2G"
tolerance = "1 %"
[[claims]]
what = "all"
sum = ["parameters", "100"]
value = 592_471
"""
TARGETS = """\
model = "net"
inputs = ["1x3x64x64"]
[goal]
metric = "parameters"
max = "0.25M"
[[targets]]
component = "Body"
current = "0.4M"
target = 200_000
[[proposals]]
name = "narrow"
saves = "100K"
options = { width = 16 }
"""
HF = (
    {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": 100,
        "attn_implementation": "sdpa",
        "id2label": {"0": "a", "1": "b"},
        "_name_or_path": "owner/name",
    },
    {
        "model_type": "clip",
        "text_config": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50},
        "vision_config": {"hidden_size": 16, "num_hidden_layers": 1, "image_size": 32, "patch_size": 8},
    },
    {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "rope_scaling": {"type": "linear", "factor": 2}},
    {"model_type": "detr", "backbone": "resnet18", "use_timm_backbone": True, "backbone_config": None},
)
LABELS = (
    "# 0--Parade/a.jpg\n449 330 122 149 488.9 373.6 0 542.1 376.4 0 515 412.8 0 485 425 0 538 431 0 0.8\n",
    "0--Parade/a.jpg\n2\n449 330 122 149 0 0 0 0 0 0 \n361 98 263 339 0 0 0 1 0 0 \n",
)
PREDICTION = "a\n2\n449.0 330.0 122.0 149.0 0.99\n361.5 98.25 263.0 339.0 0.5\n"
HF_SCALARS = (*SCALARS, "eager", "hf-hub:owner/name", {"auto_map": {"AutoModel": "m.M"}}, {"model_type": "bert"}, 10**9)


def _lock():
    report = archscope.analyze(Net().eval(), torch.rand(1, 3, 16, 16))
    return render_lock([lock_entry("net", report, LockPolicy())])


def _saved(value):
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def _exported(folder):
    batch, height = torch.export.Dim("b"), torch.export.Dim("h", min=8, max=640)
    shapes = ({0: batch, 2: height},)
    program = torch.export.export(Net().eval(), (torch.rand(2, 3, 16, 16),), dynamic_shapes=shapes)
    torch.export.save(program, folder / "net.pt2")
    return (folder / "net.pt2").read_bytes()


def _graph():
    nodes = [make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]), make_node("Relu", ["y"], ["z"])]
    weights = [tensor("w", np.ones((4, 3, 3, 3), np.float32))]
    made = model(nodes, [value("x", [1, 3, 8, 8])], [value("z", [1, 4, 8, 8])], weights)
    return made.SerializeToString()


def _flat():
    """Two TFLite files: layers with weights of several types, and subgraphs that call each other."""
    layers = Graph(
        [
            T("x", (1, 8, 8, 3), signature=(-1, 8, 8, 3)),
            const("stem/w", np.ones((4, 3, 3, 3), np.int8), scales=(0.5, 0.5, 0.5, 0.5)),
            const("stem/b", np.ones(4, np.float32)),
            T("stem/Conv2D;stem/Relu", (1, 8, 8, 4), signature=(-1, 8, 8, 4)),
            const("s", np.array([-1, 256], np.int32)),
            T("flat", (1, 256)),
            T("sparse", (2, 256), data=b"abcd", dtype="int8", sparse=([0, 2, 4], [0, 1, 2, 3])),
            T("y", (1, 2)),
            T("state", (1, 2), variable=True),
            T("z", (1, 2)),
        ],
        [
            Op("CONV_2D", ("x", "stem/w", "stem/b"), ("stem/Conv2D;stem/Relu",), "Conv2DOptions",
               {"Padding": 0, "StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1,
                "FusedActivationFunction": 1}),
            Op("RESHAPE", ("stem/Conv2D;stem/Relu", "s"), ("flat",), "ReshapeOptions", {"NewShape": [-1, 256]}),
            Op("FULLY_CONNECTED", ("flat", "sparse", None), ("y",), "FullyConnectedOptions", {}),
            Op("detector", ("y", "state"), ("z",), custom=bytes(24), is_custom=True),
        ],
        ("x",),
        ("z",),
    )  # fmt: skip
    less = Graph(
        [T("i", (), "int32"), const("n", np.array(3, np.int32)), T("c", (), "bool")],
        [Op("LESS", ("i", "n"), ("c",))], ("i",), ("c",),
    )  # fmt: skip
    more = Graph(
        [T("i", (), "int32"), const("one", np.array(1, np.int32)), T("j", (), "int32")],
        [Op("ADD", ("i", "one"), ("j",), "AddOptions", {})], ("i",), ("j",),
    )  # fmt: skip
    loop = Graph(
        [T("x", (1, 2)), const("start", np.array(0, np.int32)), T("end", (), "int32"), T("y", (1, 2))],
        [
            Op("WHILE", ("start",), ("end",), "WhileOptions", {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2}),
            Op("NEG", ("x",), ("y",)),
        ],
        ("x",), ("y", "end"),
    )  # fmt: skip
    return built(layers, [("main", 0, {"x": "x"})]), built([loop, less, more])


def flat_like(random, content):
    """A file whose tables stand where they did, with some numbers changed; or one changed anyhow."""
    if random.random() < 0.3:
        return mutated_bytes(random, content)
    made = bytearray(content)
    for _ in range(random.randint(1, 5)):
        at = random.randrange(len(made))
        made[at] = random.choice((random.randrange(256), made[at] ^ 1 << random.randrange(8), 0, 1, 127, 255))
    return bytes(made)


def read_tflite(path):
    """A TFLite file, followed with a batch of 1 where it leaves that open."""
    return from_tflite(str(path), path).trace((InputSpec(shape=(1, 8, 8, 3), name=""),))


def _picture(form):
    stream = io.BytesIO()
    Image.fromarray(np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)).save(stream, form)
    return stream.getvalue()


def _unzipped(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def safetensors_like(random, header, data):
    """A safetensors file with its header, its length or its bytes changed."""
    how = random.random()
    text = json_like(random, header).encode("utf-8", "surrogatepass") if how < 0.85 else json.dumps(header).encode()
    length = len(text) if random.random() < 0.95 else random.choice((0, 1, 2**62, 2**64 - 1, len(text) + 5))
    whole = length.to_bytes(8, "little") + text + data
    return whole if how < 0.9 else mutated_bytes(random, whole)


def words_like(random, good):
    """Arguments of the command line, changed."""
    made = [mutated_text(random, random.choice(good)) for _ in range(random.choice((1, 1, 2)))]
    return made if random.random() < 0.999 else [blown_up(random, made[0])]


def patterns_like(random):
    """Component patterns and the paths that they are matched with."""
    signs = ("*", "**", "?", ".", "a", "b", "conv", "Z", "!", "[", ".**", "*a", "?*")
    patterns = ["".join(random.choices(signs, k=random.choice((1, 3, 8, 60)))) for _ in range(random.randint(1, 3))]
    if random.random() < 0.001:
        patterns = [random.choice(signs) * random.choice((9_000, 500_000))]
    paths = [""]
    for _ in range(random.choice((1, 5, 30))):
        name = random.choice(("a", "b", "conv1", "0", "a" * 60, "ab" * 200))
        parent = random.choice(paths)
        path = f"{parent}.{name}" if parent else name
        paths += [path] if path not in paths and len(path) < 3000 else []
    return patterns, paths


@dataclass(frozen=True)
class Reader:
    """``make`` gives an input from a random source, ``read`` hands it to archscope; ``size`` tells its bytes."""

    make: object
    read: object
    suffix: str = ""


def readers(folder):
    """Every reader of archscope by name; files are written into ``folder``."""
    torch.manual_seed(0)
    folder = Path(folder)
    reports = [_report(), _small_report()]
    lock = _lock()
    state = {"body.0.weight": torch.rand(4, 3), "body.0.bias": torch.rand(4), "a.running_mean": torch.rand(2)}
    weights = (
        _unzipped(_saved(OrderedDict(state))),
        pickle.dumps({"state_dict": {"a": 1}}),
        _legacy(state),
    )
    program = _unzipped(_exported(folder))
    entry = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    header = {"a.weight": entry, "a.bias": entry | {"shape": [6]}, "b": entry, "__metadata__": {"format": "pt"}}
    index = {"metadata": {"total_size": 24}, "weight_map": {"a.weight": "one.safetensors"}}
    (folder / "one.safetensors").write_bytes(safetensors(header, b"\0" * 24))

    packed, listed = safetensors(PACKED, PACKED_STATE), gguf_file()
    truth, small = _truth(folder), from_json(json.dumps(reports[1]))
    graph, flat, pictures = _graph(), _flat(), [_picture("PNG"), _picture("JPEG"), _picture("WEBP")]

    def of_file(name, read):
        path = folder / name

        def run(content):
            path.write_bytes(content)
            return read(path)

        return run

    def encoded(make):
        return lambda random: make(random).encode("utf-8", "surrogatepass")

    return {
        "report JSON": Reader(lambda random: json_like(random, random.choice(reports)), read_report),
        "archscope.toml": Reader(encoded(lambda r: toml_like(r, CONFIG)), of_file("archscope.toml", load_config)),
        "archscope.lock": Reader(
            encoded(lambda r: toml_like(r, lock)), of_file("archscope.lock", lambda path: read_lock(path, "lock"))
        ),
        "claims TOML": Reader(encoded(lambda r: toml_like(r, CLAIMS)), of_file("claims.toml", read_claims)),
        "targets TOML": Reader(encoded(lambda r: toml_like(r, TARGETS)), of_file("targets.toml", read_targets)),
        "hf config.json": Reader(
            encoded(config_like),
            of_file("config.json", lambda path: from_huggingface("hf:x", str(path), Path(), {})),
        ),
        "safetensors": Reader(
            lambda r: safetensors_like(r, header, b"\0" * 24), of_file("x.safetensors", read_weights)
        ),
        "safetensors index": Reader(
            encoded(lambda r: json_like(r, index)), of_file("x.safetensors.index.json", read_weights)
        ),
        "packed safetensors": Reader(
            lambda r: mutated_bytes(r, packed) if r.random() < 0.5 else safetensors_like(r, PACKED, PACKED_STATE),
            of_file("p.safetensors", read_weights),
        ),
        "GGUF": Reader(lambda r: mutated_bytes(r, listed), of_file("x.gguf", read_gguf)),
        ".pt/.pth": Reader(lambda r: weights_like(r, weights), of_file("x.pth", read_weights)),
        ".pt2": Reader(lambda r: program_like(r, program), of_file("x.pt2", lambda path: from_exported("x", path))),
        "ONNX": Reader(lambda r: mutated_bytes(r, graph), of_file("x.onnx", lambda path: from_onnx(str(path), path))),
        "TFLite": Reader(lambda r: flat_like(r, r.choice(flat)), of_file("x.tflite", read_tflite)),
        "labels of faces": Reader(
            encoded(lambda r: mutated_text(r, r.choice(LABELS))), of_file("label.txt", read_labels)
        ),
        "prediction file": Reader(encoded(lambda r: mutated_text(r, PREDICTION)), of_file("x.txt", read_boxes)),
        "picture": Reader(lambda r: mutated_bytes(r, r.choice(pictures)), of_file("x.png", read_image)),
        "ground truth (.mat)": Reader(lambda r: mutated_bytes(r, r.choice(truth)), truth_reader(folder)),
        "recipe.json": Reader(
            lambda r: json_like(r, json.loads(Recipe().to_json())), lambda text: Recipe().require_same(text, "recipe")
        ),
        "README (embed)": Reader(readme_like, lambda text: refreshed(text, "README.md", lambda _: small)),
        "report folder": Reader(
            encoded(lambda r: json_like(r, random_report(r, reports))), of_file("report.json", folder_reader(small))
        ),
        "input shapes (--input)": Reader(
            lambda r: words_like(r, ("1x3x640x640", "ids=1x128:int64", "1, 3, 64", "[1 2]", "()")), parse_inputs
        ),
        "settings (--set)": Reader(
            lambda r: words_like(r, ("width=32", "lr=1e-3", "act='relu'", "mask=false")), parse_settings
        ),
        "limits and counts": Reader(
            lambda r: words_like(r, ("<0.25M", "60%", "249_999", "~1.2G", "41.7 %")), read_limit
        ),
        "sweeps (--vary, --axes)": Reader(
            lambda r: words_like(r, ("a=1:9:2", "b=x,y", "parameters:min,macs:max")), read_vary
        ),
        "component patterns": Reader(patterns_like, read_patterns),
    }


README = """\
# A network
<!-- archscope: net.py:Net table -->
| a | b |
<!-- /archscope -->
```
<!-- archscope: net.py:Net line -->
```
<!-- archscope: net.py:Net badge macs --input 1x3x64x64 --set 'a=1' -->
<!-- /archscope -->
# archscope: net.py:Net metadata
parameters: 1
# /archscope
"""


def readme_like(random):
    """A README with marked blocks, changed."""
    return mutated_text(random, README) if random.random() < 0.998 else blown_up(random, README)


def random_report(random, reports):
    """What a folder's report.json holds: a report, or as little of it as is looked at."""
    return random.choice((*reports, {"model": {"source": "net.py:Net", "options": [{"name": "a", "value": 1}]}}))


def folder_reader(report):
    """What asks a folder of reports whose it is."""
    return lambda path: free_folder(report, path.parent.parent)


def _truth(folder):
    """MATLAB files as scipy writes them, packed and not."""
    counted = {difficulty: np.array([0]) for difficulty in DIFFICULTIES}
    write_ground_truth(folder, (Picture(event="e", name="p", boxes=np.ones((2, 4)), counted=counted),))
    packed = (folder / "wider_hard_val.mat").read_bytes()
    scipy_io.savemat(folder / "plain.mat", scipy_io.loadmat(folder / "wider_hard_val.mat"))
    return packed, (folder / "plain.mat").read_bytes()


def truth_reader(folder):
    """The ground truth whose third list is the file that is given; scipy reads it in a process of its own."""

    def read(content):
        (folder / "wider_hard_val.mat").write_bytes(content)
        return read_ground_truth(folder)

    return read


def config_like(random):
    """A configuration of transformers, changed."""
    plain = random.choice(HF)
    if random.random() < 0.75:
        return json.dumps(mutated_plain(random, plain, HF_SCALARS))
    return json_like(random, plain)


def safetensors(header, data):
    """A whole safetensors file."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


PACKED_STATE = b'{"quant_type": "nf4", "shape": [4, 6]}' + bytes(12) + bytes([1, *bytes(7), 16, *bytes(7)])
PACKED = {
    "a.weight.quant_state.bitsandbytes__nf4": {"dtype": "U8", "shape": [38], "data_offsets": [0, 38]},
    "a.weight": {"dtype": "U8", "shape": [12, 1], "data_offsets": [38, 50]},
    "q.qweight": {"dtype": "I32", "shape": [1, 2], "data_offsets": [38, 46]},
    "q.scales": {"dtype": "F16", "shape": [1, 2], "data_offsets": [46, 50]},
    "q.g_idx": {"dtype": "U8", "shape": [8], "data_offsets": [38, 46]},
    "m.weight_packed": {"dtype": "I32", "shape": [1, 2], "data_offsets": [38, 46]},
    "m.weight_shape": {"dtype": "I64", "shape": [2], "data_offsets": [50, 66]},
    "e_blocks": {"dtype": "U8", "shape": [1, 16], "data_offsets": [34, 50]},
    "e_scales": {"dtype": "U8", "shape": [1], "data_offsets": [49, 50]},
}


def gguf_file():
    """A whole GGUF file, version 3: two pieces of metadata, an array among them, and two tensors."""

    def number(value, size=8):
        return value.to_bytes(size, "little")

    def text(value):
        return number(len(value)) + value.encode()

    head = b"GGUF" + number(3, 4) + number(2) + number(2)
    head += text("general.architecture") + number(8, 4) + text("llama")
    head += text("tokens") + number(9, 4) + number(8, 4) + number(2) + text("a") + text("b")
    head += text("blk.0.q.weight") + number(2, 4) + number(64) + number(3) + number(2, 4) + number(0)
    head += text("norm.weight") + number(1, 4) + number(4) + number(0, 4) + number(128)
    return head + bytes(-len(head) % 32) + bytes(128 + 16)


def read_gguf(path):
    """The list of weights of a GGUF file."""
    return from_gguf(str(path), path).trace(None)


def _legacy(state):
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def read_report(text):
    """A saved report; one that is accepted must be told in every format."""
    report = from_json(text)
    render_text(report)
    for name, kind in REPORT_FORMATS.items():
        if name not in {"png", "svg"}:
            kind.render(report)
    assert from_json(to_json(report)) == report or "NaN" in text
    return report


def read_weights(path):
    """Weights alone: listed where some are packed, else planted into their modules."""
    spec = from_checkpoint("x", path)
    return spec.trace(None) if spec.trace else spec.build()


def read_limit(texts):
    """What budgets, counts and claims write."""
    results = []
    for read in (Limit.parse, parse_count, Published.parse):
        try:
            results.append(read(texts[0]))
        except archscope.ArchscopeError as error:
            results.append(error)
    if isinstance(results[0], archscope.ArchscopeError):
        raise results[0]
    return results


def read_vary(texts):
    """What a sweep is given."""
    try:
        return parse_vary(texts, ModelSpec(name="x", source="x", build=nn.Module))
    except archscope.ArchscopeError:
        return parse_axes(texts[0])


def read_patterns(made):
    """Components, assigned to paths."""
    patterns, paths = made
    return assign(paths, [Component(name=str(k), patterns=(pattern,)) for k, pattern in enumerate(patterns)])
