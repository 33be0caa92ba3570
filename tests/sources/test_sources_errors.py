"""One golden text for each way in which a MODEL can fail: what, where and help."""

from __future__ import annotations

import re

import pytest

import archscope
from archscope.sources import load, parse_inputs

FILES = {
    "net.py": (
        "from torch import nn\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, width: int, depth: int = 1):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(positive(width), 3)\n"
        "    def forward(self, x):\n"
        "        return self.layer(x)\n\n"
        "def positive(width):\n"
        "    if width < 1:\n"
        '        raise ValueError("width must be positive")\n'
        "    return width\n\n"
        "def three():\n"
        "    return 3\n\n"
        'thing = {"a": 1}\n'
        "class Lazy(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = nn.LazyLinear(3)\n"
    ),
    "needs.py": "import torch\n\nimport nowhere_to_be_found\n",
    "lacks.py": "from torch import no_such_name\n",
    "syntax.py": "import torch\ndef net(:\n    pass\n",
    "raises.py": "import torch\n\nraise RuntimeError('no device')\n",
    "script.py": "import sys\nsys.exit(4)\n",
}

CASES = {
    "names-nothing": ("basline", {}, ()),
    "bad-form": ("some words", {}, ()),
    "file-without-attribute": ("net.py", {}, ()),
    "dotted-without-attribute": ("package.module.Net", {}, ()),
    "file-not-found": ("nett.py:Net", {}, ()),
    "module-not-found": ("nett:Net", {}, ()),
    "submodule-not-found": ("net.blocks:Net", {}, ()),
    "own-import-failed": ("needs.py:Net", {}, ()),
    "own-import-lacks-a-name": ("lacks:Net", {}, ()),
    "syntax-error": ("syntax.py:net", {}, ()),
    "import-raises": ("raises.py:net", {}, ()),
    "import-ends-the-program": ("script.py:net", {}, ()),
    "attribute-missing": ("net.py:Ne", {}, ()),
    "attribute-missing-without-a-near-name": ("net.py:Transformer", {}, ()),
    "attribute-is-no-model": ("net.py:thing", {}, ()),
    "constructor-misses-an-argument": ("net.py:Net", {}, ()),
    "constructor-raises": ("net.py:Net", {"width": -1}, ()),
    "factory-returns-no-model": ("net.py:three", {}, ()),
    "lazy-module": ("net.py:Lazy", {}, ()),
    "library-missing": ("timm:resnet50", {}, ()),
    "bad-input": ("net.py:Net", {"width": 4}, ("1x4y",)),
    "forward-failed": ("net.py:Net", {"width": 4}, ("1x5",)),
    "weights-not-found": ("weights.safetensors", {}, ()),
    "report-of-another-kind": ("other.json", {}, ()),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "other.json").write_text('{"schema_version": 99}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "timm", None)


@pytest.mark.parametrize("case", CASES)
def test_each_failure_has_its_own_words_place_and_help(golden, case):
    text, options, inputs = CASES[case]
    with pytest.raises(archscope.ArchscopeError) as caught:
        archscope.analyze(load(text, **options), parse_inputs(inputs) or None)
    error = caught.value
    text = re.sub(r" \(/.*\)", " (its file)", str(error))
    golden(f"errors/{case}.txt", f"{type(error).__name__} (exit {error.exit_code})\n{text}\n")
