"""MODEL in the user's own code: files, packages, configs; what they leave behind; saved reports."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

import archscope
from archscope.errors import ImportModelError, OptionError, SpecError
from archscope.report import Report
from archscope.sources import load

NET = """
from torch import nn
from parts.blocks import Block

class Net(nn.Module):
    def __init__(self, width: int = 4, depth: int = 1):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
    def forward(self, x):
        return self.blocks(x)

def small():
    return Net(width=2)

class Holder:
    Inner = Net

net = Net(width=3)
"""
BLOCKS = """
from torch import nn

class Block(nn.Linear):
    def __init__(self, width):
        from parts.sizes import double  # imported while the model is built
        super().__init__(width, double(width))
    def forward(self, x):
        from parts import late  # imported while the model runs
        return late.same(super().forward(x))
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a script below its root that imports a package from the root."""
    parts = tmp_path / "parts"
    parts.mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "net.py").write_text(NET)
    (parts / "__init__.py").write_text("")
    (parts / "blocks.py").write_text(BLOCKS)
    (parts / "sizes.py").write_text("def double(size):\n    return 2 * size\n")
    (parts / "late.py").write_text("def same(x):\n    return x\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parameters(text, **options):
    return archscope.analyze(load(text, **options)).totals.parameters


# Linear(width, 2 width) with bias: 2 width^2 + 2 width.
@pytest.mark.parametrize(("attribute", "expected"), [("Net", 40), ("small", 12), ("net", 24), ("Holder.Inner", 40)])
def test_a_class_a_factory_an_instance_and_a_nested_name_of_a_file_are_models(project, attribute, expected):
    assert parameters(f"scripts/net.py:{attribute}") == expected


def test_options_reach_the_builder_and_stand_in_the_report_with_their_defaults(project):
    report = archscope.analyze(load("scripts/net.py:Net", width=8))
    assert report.totals.parameters == 2 * 64 + 16
    assert [(option.name, option.value, option.default) for option in report.model.options] == [("width", 8, 4)]
    assert (report.model.name, report.model.source) == ("Net", "scripts/net.py:Net")


def test_an_instance_takes_no_options(project):
    with pytest.raises(OptionError, match="takes no options"):
        load("scripts/net.py:net", width=8)


def test_a_module_of_the_current_folder_is_a_source(project):
    (project / "flat.py").write_text(NET)
    assert parameters("flat:Net") == 40


def test_a_file_inside_a_package_may_import_relatively(project):
    (project / "parts" / "top.py").write_text(
        "from .sizes import double\nfrom torch import nn\nnet = nn.Linear(1, double(3))"
    )
    assert parameters("parts/top.py:net") == 12


def test_a_run_may_import_modules_of_the_project(project):
    report = archscope.analyze(load("scripts/net.py:Net"), (archscope.InputSpec(shape=(1, 4)),))
    assert report.totals.macs == 4 * 8


def test_a_spec_of_the_users_own_keeps_its_inputs_and_components(project):
    (project / "zoo.py").write_text(
        "from archscope.spec import Component, InputSpec, ModelSpec\nfrom torch import nn\n"
        "spec = ModelSpec(name='mine', source='', build=lambda: nn.Sequential(nn.Linear(2, 3)),\n"
        "    inputs=(InputSpec(shape=(1, 2)),), components=(Component(name='All', patterns=('**',)),))\n"
    )
    report = archscope.analyze(load("zoo.py:spec"))
    assert (report.model.name, report.model.source, report.totals.macs) == ("mine", "zoo.py:spec", 6)
    assert [row.name for row in report.components] == ["All"]


def test_two_projects_with_the_same_module_names_do_not_mix(tmp_path):
    for folder, width in (("a", 3), ("b", 5)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sizes.py").write_text(f"WIDTH = {width}\n")
        (tmp_path / folder / "net.py").write_text(
            "from sizes import WIDTH\nfrom torch import nn\nnet = nn.Linear(1, WIDTH, bias=False)\n"
        )
    assert [parameters(f"{tmp_path}/{folder}/net.py:net") for folder in "aba"] == [3, 5, 3]


def test_a_changed_file_is_read_again(tmp_path):
    file = tmp_path / "net.py"
    for width in (3, 5):
        file.write_text(f"from torch import nn\nnet = nn.Linear(1, {width}, bias=False)  # {'x' * width}\n")
        os.utime(file, ns=(width * 10**9, width * 10**9))
        assert parameters(f"{file}:net") == width


def test_two_models_of_one_file_share_its_modules(project):
    (project / "once.py").write_text(
        "import torch\nfrom torch import nn\n"
        "lib = torch.library.Library('archscope_once', 'DEF')\nlib.define('op(Tensor x) -> Tensor')\n"
        "a, b = nn.Linear(1, 1), nn.Linear(1, 2)\n"
    )
    assert (parameters("once.py:a"), parameters("once.py:b")) == (2, 4)


def test_what_the_caller_has_imported_of_the_project_is_not_imported_twice(project, monkeypatch):
    monkeypatch.syspath_prepend(project)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (project / "parts" / "__init__.py").write_text(
        "import torch\nx = torch.library.Library('archscope_twice', 'DEF')\n"
    )
    mine = __import__("parts")
    try:
        assert parameters("scripts/net.py:Net") == 40
        assert sys.modules["parts"] is mine
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "parts"]:
            del sys.modules[name]


def test_a_module_of_the_caller_with_the_same_name_survives(project, monkeypatch):
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / "parts.py").write_text("mine = True\n")
    monkeypatch.syspath_prepend(project / "elsewhere")
    mine = __import__("parts")
    assert mine.mine
    assert parameters("scripts/net.py:Net") == 40
    assert sys.modules["parts"] is mine
    del sys.modules["parts"]


DISTURBING = """
import os, random, sys, warnings
import numpy
import torch
from torch import nn
def disturb():
    random.seed(1); numpy.random.seed(1); torch.manual_seed(1)
    torch.set_default_dtype(torch.float64); torch.set_default_device("cpu"); torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True); torch.set_num_threads(1); torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    warnings.filterwarnings("ignore"); sys.path.append("/nowhere"); os.chdir("/")
disturb()
class Net(nn.Module):
    def __init__(self, fail=""):
        super().__init__()
        disturb()
        if fail == "build": raise ValueError("told to")
        self.fail = fail
        self.linear = nn.Linear(2, 2)
    def forward(self, x):
        disturb()
        if self.fail == "run": raise ValueError("told to")
        if self.fail == "interrupt": raise KeyboardInterrupt
        return self.linear(x.to(self.linear.weight.dtype))
"""


def surroundings():
    """Everything of this process that a model's code may have changed."""
    import numpy as np

    context = torch._GLOBAL_DEVICE_CONTEXT
    return {
        "python": random.getstate(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002 - the state that a model's code would seed
        "torch": torch.get_rng_state().tolist(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "device told": getattr(context, "device_context", None) and context.device_context.device,
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "cudnn": torch.backends.cudnn.benchmark,
        "warnings": list(warnings.filters),
        "path": list(sys.path),
        "modules": {name for name in sys.modules if name in {"disturbing", "net", "parts"}},
        "folder": Path.cwd(),
    }


@pytest.mark.parametrize("how", ["", "build", "run", "interrupt"])
@pytest.mark.parametrize("source", ["disturbing.py:Net", "disturbing:Net"])
def test_whatever_a_models_code_changes_in_the_process_is_put_back(tmp_path, monkeypatch, source, how):
    (tmp_path / "disturbing.py").write_text(DISTURBING)
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(2)
    before = surroundings()
    try:
        archscope.analyze(load(source, fail=how), (archscope.InputSpec(shape=(1, 2)),))
    except (archscope.ArchscopeError, KeyboardInterrupt):
        assert how
    else:
        assert not how
    after = surroundings()
    assert {key: value for key, value in after.items() if value != before[key]} == {}


def test_a_default_device_of_the_callers_own_is_put_back(tmp_path):
    (tmp_path / "disturbing.py").write_text(DISTURBING)
    torch.set_default_device("meta")
    try:
        load(f"{tmp_path}/disturbing.py:Net")
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)


def test_a_config_names_models_before_the_zoo_does(project):
    (project / "archscope.toml").write_text(
        '[models.baseline]\nsource = "scripts/net.py:Net"\ninputs = ["2x2"]\noptions = { depth = 1 }\n'
        '[[models.baseline.components]]\nname = "Blocks"\nmatch = ["blocks.**"]\n'
    )
    (project / "deep").mkdir()
    os.chdir(project / "deep")  # paths of a config start at its folder
    report = archscope.analyze(load("baseline", width=2))
    assert (report.model.name, report.totals.parameters, report.totals.macs) == ("baseline", 12, 2 * 2 * 4)
    assert report.components[0].name == "Blocks"
    assert archscope.load("zoo:baseline").name == "featherface-baseline"


def test_bad_inputs_in_a_config_are_told_with_their_line(project):
    (project / "archscope.toml").write_text('[models.mine]\nsource = "scripts/net.py:Net"\ninputs = ["2,4"]\n')
    with pytest.raises(archscope.ArchscopeError) as caught:
        load("mine")
    assert caught.value.where == "archscope.toml:1"


def test_a_saved_report_is_read_back_whole(tmp_path):
    report = archscope.analyze(torch.nn.Linear(2, 3), name="small")
    (tmp_path / "small.json").write_text(archscope.to_json(report))
    assert load(f"{tmp_path}/small.json") == report


def test_a_saved_report_is_read_without_torch(tmp_path):
    report = archscope.analyze(torch.nn.Linear(2, 3), name="small")
    (tmp_path / "small.json").write_text(archscope.to_json(report))
    code = "import sys, archscope.sources as s; s.load('small.json'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_saved_report_in_a_config_takes_neither_inputs_nor_components(tmp_path, monkeypatch):
    report = archscope.analyze(torch.nn.Linear(2, 3), name="small")
    assert isinstance(report, Report)
    (tmp_path / "small.json").write_text(archscope.to_json(report))
    (tmp_path / "archscope.toml").write_text('[models.old]\nsource = "small.json"\ninputs = ["1x2"]\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(archscope.ArchscopeError, match="is not measured again"):
        load("old")
    (tmp_path / "archscope.toml").write_text('[models.old]\nsource = "small.json"\n')
    assert load("old") == dataclasses.replace(report)


def test_a_name_of_another_library_is_guessed_from_a_misspelling():
    with pytest.raises(ImportModelError) as caught:
        load("tim:resnet50")
    assert caught.value.help == "did you mean timm:NAME?"


def test_a_config_of_transformers_is_not_taken_for_a_report(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(SpecError) as caught:
        load(f"{tmp_path}/config.json")
    assert caught.value.help.startswith("write hf:")
