"""MATLAB files that say or unpack to more than they hold are errors of the file, read in little memory."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from archscope.errors import UsageError
from archscope.faces.ground_truth import DIFFICULTIES, Picture, read_ground_truth, write_ground_truth

pytest.importorskip("scipy")
HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<HH", 0x0100, 0x4D49)
CELLS, DOUBLES = 1, 6  # MATLAB's numbers of the classes


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def variable(name, kind, rows, *parts):
    head = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<ii", rows, 1)) + element(1, name)
    return element(14, head + b"".join(parts))


def packed(content):
    small = zlib.compress(content, 9)
    return struct.pack("<II", 15, len(small)) + small


FILES = {
    "400 million cells in 100 bytes": variable(b"gt_list", CELLS, 400_000_000, element(14, b"")),
    "300 MB of zeros": packed(variable(b"gt_list", DOUBLES, 300_000_000, element(2, b"\0" * 300_000_000))),
    "ten million cells": packed(variable(b"gt_list", CELLS, 10_000_000, element(14, b"") * 10_000_000)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_holds_more_than_its_size_allows_is_refused(tmp_path, name):
    counted = {difficulty: np.array([0]) for difficulty in DIFFICULTIES}
    write_ground_truth(tmp_path, (Picture(event="e", name="p", boxes=np.ones((1, 4)), counted=counted),))
    (tmp_path / "wider_hard_val.mat").write_bytes(HEAD + FILES[name])
    with pytest.raises(UsageError, match="more than a file of its size may") as caught:
        read_ground_truth(tmp_path)
    assert "wider_hard_val.mat" in caught.value.where
