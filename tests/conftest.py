"""What every test shares: golden files and the settings of hypothesis."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser import Page
    from selenium.webdriver.remote.webdriver import WebDriver

    from archscope.report import Report

GOLDEN = Path(__file__).parent / "golden"

# Before torch is imported: the networks of the tests are so small that threads cost more than they give.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Behind "&" in a script Ctrl-C is ignored, and would be by every command that a test starts to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a first call into torch is slow. In CI the same examples on every run: a failure there can be repeated.
settings.register_profile("archscope", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("archscope")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regen", action="store_true", help="write the golden files anew instead of comparing with them")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)`` holds a text against tests/golden/<name>, to the byte; ``--regen`` writes it there."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--regen"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        if not path.is_file():
            pytest.fail(f"{path} is missing: look at the output, then run pytest --regen")
        assert text == path.read_bytes().decode(), f"{name} changed: if it is meant to, run pytest --regen"

    return check


@pytest.fixture(scope="session")
def driver() -> Iterator[WebDriver]:
    """A headless Chromium."""
    from browser import chromium

    with chromium() as made:
        yield made


@pytest.fixture
def page(driver: WebDriver, tmp_path: Path) -> Iterator[Page]:
    """A page in it; afterwards nothing may have gone wrong, and nothing have been asked of a network."""
    from browser import Page

    made = Page(driver, tmp_path)
    yield made
    made.check()
    made.js("localStorage.clear()")


@pytest.fixture(scope="session")
def baseline() -> Report:
    """The report of the zoo's baseline, with its calls."""
    from archscope.measure.measuring import analyze
    from archscope.models.featherface.spec import featherface_baseline

    return analyze(featherface_baseline(), keep_calls=True)


@pytest.fixture(scope="session")
def v2() -> Report:
    """The report of the zoo's V2, with its calls."""
    from archscope.measure.measuring import analyze
    from archscope.models.featherface.spec import featherface_v2

    return analyze(featherface_v2(), keep_calls=True)


@pytest.fixture(scope="session")
def baseline_page(baseline: Report) -> str:
    """Its page."""
    from archscope.protocols.page import render_html

    return render_html(baseline)


@pytest.fixture(scope="session")
def pair_page(baseline: Report, v2: Report) -> str:
    """The page of both."""
    from archscope.protocols.page import Shown, render_html

    return render_html(Shown(report=v2, base=baseline))


@pytest.fixture(scope="session")
def blocks() -> Report:
    """A made-up network of twelve equal blocks."""
    from synthetic import BLOCKS, report_of

    return report_of(BLOCKS, components={"Stem": "stem", "Layers": "layers"})
