"""A real Chromium, headless and without a network, for the tests of the page."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager

import pytest
from repository import DATA
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

AXE = DATA / "axe" / "axe.min.js"
VIEWS = ("overview", "table", "icicle", "treemap", "operators")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-device-scale-factor=1",
    "--window-size=1440,1000",
    "--hide-scrollbars",
)


@contextmanager
def chromium():
    """A browser with a new, empty profile; without one the test is skipped, in CI it fails."""
    programs = (shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver"))
    if not all(programs):
        said = "NO BROWSER: the page is untested here. Install chromium and chromium-driver (chromedriver)."
        if "CI" in os.environ:
            pytest.fail(said)
        pytest.skip(said)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = programs[0]
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
        try:
            driver.execute_cdp_cmd("Network.enable", {})
            driver.execute_cdp_cmd(
                "Network.emulateNetworkConditions",
                {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
            )
            yield driver
        finally:
            driver.quit()


class Page:
    """A page from disk in that browser. ``close`` fails on console errors and on any request but for the file."""

    def __init__(self, driver, folder):
        self.driver = driver
        self.folder = folder

    def open(self, html, at="", *, width=1440, height=1000, dark=False):
        file = self.folder / "page.html"
        file.write_text(html, encoding="utf-8")
        self.size(width, height)
        self.media(dark=dark)
        self.driver.get("about:blank")
        self.logs()
        self.driver.get(f"{file.as_uri()}#{at}")
        self.wait("return document.documentElement.dataset.ready === '1'")
        return self

    def size(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, *, dark=False, media=""):
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})

    def logs(self):
        """Console errors and requests since the last call."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        outside = [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))]
        return said, outside

    def check(self):
        said, outside = self.logs()
        assert not said, said
        assert not outside, outside

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments):
        return WebDriverWait(self.driver, 20, poll_frequency=0.02).until(lambda _: self.js(script, *arguments))

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def view(self, name):
        self.js("document.getElementById(arguments[0]).click()", f"tab-{name}")

    def filter(self, text):
        """Types a filter and waits until the page shows it."""
        self.js(
            "const f = document.getElementById('filter'); f.value = arguments[0]; f.dispatchEvent(new Event('input'))",
            text,
        )
        self.wait("return (new URLSearchParams(location.hash.slice(1)).get('q') ?? '') === arguments[0]", text)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def hash(self):
        return self.js("return Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")

    def text(self, css):
        return self.js("return document.querySelector(arguments[0]).textContent", css)

    def rows(self, view="table"):
        """The rows that are in the page: {path: {column: text}} in their order."""
        script = """
            const host = document.getElementById('host-' + arguments[0]);
            const head = [...host.querySelectorAll('thead th')].map(th => th.textContent);
            const cells = (tr) => Object.fromEntries([...tr.cells].map((td, k) => [head[k], td.textContent]));
            const rows = [...host.querySelectorAll('tbody tr[data-id]')];
            return rows.map(tr => [tr.dataset.path ?? tr.dataset.id, cells(tr)]);
        """
        return dict(self.js(script, view))

    def foot(self, view="table"):
        """The last lines: [{column: text}]."""
        script = """
            const host = document.getElementById('host-' + arguments[0]);
            const head = [...host.querySelectorAll('thead th')].map(th => th.textContent);
            return [...host.querySelectorAll('tfoot tr')].map(tr =>
              Object.fromEntries([...tr.cells].map((td, k) => [head[k], td.textContent])));
        """
        return self.js(script, view)

    def downloads(self):
        folder = self.folder / "downloads"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder), "eventsEnabled": False}
        )
        return folder

    def downloaded(self, folder):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            files = [path for path in folder.iterdir() if path.suffix in {".csv", ".png"} and path.stat().st_size]
            if files:
                return files[0]
            time.sleep(0.02)
        raise AssertionError("nothing was saved")

    def axe(self, *, contrast_only=False):
        """What axe-core finds against WCAG 2.2 A and AA and its best practice, or in the colours alone."""
        if not self.js("return typeof axe === 'object'"):
            self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
        script = """
            const [contrastOnly, done] = arguments;
            const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
            const runOnly = contrastOnly ? {type: 'rule', values: ['color-contrast']} : {type: 'tag', values: tags};
            const node = (found) => `${found.html.slice(0, 200)} ${found.failureSummary}`;
            axe.run(document, {runOnly}).then(({ violations }) =>
              done(violations.map(found => [found.impact, found.id, found.nodes.slice(0, 3).map(node)])));
        """
        return self.driver.execute_async_script(script, contrast_only)


def integer(text):
    """The integer that a cell shows."""
    return None if text == "\N{EN DASH}" else int(text.replace(",", "").removeprefix("\N{GREATER-THAN OR EQUAL TO} "))
