"""What a new user tries first: arguments of constructors and forwards, and failures that name their own cause."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from archscope.cli import main

NET = """
import dataclasses

import torch
from torch import nn


@dataclasses.dataclass
class Inner:
    rank: int = 1


@dataclasses.dataclass
class Config:
    width: int = 4
    inner: Inner = dataclasses.field(default_factory=Inner)


class Widths(nn.Module):
    def __init__(self, widths=(8, 16), act=nn.ReLU, drop=0.1):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(4 if i == 0 else widths[i - 1], w) for i, w in enumerate(widths)])
        self.act = act() if act else None

    def forward(self, x):
        return self.layers(x)


class Params(nn.Module):
    def __init__(self, hparams):
        super().__init__()
        self.net = nn.Linear(4, hparams["hidden"])

    def training_step(self, batch, index):
        x, y = batch
        return (self.net(x) - y).sum()


class Configured(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.net = nn.Linear(4, config.width * config.inner.rank)

    def forward(self, x):
        return self.net(x)


class Defaulted(Configured):
    def __init__(self, config=Config(width=2)):
        super().__init__(config)


class Free(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.net = nn.Linear(4, cfg.model.width)

    def forward(self, x):
        return self.net(x)


class Batch(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.ids = nn.Conv2d(3, 8, 3), nn.Embedding(10, 8)

    def forward(self, batch):
        return self.image(batch["image"]).mean((2, 3)) + self.ids(batch.ids).mean(1)


class Modes(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x, mode, scale=1.0, steps: int = 1, past=None, flag=False):
        assert mode in {"fast", "slow one"} and isinstance(scale, float) and isinstance(flag, bool)
        for _ in range(steps):
            x = self.a(x)
        return x * scale + (self.a(past[0]) if past is not None else 0)

    def encode(self, x):
        return self.a(self.a(self.a(x)))


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        return [self.body(image[None]) for image in images]


def pair():
    return Modes(), Images()


def named():
    return {"G": nn.Linear(4, 8), "D": nn.Linear(8, 1)}


def make_batch():
    return {"image": torch.rand(1, 3, 8, 8), "ids": torch.zeros(1, 2, dtype=torch.long)}


def make_object():
    from types import SimpleNamespace

    return {"x": torch.rand(1, 4), "mode": "fast"}


class NoInit(nn.Module):
    def __init__(self):
        self.c = nn.Linear(1, 1)


class Late(nn.Module):
    def __init__(self):
        super().__init__()
        import no_such_library.part


class Cv(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(1, 1)

    def forward(self, x):
        raise ModuleNotFoundError("No module named 'cv2'", name="cv2")


class Weights(nn.Module):
    def __init__(self):
        super().__init__()
        torch.load("nowhere/w.pth")


class Cuda(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Linear(4, 4).cuda()


class CudaForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Linear(4, 4)

    def forward(self, x):
        return self.c(x.cuda())


class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        self.g, self.d = nn.Linear(1, 1), nn.Bilinear(1, 1, 1)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        result = CliRunner().invoke(main, [*words])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return run


def totals(result):
    found = json.loads(result.stdout)["totals"]
    return found["parameters"], found["macs"]


LINE = 5 * 4 * 2
FORMS = {
    "a list of numbers": (["Widths", "--set", "widths=[8,32]", "--input", "1x4"], (40 + 288, 32 + 256)),
    "a tuple, None and a number": (
        ["Widths", "--set", "widths=(8,)", "--set", "act=None", "--set", "drop=0.5", "--input", "1x4"],
        (40, 32),
    ),
    "a dict as JSON": (["Params", "--set", 'hparams={"hidden": 32}'], (160, None)),
    "a dict as a shell leaves it": (["Params", "--set", "hparams={hidden: 32}"], (160, None)),
    "fields by dots": (["Params", "--set", "hparams.hidden=32"], (160, None)),
    "a field of a config class": (["Configured", "--set", "config.width=8", "--input", "1x4"], (40, 32)),
    "a field of a field": (
        ["Configured", "--set", "config.width=3", "--set", "config.inner.rank=2", "--input", "1x4"],
        (30, 24),
    ),
    "a config class from a dict": (["Configured", "--set", "config={width: 8}", "--input", "1x4"], (40, 32)),
    "a field of a default": (["Defaulted", "--set", "config.inner.rank=4", "--input", "1x4"], (40, 32)),
    "fields of anything": (["Free", "--set", "cfg.model.width=8", "--input", "1x4"], (40, 32)),
    "a word and a number": (["Modes", "--input", "1x4", "--input", "mode=fast", "--input", "scale=0.5"], (20, 16)),
    "a quoted text": (["Modes", "--input", "1x4", "--input", "mode='slow one'"], (20, 16)),
    "an integer": (["Modes", "--input", "1x4", "--input", "mode=fast", "--input", "steps=3"], (20, 48)),
    "a boolean and None": (
        ["Modes", "--input", "1x4", "--input", "mode=fast", "--input", "flag=True", "--input", "past=None"],
        (20, 16),
    ),
    "a list with a tensor": (["Modes", "--input", "1x4", "--input", "mode=fast", "--input", "past=[1x4]"], (20, 32)),
    "in order": (["Modes", "--input", "1x4", "--input", "'fast'", "--input", "0.5"], (20, 16)),
    "a list of images": (["Images", "--input", "images=[3x8x8,3x8x8]"], (112, 2 * 4 * 36 * 27)),
    "a batch by its fields": (
        ["Batch", "--input", "batch.image=1x3x8x8", "--input", "batch.ids=1x2:int64"],
        (224 + 80, 8 * 36 * 27),
    ),
    "a batch as a dict": (["Batch", "--input", "batch={image:1x3x8x8,ids:1x2:int64}"], (224 + 80, 8 * 36 * 27)),
    "a function that makes a dict": (["Modes", "--inputs", "net.py:make_object"], (20, 16)),
    "another method": (["Modes", "--call", "encode", "--input", "1x4"], (20, 48)),
    "a training step": (
        [
            "Params",
            "--set",
            "hparams.hidden=8",
            "--call",
            "training_step",
            "--input",
            "[2x4,2x8]",
            "--input",
            "index=0",
        ],
        (40, 64),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_line_takes_what_constructors_and_forwards_take(run, form):
    (attribute, *words), expected = FORMS[form]
    assert totals(run("analyze", f"net.py:{attribute}", *words, "--json", "-")) == expected


def test_several_networks_of_a_builder_are_components_of_one_report(run):
    words = ["--input", "G=1x4", "--input", "D=1x8", "--json", "-"]
    report = json.loads(run("analyze", "net.py:named", *words).stdout)
    found = {row["name"]: (row["parameters"], row["macs"]) for row in report["components"] if row["parameters"]}
    assert found == {"G": (40, 32), "D": (9, 8)}
    assert [row["name"] for row in json.loads(run("analyze", "net.py:pair", "--json", "-").stdout)["components"]][
        :2
    ] == [
        "Modes",
        "Images",
    ]


def test_the_config_takes_lists_tables_and_nested_inputs(run, tmp_path):
    (tmp_path / "archscope.toml").write_text(
        "[models.wide]\nsource = 'net.py:Widths'\ninputs = ['1x4']\n"
        "options = { widths = [8, 32], act = 'None' }\n"
        "[models.conf]\nsource = 'net.py:Configured'\ninputs = ['x=1x4']\noptions.config = { width = 8 }\n"
        "[models.batch]\nsource = 'net.py:Batch'\ninputs = ['batch.image=1x3x8x8', 'batch.ids=1x2:int64']\n"
    )
    assert totals(run("analyze", "wide", "--json", "-")) == (328, 288)
    assert totals(run("analyze", "conf", "--json", "-")) == (40, 32)
    assert totals(run("analyze", "batch", "--json", "-")) == (304, 8 * 36 * 27)
    listed = run("models").stdout
    assert listed.index("wide") < listed.index("featherface-baseline")
    assert "net.py:Widths, input 1x4 (archscope.toml:1)" in listed
    assert "net.py:Widths" in run("lock").stdout + (tmp_path / "archscope.lock").read_text()
    assert run("check").exit_code == 0, "options that are lists are the same when they are read back"


CAUSES = {
    "a missing argument": (
        ["Modes", "--input", "1x4"],
        ["missing a required argument: 'mode'", "forward(x, mode, scale=1.0, steps: int = 1", "--input x=1x4"],
        2,
    ),
    "an unexpected argument": (
        ["Images", "--input", "image=3x8x8"],
        ["missing a required argument: 'images'", "forward(images)", "--input images=1x3x224x224"],
        2,
    ),
    "no forward": (["Gan", "--input", "1x1"], ["Gan has no forward", "g (Linear), d (Bilinear)"], 3),
    "no forward but steps": (
        ["Params", "--set", "hparams.hidden=2", "--input", "1x4"],
        ["has no forward", "--call training_step"],
        3,
    ),
    "no such method": (["Modes", "--call", "encod", "--input", "1x4"], ["no method 'encod'", "did you mean encode"], 3),
    "a missing library": (["Late"], ["needs no_such_library, which", "pip install no-such-library"], 3),
    "a missing library in forward": (["Cv", "--input", "1x1"], ["needs cv2", "pip install opencv-python-headless"], 3),
    "weights that are not there": (
        ["Weights"],
        ["wants the file 'nowhere/w.pth', which is not there", "no weights"],
        3,
    ),
    "no super().__init__()": (
        ["NoInit"],
        ["before Module.__init__()", "begin its __init__ with super().__init__()"],
        3,
    ),
    "floats for an embedding": (
        ["Batch", "--input", "batch.image=1x3x8x8", "--input", "batch.ids=1x2"],
        ["(Embedding), called with 1x2", "--input ids=1x128:int64"],
        3,
    ),
    "a field that a config lacks": (
        ["Configured", "--set", "config.widht=3"],
        ["config has no field 'widht'", "did you mean width"],
        2,
    ),
    "a list that does not end": (["Widths", "--set", "widths=[8,"], ["is not a setting", "widths=[8,"], 2),
    "a batch from nowhere": (
        ["Batch", "--inputs", "net.py:make_btch"],
        ["no 'make_btch'", "did you mean make_batch"],
        3,
    ),
    "two sources of inputs": (["Batch", "--inputs", "net.py:make_batch", "--input", "1x1"], ["contradict"], 2),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_every_failure_names_its_own_cause(run, cause):
    (attribute, *words), said, code = CAUSES[cause]
    told = run("analyze", f"net.py:{attribute}", *words, "--no-files", code=code).stderr
    for part in said:
        assert part in told
    assert "archscope-torch[" not in told, "no extra of a distribution that may not be published"
    for line in told.splitlines():
        if line.startswith("error: ") and ": " in line.removeprefix("error: "):
            message = line.rpartition("Error: ")[2]
            assert told.count(message) == 1, "the message is told once"


@pytest.mark.skipif("__import__('torch').cuda.is_available()")
@pytest.mark.parametrize(("attribute", "words"), [("Cuda", []), ("CudaForward", ["--input", "1x4"])])
def test_a_model_that_asks_for_cuda_where_there_is_none_is_told_so(run, attribute, words):
    told = run("analyze", f"net.py:{attribute}", *words, "--no-files", code=3).stderr
    assert "asks for CUDA, and there is none here" in told
    assert "leave the device to the caller" in told


def test_a_file_of_the_users_does_not_take_the_place_of_what_torch_imports(tmp_path):
    (tmp_path / "cuda.py").write_text("raise RuntimeError('the wrong module')\n")
    (tmp_path / "timm.py").write_text("name = 'not the library'\n")
    (tmp_path / "net.py").write_text("from torch import nn\n\n\nnet = nn.Linear(2, 2)\n")
    (tmp_path / "uses.py").write_text("from transformers import BertConfig\n")
    (tmp_path / "transformers.py").write_text("x = 1\n")
    command = [sys.executable, "-m", "archscope", "analyze", "--no-files"]
    done = subprocess.run([*command, "net.py:net"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = subprocess.run([*command, "uses.py:x"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 3
    assert "your transformers.py stands in the place of the installed package" in told.stderr


# --- locks, files, the terminal --------------------------------------------------------------------------------------


def test_a_test_and_the_command_line_share_a_lock_entry(run, tmp_path, monkeypatch):
    (tmp_path / "archscope.toml").write_text("[models.wide]\nsource = 'net.py:Widths'\ninputs = ['1x4']\n")
    run("lock")
    before = (tmp_path / "archscope.lock").read_bytes()
    (tmp_path / "test_it.py").write_text(
        "from net import Widths\n\n\ndef test_it(archscope):\n    archscope.check(Widths(), '1x4', lock='wide')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    for more in ([], ["--archscope-update"]):
        done = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert (tmp_path / "archscope.lock").read_bytes() == before, "the source stays as the command line wrote it"
    run("check", "--locked")


def test_one_command_accepts_a_growth_in_the_lock_and_in_the_config(run, tmp_path):
    run("init", "net.py:Widths", "--input", "1x4")
    run("lock")
    text = (tmp_path / "net.py").read_text().replace("widths=(8, 16)", "widths=(8, 17)")
    (tmp_path / "net.py").write_text(text)
    run("check", code=1)
    refused = run("lock", code=1).stderr
    assert 'archscope lock --allow-increase Widths --raise-budgets --reason "..."' in refused
    hint = run("lock", "--allow-increase", "Widths", "--reason", "x").stdout
    assert "max 184, and parameters is 193 now (--raise-budgets raises it)" in hint
    run("check", code=1)
    (tmp_path / "archscope.lock").unlink()
    run("lock")
    said = run("lock", "--allow-increase", "Widths", "--reason", "more classes", "--raise-budgets").stdout
    assert "wrote archscope.toml" in said
    config = (tmp_path / "archscope.toml").read_text()
    assert "max = 193\n" in config
    assert "max = 168\n" in config
    assert '# message = "why this limit"' in config, "the rest of the file is as it was"
    run("check", "--locked")


def test_total_of_a_budget_is_one_integer_with_a_lock_beside_it(run, tmp_path):
    run("init", "net.py:Widths", "--input", "1x4")
    run("lock")
    assert run("check", "Widths-parameters", "--format", "total").stdout == "184\n"
    assert run("check", "Widths-macs", "--format", "total").stdout == "160\n"


def test_a_smaller_model_under_locked_is_told_to_lock_again(run, tmp_path):
    run("init", "net.py:Widths", "--input", "1x4")
    run("lock")
    text = (tmp_path / "net.py").read_text().replace("widths=(8, 16)", "widths=(8, 15)")
    (tmp_path / "net.py").write_text(text)
    said = run("check", "--locked", code=1).stdout
    assert "next: `archscope lock Widths`" in said
    assert "archscope analyze" not in said


def test_models_of_one_name_have_folders_of_their_own(run, tmp_path):
    (tmp_path / "other.py").write_text(
        "from torch import nn\n\n\nclass Modes(nn.Linear):\n    def __init__(self):\n        super().__init__(2, 2)\n"
    )
    first = run("analyze", "net.py:Modes")
    assert "writing reports/Modes/ (--no-files" in first.stderr
    run("analyze", "other.py:Modes")
    run("analyze", "net.py:Modes")
    found = {
        path.parent.name: json.loads(path.read_text())["model"]["source"] for path in tmp_path.glob("reports/*/*.json")
    }
    assert found == {"Modes": "net.py:Modes", "other.py-Modes": "other.py:Modes"}


def test_a_written_file_is_told(run, tmp_path):
    assert "wrote r.json" in run("analyze", "net.py:Modes", "--json", "r.json").stderr


def test_identical_layers_are_one_row_and_flat_lists_add_up(run, tmp_path):
    (tmp_path / "deep.py").write_text(
        "from torch import nn\n\n\nclass Block(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 8)\n\n    def forward(self, x):\n"
        "        return self.b(self.a(x))\n\n\nnet = nn.Sequential(*[Block() for _ in range(24)], nn.Linear(8, 3))\n"
    )
    tree = run("analyze", "deep.py:net", "--input", "1x8", "--no-files").stdout
    assert "0-23 x 24  Block" in tree
    assert [line.split()[:3] for line in tree.splitlines() if line.startswith("  a ")] == [["a", "Linear", "3,456"]]
    flat = run("analyze", "deep.py:net", "--input", "1x8", "--no-files", "--top", "2", "--sort", "macs").stdout
    assert [line.split()[0] for line in flat.splitlines()[-5:]] == ["module", "0.a", "0.b", "+47", "TOTAL"]
    part = run("analyze", "deep.py:net", "--input", "1x8", "--no-files", "--filter", "3.**", "--filter", "24").stdout
    assert [line.split()[0] for line in part.splitlines()[-5:]] == ["module", "3.a", "3.b", "24", "MATCHED"]
    assert "307" in part.splitlines()[-1], "144 + 136 + 27"
    assert (
        "no module matches 'dec.**'" in run("analyze", "deep.py:net", "--no-files", "--filter", "dec.**", code=2).stderr
    )


def test_a_model_without_parts_has_no_table_of_what_is_unassigned(run, tmp_path):
    (tmp_path / "one.py").write_text("from torch import nn\n\nnet = nn.Linear(3, 4)\n")
    assert "[unassigned]" not in run("analyze", "one.py:net", "--input", "1x3", "--no-files").stdout


def in_terminal(columns, words, folder):
    """What the command prints in a terminal of that width."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "archscope", *words]
    process = subprocess.Popen(command, cwd=folder, stdout=follower, stderr=subprocess.DEVNULL, env=environment)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(leader)
    process.wait()
    return shown.decode().replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "featherface-baseline", "featherface-v2", "--sort", "flops"),
        ("plan", "featherface-baseline"),
        ("claims", "featherface-baseline"),
        ("formulas",),
        ("analyze", "featherface-baseline", "--no-files", "--columns", "flops,bytes_read,activations"),
    ],
    ids=" ".join,
)
def test_nothing_is_wider_than_eighty_columns(tmp_path, words):
    lines = in_terminal(80, words, tmp_path)
    assert len(lines) > 15
    assert [line for line in lines if len(line) > 80] == []


def test_names_that_are_shortened_stay_apart(tmp_path):
    lines = in_terminal(60, ("compare", "featherface-baseline", "featherface-v2"), tmp_path)
    start = next(i for i, line in enumerate(lines) if line.startswith("module "))
    end = next(i for i, line in enumerate(lines) if i > start and line.startswith("TOTAL"))
    shown = [line.split("  ")[0] for line in lines[start + 1 : end]]
    assert len(shown) == len({*shown})
    assert any("…" in name for name in shown)


def test_a_closed_pipe_does_not_hide_that_a_model_failed(tmp_path):
    (tmp_path / "archscope.toml").write_text(
        "[models.gone]\nsource = 'gone.py:net'\n"
        "[[budgets]]\nname = 'b'\nmodel = 'gone'\nmetric = 'parameters'\nmax = 1\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "archscope", "check"]
    done = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, "there is no file" in done.stderr) == (3, True)
