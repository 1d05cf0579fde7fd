"""The example scripts run on tiny settings, as written, and leave the file they promise."""

import ast
import runpy
import sys

import pytest
import torch
from test_documents import BLOCK, SHORT_COMPARISON

from checkout import ROOT

WRITES = {
    "own_network": "own-network/report.html",
    "when_does_a_class_appear": "class_appears.png",
    "does_it_memorise": "memorises.png",
    "is_it_multiplicative": "multiplicative.png",
    "is_it_a_denoiser": None,
    "hierarchy_transition": "hierarchy_transition.png",
}
IN_CELLS = sorted(path for path in (ROOT / "examples").glob("*.py") if "\n# %%" in "\n" + path.read_text())


def test_every_script_in_cells_is_run_here():
    assert {path.stem for path in IN_CELLS} == set(WRITES)


@pytest.mark.parametrize("script", IN_CELLS, ids=lambda path: path.stem)
@pytest.mark.sampled(0.5)
def test_the_script_runs_small(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script.name, "--small"])
    with torch.random.fork_rng(devices=[]):
        runpy.run_path(str(script), run_name="__main__")
    import matplotlib.pyplot as plt

    plt.close("all")
    written = WRITES[script.stem]
    assert written is None or (tmp_path / written).stat().st_size > 1000
    assert capsys.readouterr().out


@pytest.mark.parametrize("script", IN_CELLS, ids=lambda path: path.stem)
def test_the_script_is_in_the_percent_format(script):
    text = script.read_text()
    assert text.startswith("# %% [markdown]\n# # "), "a page starts with a heading"
    ast.parse(text)
    for cell in text.split("# %% [markdown]\n")[1:]:
        prose = cell.split("\n# %%")[0].strip("\n").splitlines()
        assert all(line.startswith("#") for line in prose if line), f"code in a Markdown cell: {prose}"


def test_ten_lines_lead_from_install_to_the_report_of_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "tutorial.md").read_text()
    install = page.split("```text\n")[1].split("```")[0].strip().splitlines()
    block = next(block for block in BLOCK.findall(page) if "report(result" in block)
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(install) + len(lines) <= 10
    with torch.random.fork_rng(devices=[]):
        layer = torch.nn.Linear(64, 64)
    import numpy as np
    from sklearn.datasets import load_digits

    pixels, _ = load_digits(return_X_y=True)
    np.savez("my-images.npz", images=pixels.reshape(-1, 8, 8)[:200] / 8 - 1)
    namespace = {"net": lambda z, step: layer(z.flatten(1)).reshape(z.shape)}
    exec(block.replace("compare(network, training, held_out)", SHORT_COMPARISON), namespace)
    assert (tmp_path / "my-report" / "report.html").stat().st_size > 10_000
