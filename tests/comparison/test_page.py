"""The report page: what it opens with, what it shows, and that it needs nothing from elsewhere."""

import html
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import xarray as xr

from idealscore.compare import Comparison, compare, figure
from idealscore.compare.comparison import explanation
from idealscore.compare.comparison._page import page_with, png
from idealscore.compare.comparison._page_parts.coloured_table import coloured_table, verdict
from idealscore.compare.comparison._page_parts.denoised_pictures import denoised_pictures
from idealscore.compare.comparison._page_parts.value_figure import value_figure
from idealscore.compare.comparison.options import HELD_OUT
from idealscore.learned.data import load
from idealscore.theory import GaussianDenoiser


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    training, held_out = load("digits").subset(80).split(0.5, seed=0)
    config = Comparison(levels=3, n_images=6, n_noise=1, theories=("gaussian", "empirical"), sigma_min=0.2, sigma_max=3)
    made = compare(GaussianDenoiser.fit(training.images), training, held_out, config, show=False)
    return made.assign_attrs(hand_over="")


@pytest.fixture(scope="module")
def drawn(result: xr.Dataset) -> bytes:
    return png(figure(result))


@pytest.fixture(scope="module")
def text(result: xr.Dataset, drawn: bytes) -> str:
    return page_with(result, drawn)


def test_it_opens_with_the_answer(text: str, result: xr.Dataset) -> None:
    answer = html.escape(explanation(result))
    assert text.index(f'<p class="answer">{answer}</p>') < text.index("<table")
    assert 'class="warning"' not in text


def test_a_bad_hand_over_stands_in_red_before_the_answer(result: xr.Dataset, drawn: bytes) -> None:
    text = page_with(result.assign_attrs(hand_over="its sign is <turned>"), drawn)
    assert text.index("its sign is &lt;turned&gt;") < text.index('class="answer"')


def test_the_network_is_never_asked(text: str) -> None:
    """No address but those of the pictures in the page; links stand only in the BibTeX, which is text."""
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert "@import" not in text
    assert "url(" not in text


def test_the_command_can_be_copied(result: xr.Dataset, drawn: bytes) -> None:
    text = page_with(result.assign_attrs(command='idealscore compare "a b" & more'), drawn)
    assert 'data-text="idealscore compare &quot;a b&quot; &amp; more"' in text


def test_words_and_colours_follow_the_numbers(result: xr.Dataset) -> None:
    level = result.sel(split=HELD_OUT).isel(sigma=0)
    assert verdict(level).startswith("follows gaussian")
    worse = level.copy(deep=True)
    worse["explained_variance"] = worse.explained_variance - 0.3
    assert verdict(worse).startswith("is near")
    worse["explained_variance"] = worse.explained_variance - 0.4
    assert verdict(worse).startswith("is far")
    assert verdict(level.assign(closest="none")) == "follows no theory"
    assert "follows gaussian" in coloured_table(result)


def test_a_level_that_failed_is_said(result: xr.Dataset) -> None:
    broken = result.copy(deep=True)
    broken["explained_variance"] = broken.explained_variance.where(broken.theory != "empirical")
    assert "not finite" in coloured_table(broken)
    assert "nan" not in value_figure(broken)


def test_the_figure_holds_every_value(result: xr.Dataset) -> None:
    drawn = value_figure(result)
    svg = drawn[drawn.index("<svg") : drawn.index("</svg>") + len("</svg>")]
    ET.fromstring(svg)
    found = re.search(r'<script type="application/json">(.*?)</script>', drawn)
    assert found
    levels = json.loads(found[1])
    assert [level["x"] for level in levels] == sorted(level["x"] for level in levels)
    share = 100 * float(result.explained_variance.sel(split=HELD_OUT, theory="empirical").isel(sigma=1))
    said = next(words for _, words in levels[1]["said"] if words.startswith("empirical"))
    assert float(re.findall(r"-?\d+\.?\d*", said)[0]) == pytest.approx(share, rel=0.05)


def test_names_cannot_break_out_of_the_script(result: xr.Dataset) -> None:
    evil = result.assign_coords(theory=["</script><b>", "empirical"])
    assert "</script><b>" not in value_figure(evil)
    assert "</script><b>" not in coloured_table(evil)


def test_every_picture_is_there(result: xr.Dataset) -> None:
    strips = denoised_pictures(result)
    assert strips.count("data:image/png;base64,") == result.sizes["panel"] * result.sizes["example_sigma"]
    assert strips.count('class="level"') == result.sizes["example_sigma"]


def test_without_images_there_are_no_pictures(result: xr.Dataset, drawn: bytes) -> None:
    assert "denoised</h2>" not in page_with(result.drop_vars("example"), drawn)
    assert np.isfinite(result.explained_variance).all()
