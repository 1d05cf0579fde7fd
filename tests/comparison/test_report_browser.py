"""report.html in a real browser: pictures load, nothing is cut, the page is not blank."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome is installed")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
WIDTH = 1200
PROBE = """<script>addEventListener("load", () => {
const wide = [...document.querySelectorAll(".wide")], root = document.documentElement;
const found = {
  images: [...document.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().right]),
  overflow: root.scrollWidth - root.clientWidth,
  cut: wide.map(e => e.scrollWidth - e.clientWidth),
  rows: [...document.querySelectorAll("table")].map(t => t.rows.length),
  height: root.scrollHeight,
};
const out = document.createElement("pre"); out.id = "probe"; out.textContent = JSON.stringify(found);
document.body.append(out);
})</script>"""


def browse(page, folder, *options):
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def measured(page, folder, width=WIDTH):
    """What the browser makes of a page, measured by a script in a copy of it."""
    copy = folder / "probed.html"
    copy.write_text(page.read_text().replace("</body>", PROBE + "</body>"))
    dom = browse(copy, folder, f"--window-size={width},900", "--virtual-time-budget=3000", "--dump-dom")
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    from idealscore.compare import Comparison, compare, optima, report
    from idealscore.learned import data

    folder = tmp_path_factory.mktemp("report")
    training, held_out = data.load("digits").subset(300).split(60)
    network = optima(training, ("mixture",))["mixture"]
    result = compare(
        network, training, held_out, Comparison(levels=5, n_images=30, n_noise=1), note="the mixture itself"
    )
    report(result, folder)
    return folder


def test_the_browser_shows_everything(written):
    found = measured(written / "report.html", written)
    assert len(found["images"]) > 20, "one picture for each theory and level, and the figure"
    assert all(complete and natural_width > 0 and right <= WIDTH for complete, natural_width, right in found["images"])
    assert found["overflow"] == 0
    assert found["cut"] == [0] * len(found["cut"]) and len(found["cut"]) == 4, "a table is cut at this width"
    assert all(rows >= 6 for rows in found["rows"])
    assert found["height"] > 1000


def test_the_picture_of_the_page_is_not_blank(written):
    from matplotlib.image import imread

    browse(written / "report.html", written, f"--window-size={WIDTH},2000", f"--screenshot={written / 'page.png'}")
    picture = imread(written / "page.png")[..., :3]
    assert picture.shape[:2] == (2000, WIDTH)
    ink = (picture.min(-1) < 0.7).mean(1)
    assert (ink > 0).mean() > 0.3, "most lines of the page are empty"
    saturated = (picture.max(-1) - picture.min(-1)) > 0.3
    assert saturated.mean() > 5e-4, "the figure's colours are missing"
    assert np.ptp(picture) == 1


def test_the_probe_sees_a_broken_picture_and_a_cut_table(written, tmp_path):
    text = (written / "report.html").read_text()
    broken = re.sub(r'src="data:image/png;base64,[^"]*"', f'src="data:image/png;base64,{NOTHING}"', text)
    page = tmp_path / "broken.html"
    page.write_text(broken.replace('<table class="words">', '<table class="words" style="width: 3000px">'))
    found = measured(page, tmp_path)
    assert found["images"][0][1] == 0
    assert max(found["cut"]) > 1000


NOTHING = base64.b64encode(b"no picture").decode()
