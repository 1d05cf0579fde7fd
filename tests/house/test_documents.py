"""The Python blocks of README and docs run as written."""

import re

import pytest
from conftest import in_sample

from checkout import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
PAGES = [
    page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if BLOCK.search(page.read_text())
]


@pytest.mark.filterwarnings("ignore:the denoiser as it was handed over")  # five steps of training are none
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.sampled(0.25, "README.md", "tutorial.md")
def test_python_blocks_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in BLOCK.findall(page.read_text()):
        shortened = block.replace("network = train(network, training, recipe).network", SHORT_TRAINING)
        shortened = shortened.replace("compare(network, training, held_out)", SHORT_COMPARISON)
        exec(compile(shortened, str(page), "exec"), namespace)


SHORT_TRAINING = "network = train(network, training, TrainConfig(steps=5)).network"
SHORT_COMPARISON = (
    "compare(network, training, held_out, __import__('idealscore.compare').compare.Comparison("
    "levels=2, n_images=8, n_noise=1, theories=('empirical', 'gaussian')))"
)


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_relative_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http", "mailto")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_of_many_cases_the_suite_runs_the_share_and_those_that_are_named():
    names = [f"test_of_many[{k}]" for k in range(1000)]
    chosen = {name for name in names if in_sample(name, 0.33)}
    assert abs(len(chosen) - 330) < 75  # five standard deviations
    assert chosen < {name for name in names if in_sample(name, 0.5)}
    assert in_sample(names[7], 0.0, "7") and not in_sample(names[17], 0.0, "7")
