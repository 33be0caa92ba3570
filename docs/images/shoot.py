"""Takes the pictures of the page in this folder: `python docs/images/shoot.py`, with Chromium installed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from browser import Page, chromium

from archscope.judge.scaling.scale import scale
from archscope.measure.measuring import analyze
from archscope.models.featherface.spec import featherface_baseline, featherface_v2
from archscope.protocols.page import Shown, render_html
from archscope.protocols.page.graph import component_graph

HERE = Path(__file__).parent
SHOTS = (
    # file, which page, view, width, height, dark
    ("baseline-overview.png", "one", "", 1280, 1180, False),
    ("baseline-icicle.png", "one", "v=icicle&m=macs", 1280, 860, False),
    ("baseline-treemap-dark.png", "one", "v=treemap&m=parameters", 1280, 860, True),
    ("baseline-filter.png", "one", "v=table&q=cbam", 1280, 720, False),
    ("baseline-phone.png", "one", "v=table", 390, 844, True),
    ("baseline-scale.png", "law", "law=640_1~macs~0~0", 1280, 1420, False),
    ("baseline-to-v2-diff.png", "two", "v=diff&m=parameters", 1280, 1000, False),
    ("baseline-to-v2-overview-dark.png", "two", "", 1280, 900, True),
)


def main() -> None:
    """Write every picture."""
    base = analyze(featherface_baseline(), keep_calls=True)
    head = analyze(featherface_v2(), keep_calls=True)
    law = scale(featherface_baseline(), over={"size": range(320, 1281, 32), "batch": range(1, 9)})
    pages = {
        "one": render_html(base),
        "two": render_html(Shown(report=head, base=base)),
        "law": render_html(Shown(report=base, scaling=law)),
    }
    with chromium() as driver, tempfile.TemporaryDirectory() as folder:
        page = Page(driver, Path(folder))
        for name, which, at, width, height, dark in SHOTS:
            page.open(pages[which], at, width=width, height=height, dark=dark)
            driver.save_screenshot(str(HERE / name))
    (HERE / "baseline-graph.svg").write_text(component_graph(base), encoding="utf-8")


if __name__ == "__main__":
    main()
