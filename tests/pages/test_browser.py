"""Site and report in a browser: no error, nothing fetched, nothing pale or sticking out, all within the keyboard."""

import json
import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from threading import Thread
from urllib.request import urlopen

import pytest
from browser import CHROMIUM, Browser

from checkout import ROOT

MISSING = [name for name in ("tornado", "mkdocs", "material", "mkdocstrings") if find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs chromium"),
    pytest.mark.skipif("tornado" in MISSING, reason="needs tornado"),
]
PAGES = (
    "index", "gallery", "evidence", "plots", "which_theory_is_which", "questions/does_my_network_memorise",
    "theory/percolation", "api/compare", "api/commands", "examples/notebooks/does_it_memorise",
    "scaling", "bibliography",
)  # fmt: skip
WIDTHS = (1280, 390)


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    from idealscore.paper_figs import catalogue

    folder = tmp_path_factory.mktemp("report")
    catalogue.saved("network_on_mnist").ideal.report(folder)
    return folder / "report.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the pages: built here, or those of a folder that IDEALSCORE_SITE names."""
    folder = os.environ.get("IDEALSCORE_SITE") or str(tmp_path_factory.mktemp("site"))
    if "IDEALSCORE_SITE" not in os.environ:
        if MISSING:
            pytest.skip(f"needs {', '.join(MISSING)}: pip install 'idealscore[docs]'")
        words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    handler = partial(Silent, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def faults(browser, path, width, dark=False):
    browser.open(path, width, dark=dark)
    return browser.complaints(), browser.overflowing(), browser.pale()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_site(browser, site, page):
    for width in WIDTHS:
        assert faults(browser, f"{site}/{page}.html", width) == ([], [], {}), width
    assert faults(browser, f"{site}/{page}.html", WIDTHS[0], dark=True) == ([], [], {}), "dark"


def test_no_page_sticks_out_of_a_phone(browser, site):
    told = json.load(urlopen(f"{site}/search/search_index.json"))["docs"]
    pages = sorted({one["location"].split("#")[0] or "index.html" for one in told})
    assert len(pages) > 50
    wide = {}
    for page in pages:
        browser.open(f"{site}/{page}", min(WIDTHS))
        wide[page] = browser.overflowing()
    assert {page: found for page, found in wide.items() if found} == {}


@pytest.mark.parametrize("page", ["index", "plots"])
def test_the_keyboard_reaches_a_page_of_the_site(browser, site, page):
    browser.open(f"{site}/{page}.html")
    assert browser.not_reached() == []


@pytest.mark.parametrize("width", [1280, 1100, 390])
def test_the_report(browser, report, width):
    assert faults(browser, report, width) == ([], [], {})
    assert browser.not_reached() == []
    if width >= 1100:
        script = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).length"
        assert browser.evaluate(script) == 0


def test_the_report_prints_on_two_pages(browser, report):
    browser.open(report)
    assert browser.printed_pages() <= 2


def test_what_is_wrong_is_found(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        '<body style="background:#fff"><p style="color:#bbb">pale</p><p style="width:3000px;background:#eee">wide</p>'
        '<a href="#x" style="outline:none">link</a><img src="http://127.0.0.1:9/x.png" alt="">'
        '<style>a:focus-visible{outline:none}</style><script>console.error("no"); undefined_name()</script></body>'
    )
    browser.open(page)
    told = " ".join(browser.complaints())
    assert "console" in told and "exception" in told and "request: http://127.0.0.1:9" in told
    assert any("pale" in name for name in browser.pale()) and any("wide" in one for one in browser.overflowing())
    assert browser.not_reached() == ["no mark on A. link"]
