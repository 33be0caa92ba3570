"""The documentation site builds without a warning, its links lead somewhere, its search finds, anyone can read it."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pytest
from browser import Page, chromium
from repository import ROOT

import archscope
from archscope.cli import COMMANDS

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Links(HTMLParser):
    """What a page loads, where it leads, and where one can be led to in it."""

    def __init__(self):
        super().__init__()
        self.loads, self.leads, self.anchors = [], [], set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "link" and not {"stylesheet", "icon"} & {*found.get("rel", "").split()}:
            return
        if found.get(LOADS.get(tag)):
            self.loads.append(found[LOADS[tag]])
        elif tag == "a" and found.get("href"):
            self.leads.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site):
    def read(path):
        links = Links()
        links.feed(path.read_text(encoding="utf-8"))
        return links

    return {path: read(path) for path in site.rglob("*.html") if path.name != "404.html"}


@pytest.fixture(scope="module")
def served(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def reader(served, tmp_path_factory):
    with chromium() as driver:
        reach = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", reach)
        yield Page(driver, tmp_path_factory.mktemp("reader"))


def test_every_link_leads_to_a_page_and_a_place_that_are_there(site, pages):
    assert len(pages) > 25
    broken = []
    for path, page in pages.items():
        for link in page.leads + page.loads:
            target, anchor = urldefrag(unquote(link))
            if target.startswith(("https://", "http://", "mailto:")):
                continue
            file = (path.parent / target).resolve() if target else path
            file = file / "index.html" if file.is_dir() else file
            if not file.is_file() or (anchor and file in pages and anchor not in pages[file].anchors):
                broken.append((str(path.relative_to(site)), link))
    assert broken == []


def test_no_page_loads_anything_from_elsewhere(pages):
    away = {link for page in pages.values() for link in page.loads if "//" in link and not link.startswith("data:")}
    assert away == set()


def test_every_command_with_its_options_and_every_public_name_is_there(site):
    commands = (site / "commands.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f'id="{name}"' in commands
    for option in ("--allow-increase", "--convention", "--max-params"):
        assert option in commands
    names = (site / "names.html").read_text(encoding="utf-8")
    for name in archscope.__all__:
        assert f'id="archscope{name.lower()}"' in names or f"archscope.{name}" in names
    assert "keep_calls" in names  # an argument of analyze, from its signature


def test_the_search_finds_what_people_look_for(served, reader):
    """Typed as a reader does; the answers come from the site's own index."""
    reader.driver.get(f"{served}/index.html")
    reader.logs()
    for words, expected in (
        ("deformable", "counting"),
        ("allow-increase", "ci"),
        ("peak_activation_bytes", "measures"),
    ):
        reader.js("const q = document.querySelector('[data-md-component=search-query]'); q.focus(); q.value = ''")
        reader.find("[data-md-component=search-query]").send_keys(words)
        found = "return [...document.querySelectorAll('.md-search-result__link')].map(a => a.href)"
        reader.wait(f"return (() => {{ {found} }})().some(at => at.includes(arguments[0]))", expected)
    asked = [json.loads(entry["message"])["message"] for entry in reader.driver.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in asked if e["method"] == "Network.requestWillBeSent"]
    assert urls
    assert [url for url in urls if not url.startswith((served, "data:", "blob:"))] == []


@pytest.mark.parametrize(("name", "dark"), [("index.html", True), ("tasks/gate.html", False), ("names.html", True)])
def test_nothing_serious_keeps_anyone_from_reading(served, reader, name, dark):
    reader.size(1280, 900)
    reader.media(dark=dark)
    reader.driver.get(f"{served}/{name}")
    reader.js("localStorage.clear()")  # the theme keeps the scheme of the page before
    reader.driver.refresh()
    reader.wait("return document.readyState === 'complete'")
    serious = [found for found in reader.axe() if found[0] in {"serious", "critical"}]
    assert not serious, serious


def test_a_phone_shows_a_page_without_scrolling_sideways(served, reader):
    reader.size(360, 740)
    for name in ("index.html", "tasks/gate.html", "json.html"):
        reader.driver.get(f"{served}/{name}")
        reader.wait("return document.readyState === 'complete'")
        assert reader.js("return document.documentElement.scrollWidth") <= 360
