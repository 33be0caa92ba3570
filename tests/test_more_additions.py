"""The further additions of CONTRIBUTING.md, done in a copy of the package: a source, a device's limits."""

from __future__ import annotations

import re

import pytest
from test_additions import SECTIONS, add, copy, run, touched

__all__ = ["copy"]  # the fixture


def test_a_source_takes_its_file_and_one_line(copy):
    add(copy, "A source")
    shown = run(copy, "analyze", "ladder:3x16", "--no-files")
    assert re.search(r"^parameters +816 ", shown, re.MULTILINE)  # 3 x (16 x 16 + 16)
    assert re.search(r"^MACs +768 ", shown, re.MULTILINE)  # 3 x 16 x 16
    run(copy, "check", "ladder:3x16", "--max-params", "816")
    with pytest.raises(AssertionError, match="write ladder:DEPTHxWIDTH"):
        run(copy, "analyze", "ladder:3x", "--no-files")
    assert touched(copy) == ["archscope/sources/ladder.py", "archscope/sources/loading.py"]


def test_a_devices_limits_hold_a_model_and_refuse_one_that_is_too_large(copy):
    (config,) = re.findall(r"^```toml archscope\.toml\n(.*?)^```$", SECTIONS["A device"], re.DOTALL | re.MULTILINE)
    (copy / "archscope.toml").write_text(config)
    assert "3 passed" in run(copy, "check")
    # 289 weights for each of 250 outputs, of 4 bytes: more than the camera's flash.
    wide = (copy / "net.py").read_text().replace("nn.Linear(288, 10)", "nn.Linear(288, 250)")
    (copy / "net.py").write_text(wide)
    with pytest.raises(AssertionError):
        run(copy, "check")
    assert "fits" in run(copy, "scale", "net", "--over", "batch=1:64", "--max-macs", "5M").lower()
