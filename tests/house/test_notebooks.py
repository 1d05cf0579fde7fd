"""The notebooks: they run small as plain scripts, and the committed pairs are what the scripts say, with outputs."""

import ast
import importlib
import json
import re
import runpy
import sys
import tomllib

import pytest
import torch

from idealscore.errors import MissingDependencyError

from checkout import ROOT

FOLDER = ROOT / "examples" / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))
SLOW = {"which_theory_does_my_diffusers_model_follow", "does_it_memorise"}
RUN = [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW)) for path in SCRIPTS]


@pytest.fixture
def notebooks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_site"))
    return importlib.import_module("notebooks")


def test_there_are_six():
    assert len(SCRIPTS) == 6


@pytest.mark.parametrize("script", RUN)
def test_the_script_runs_small(script, tmp_path, monkeypatch, capsys):
    if "diffusers" in script.stem:
        pytest.importorskip("diffusers")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script.name, "--small"])
    with torch.random.fork_rng(devices=[]):
        runpy.run_path(str(script), run_name="__main__")
    import matplotlib.pyplot as plt

    plt.close("all")
    assert list(tmp_path.rglob("*.png")) and capsys.readouterr().out


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_unguarded_is_always_installed(script):
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    always = {re.split(r"[^\w-]", need)[0].replace("-", "_") for need in needed}
    always |= {"idealscore", *sys.stdlib_module_names}
    tops = ast.parse(script.read_text()).body
    names = [alias.name for top in tops if isinstance(top, ast.Import) for alias in top.names]
    names += [str(top.module) for top in tops if isinstance(top, ast.ImportFrom)]
    assert names and {name.split(".")[0] for name in names} <= always


def test_a_notebook_without_its_extra_names_it_at_once(monkeypatch):
    script = FOLDER / "which_theory_does_my_diffusers_model_follow.py"
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.setattr("idealscore.learned.data.load", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(MissingDependencyError) as caught:
        runpy.run_path(str(script), run_name="__main__")
    assert str(caught.value).endswith("install it with: pip install 'idealscore[hub]'")
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_pair_has_the_cells_of_the_script_and_outputs(script, notebooks):
    assert script.read_text().startswith("# %% [markdown]\n# # ")
    ast.parse(script.read_text())
    pair = json.loads(script.with_suffix(".ipynb").read_text())
    held = [(cell["cell_type"], "".join(cell["source"])) for cell in pair["cells"]]
    assert held == notebooks.cells(script), f"run: python docs/_site/notebooks.py {script.stem}"
    assert list(notebooks.pictures(script.with_suffix(".ipynb")))
    assert script.with_suffix(".ipynb").stat().st_size < 400_000


def test_a_notebook_becomes_a_page_with_its_outputs(notebooks, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    script = tmp_path / "one.py"
    script.write_text(
        "# %% [markdown]\n# # One\n#\n# Words.\n\n# %%\nimport matplotlib.pyplot as plt\nprint(6 * 7)\n"
        "picture, ax = plt.subplots()\n\n# %%\nprint('next')\n"
    )
    script.with_suffix(".ipynb").write_text(json.dumps(notebooks.pair(script)))
    page = notebooks.page(script.with_suffix(".ipynb"))
    assert page.startswith("# One\n\nWords.\n\n```python\nimport matplotlib")
    assert "```text\n42\n```\n\n![What this cell draws](one-1.png)" in page and page.index("42") < page.index("next")
    ((name, picture),) = notebooks.pictures(script.with_suffix(".ipynb"))
    assert name == "one-1.png" and picture.startswith(b"\x89PNG")


def test_a_cell_that_fails_stops_the_run(notebooks, tmp_path):
    script = tmp_path / "one.py"
    script.write_text("# %%\nraise KeyError('gone')\n")
    with pytest.raises(KeyError, match="gone"):
        notebooks.pair(script)
