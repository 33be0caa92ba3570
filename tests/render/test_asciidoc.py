"""AsciiDoc."""

from __future__ import annotations

from told import written

from archscope.documents.report import REPORT


def test_a_report_is_a_page_of_tables(tmp_path):
    import torch
    from torch import nn

    import archscope

    report = archscope.analyze(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), torch.zeros(1, 3, 8, 8))
    page = written(REPORT, "adoc", report).decode()
    assert page.startswith("= Sequential\n")
    assert page.count("|===") % 2 == 0
    assert "|MACs |7,776 |" in page
