"""TorchScript archives as MODELs: opened without Python, refused where their code reaches beyond tensors."""

from __future__ import annotations

import zipfile

import pytest
import torch
from torch import nn

import archscope
from archscope.errors import ImportModelError
from archscope.sources import load

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(10, 8), nn.Linear(8, 10, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x):
        return self.head(self.embed(x))


@pytest.mark.parametrize("name", ["net.pt", "net.ts", "net.torchscript"])
def test_a_saved_program_has_the_figures_of_the_model(tmp_path, name):
    torch.jit.save(torch.jit.script(Tied()), tmp_path / name)
    report = archscope.analyze(f"{tmp_path}/{name}", torch.zeros(2, 3, dtype=torch.long))
    assert [(row.path, row.type, row.macs, row.parameters) for row in report.modules] == [
        ("", "Tied", 480, 80),
        ("embed", "Embedding", 0, 80),
        ("head", "Linear", 480, 0),
    ]
    assert (report.totals.parameters, report.model.name, report.model.device) == (80, "net", "meta")


def test_a_frozen_program_from_a_file_has_its_parameters_without_a_run_too(tmp_path):
    torch.jit.save(torch.jit.freeze(torch.jit.script(nn.Linear(4, 3).eval())), tmp_path / "frozen.pt")
    for given in ((), (torch.rand(2, 4),)):
        report = archscope.analyze(f"{tmp_path}/frozen.pt", *given)
        assert report.totals.parameters == 15
    assert report.totals.macs == 24


class Writes(nn.Module):
    def forward(self, x):
        torch.save(x, "written.pt")
        return x


def test_code_that_reaches_beyond_tensors_is_refused(tmp_path):
    torch.jit.save(torch.jit.script(Writes()), tmp_path / "writes.pt")
    with pytest.raises(ImportModelError, match="its code names 'save', which reaches beyond tensors"):
        load(f"{tmp_path}/writes.pt")


def test_code_that_would_grow_and_a_damaged_file_are_refused(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "good.pt")
    with (
        zipfile.ZipFile(tmp_path / "good.pt") as good,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w") as bomb,
        zipfile.ZipFile(tmp_path / "torn.pt", "w") as torn,
    ):
        for member in good.infolist():
            content = good.read(member)
            torn.writestr(member.filename, content if member.filename.endswith(".pkl") else content[:-1])
            bomb.writestr(member.filename, content)
        bomb.writestr("good/code/more.py", b"#" * (65 << 20), zipfile.ZIP_DEFLATED)
    with pytest.raises(ImportModelError, match="its code would take more than"):
        load(f"{tmp_path}/bomb.pt")
    with pytest.raises(archscope.ArchscopeError):
        archscope.analyze(f"{tmp_path}/torn.pt")
