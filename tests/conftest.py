"""What every test shares: golden files and the settings of hypothesis."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable

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
