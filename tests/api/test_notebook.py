"""What results show in a real Jupyter kernel, and that it needs no script and no style sheet."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import torch
from torch import nn
from toys import Branching

import archscope

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
SETUP = """\
import torch, archscope
from torch import nn
def net(width): return nn.Sequential(nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU()), nn.Conv2d(width, 4, 1))
report = archscope.analyze(net(8), (1, 3, 8, 8))"""
CELLS = (
    SETUP,
    "report",
    "archscope.compare(report, archscope.analyze(net(16), (1, 3, 8, 8)))",
    "archscope.check(report, parameters=250, macs='1G')",
    "report['0.0']",
    "report.totals",
    "report.show()",
    "print(report)",
    "repr(report)",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    folder = tmp_path_factory.mktemp("notebook")
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    assert [path.name for path in folder.iterdir()] == [], "looking at a result writes nothing"
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.filterwarnings("ignore")  # Jupyter's own
def test_a_kernel_shows_results_as_html_and_as_a_line(outputs):
    _, report, comparison, check, module, totals, page, printed, line = outputs
    for (output,), words in (
        (report, ("260", "parameters", "<details", "Conv2d")),
        (comparison, ("before", "after", "delta", "parameters")),
        (check, ("FAIL", "parameters 260 &gt; max 250", "PASS")),
        (module, ("0.0", "Conv2d", "224")),
        (totals, ("260", "FLOPs")),
    ):
        html = output["data"]["text/html"]
        for word in words:
            assert word in html
        assert output["data"]["text/plain"].startswith("<")
        assert "<script" not in html
        assert "http" not in html
    assert "srcdoc=" in page[0]["data"]["text/html"]
    assert printed[0]["text"].startswith("Sequential")
    assert line[0]["data"]["text/plain"] == "'<Report of Sequential: 260 parameters, 8.928 K MACs>'"


class Balanced(HTMLParser):
    """Raises for a tag that is closed by another, or not at all."""

    VOID = frozenset({"br", "rect", "img", "meta"})

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, _attributes):
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, _attributes):
        self.seen.add(tag)


def shown(result):
    html, parser = result._repr_html_(), Balanced()
    parser.feed(html)
    assert parser.open == []
    assert "script" not in parser.seen
    return html


def test_the_fragment_is_whole_for_any_model_and_its_names_are_harmless():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("</section><script>alert(1)</script>", nn.Linear(2, 2))
            self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(400)])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    html = shown(archscope.analyze(Net(), (1, 2)))
    assert "<script>" not in html
    assert "+102 smaller modules" in html, "402 modules, of which 300 are shown"
    assert len(html) < 200_000
    shown(archscope.analyze(nn.Linear(2, 2)))
    shown(archscope.analyze(nn.Identity(), (1, 2)))


def test_bars_have_the_widths_of_the_figures():
    report = archscope.analyze(Branching(), torch.rand(1, 3, 6, 6))
    bar = re.search(r'<div class="bar">(.*?) parameters</div>', shown(report)).group(1)
    cells = {name: len(text) for name, text in re.findall(r'title="(\w+) [^"]*">(█+)<', bar)}
    assert cells == {"left": 27, "right": 27, "classifier": 5, "idle": 1}, "60 cells for 499 parameters"


def test_a_comparison_shows_the_colours_that_its_pictures_have():
    before, after = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 3))
    html = shown(archscope.compare(before, after, inputs=(1, 2)))
    found = dict(re.findall(r'fill="(#\w+)"/></svg><bdi class="name">(\w+)<', html))
    assert found == {"#0072B2": "0", "#E69F00": "1", "#009E73": "2"}, (
        "the first three colours, in the order of the children"
    )


def test_the_page_is_written_where_there_is_no_notebook(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    report = archscope.analyze(Branching(), torch.rand(1, 3, 6, 6))
    assert report.show(tmp_path / "page.html") == tmp_path / "page.html"
    assert opened == [(tmp_path / "page.html").as_uri()]
    assert "<!doctype html>" in (tmp_path / "page.html").read_text()
