"""How large the page is and how quickly it opens, draws and filters, in headless Chromium.

Networks of 5,000 and 50,000 modules are made up (tests/helpers/synthetic.py); the baseline is the real one. Times in ms
are those of one run: from the click, or the last key, until the browser has painted. First paint counts from
navigation.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "helpers"))

from browser import Page, chromium
from synthetic import transformer

from archscope.measure.measuring import analyze
from archscope.models.featherface.spec import featherface_baseline
from archscope.protocols.page import render_html
from archscope.report import Report

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
AFTER = """
    const [action, value, done] = arguments;
    const start = performance.now();
    const painted = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    if (action === 'filter') {
      const field = document.getElementById('filter');
      field.value = value;
      field.dispatchEvent(new Event('input'));
      const seen = new MutationObserver(() => { seen.disconnect(); painted(); });
      seen.observe(document.getElementById('matches'), {subtree: true, childList: true, characterData: true});
    } else {
      document.getElementById(value).click();
      painted();
    }
"""


def measured(page: Page, report: Report) -> dict[str, float]:
    """Sizes and times of one page."""
    start = time.perf_counter()
    html = render_html(report)
    figures: dict[str, float] = {"render": 1000 * (time.perf_counter() - start), "KB": len(html.encode()) / 1000}
    page.open(html)
    figures["first paint"] = page.wait(f"return {PAINTED}")

    def after(action: str, value: str) -> Any:
        return page.driver.execute_async_script(AFTER, action, value)

    figures["table"] = after("click", "tab-table")
    for label, query in (("substring", "conv" if len(report.modules) < 1000 else "mlp"), ("glob", "**.*[01]")):
        figures[label] = after("filter", query)
    after("filter", "")
    figures["open all"] = after("click", "open-all")
    figures["icicle"] = after("click", "tab-icicle")
    figures["treemap"] = after("click", "tab-treemap")
    figures["fold"] = after("click", "fold")
    return figures


def main() -> None:
    """Print a row for each page."""
    reports = [analyze(featherface_baseline(), keep_calls=True), transformer(5000), transformer(50_000)]
    with chromium() as driver, tempfile.TemporaryDirectory() as folder:
        page = Page(driver, Path(folder))
        for place, report in enumerate(reports):
            figures = measured(page, report)
            if not place:
                print(f"{'page':24}{'modules':>8}", *(f"{name:>12}" for name in figures), sep="")
            row = (f"{value:12,.0f}" for value in figures.values())
            print(f"{report.model.name:24}{len(report.modules):8,}", *row, sep="")


if __name__ == "__main__":
    main()
