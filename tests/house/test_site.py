"""The site of the documentation: what its hooks do, and that it builds without a warning, whole and offline."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from checkout import ROOT

MISSING = [name for name in ("mkdocs", "material", "mkdocstrings", "latex2mathml") if find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: pip install 'idealscore[docs]'"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
PACKAGES = ("theory", "simulate", "learned", "compare", "sweeping")


@pytest.fixture
def hook(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_site"))
    return importlib.import_module


def test_a_new_page_appears_in_the_section_of_its_folder_or_at_the_end(hook):
    pages = ["theory/zebra.md", "index.md", "theory/identities.md", "surprise.md", "questions/why.md"]
    sections = {title: inside for part in hook("navigation").arranged(pages) for title, inside in part.items()}
    assert sections == {
        "Start": ["index.md"],
        "Questions": ["questions/why.md"],
        "Theory": ["theory/identities.md", "theory/zebra.md"],
        "More": ["surprise.md"],
    }


def test_the_table_of_subjects_leads_to_each_room_of_a_subject(hook):
    rows = {row.split(" | ")[0].strip("| "): row for row in hook("public_names").subjects().splitlines()[2:]}
    assert "](theory.md#module-idealscore.theory.percolation)" in rows["percolation"]
    assert "](simulate.md#module-idealscore.simulate.percolation)" in rows["percolation"]
    assert "learned.md" not in rows["percolation"] and rows["flow matching"].count("](") == 2


def test_citations_become_links_except_in_code(hook):
    linked = hook("citations").linked
    assert linked("as in [@Li2024], eq. 5") == r"as in \[[Li et al. 2024][Li2024]\], eq. 5"
    assert linked("[@Li2024; @Okawa2023]").count("][") == 2
    assert linked("`[@Li2024]`") == "`[@Li2024]`" and "[@Li2024]" in linked("```\n[@Li2024]\n```")
    with pytest.raises(KeyError):
        linked("[@" + "Nobody1900]")


def test_every_entry_of_the_bibliography_has_authors_a_title_and_a_year(hook):
    citations = hook("citations")
    for key, entry in citations.entries().items():
        found = citations.fields(entry)
        assert found.get("title") and re.fullmatch(r"\d{4}", found.get("year", "")), key
        assert not re.search(r"[{}\\]", found["title"] + found.get("author", "")), key
        assert f"{{#{key}}}" in citations.bibliography()


def test_docstrings_keep_what_was_written(hook):
    docstrings = hook("docstrings")
    shown = docstrings.shown(
        "E<x, D*> and D*, *not* [@Li2024].\n\n    a <b> *c* [@Li2024]\n\n>>> f(1)\n2\n", {"Li2024": ENTRY}
    )
    assert r"E&lt;x, D\*> and D\*, *not* \[[Li 2024][Li2024]\]" in shown
    assert "    a <b> *c* [Li 2024]\n" in shown
    assert "```pycon\n>>> f(1)\n2\n```" in shown


def test_types_of_parameters_are_shown_as_written_and_descriptions_as_text(hook):
    text = "Parameters\n----------\nx : tensor (n, *event)\n    Of D* <x, y>.\n\nExamples\n--------\n>>> f(1)\n2\n"
    shown = hook("docstrings").shown(text, {})
    assert "x : tensor\u00a0(n, *event)\n" in shown
    assert r"    Of D\* &lt;x, y>." in shown
    assert shown.count("```pycon") == 1


ENTRY = "@article{Li2024,\n  title={T},\n  author={Li, Xiang},\n  year={2024}\n}"


def test_formulas_become_mathml_and_other_markup_stays(hook):
    rendered = hook("mathematics").rendered
    marked = r'<p>if <span class="arithmatex">\(a &lt; \frac12\)</span></p>'
    assert "<mfrac>" in rendered(marked) and "arithmatex" not in rendered(marked)
    assert rendered("<p>(a)</p>") == "<p>(a)</p>"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_reference_lists_what_the_package_offers(hook, package):
    face = hook("public_names").face(f"idealscore.{package}")
    public = importlib.import_module(f"idealscore.{package}").__all__
    whole = {module for module, names in face.items() if not names}
    assert set(public) >= whole | {name for names in face.values() for name in names}
    assert set(public) <= set(face) | {name for names in face.values() for name in names}


def test_figures_in_the_table_are_those_of_the_command(hook):
    from idealscore.paper_figs import catalogue

    assert set(hook("figure_list").figures()) == set(catalogue.names())


def test_the_lights_of_the_evidence_are_those_of_its_rows(hook):
    verdicts, page = hook("verdicts"), (ROOT / "docs" / "evidence.md").read_text()
    claims = verdicts.claims(page)
    numbered = [claim for claim in claims if claim.text[0].isdigit()]
    assert [claim.text.split(".")[0] for claim in numbered] == [str(k + 1) for k in range(18)]
    table = verdicts.on_page_markdown(page).split("| claim | verdict | figure |\n")[1].split("\n\n")[0]
    for claim, row in zip(claims, table.splitlines()[1:], strict=True):
        assert claim.text in row and claim.word.lower() in row and verdicts.LIGHTS[claim.word] in row
    gallery = (ROOT / "docs" / "gallery.md").read_text()
    assert "](gallery.md#" in table and set(verdicts.anchors(gallery)) >= {"percolation_bumps", "regime_map"}


def test_a_verdict_without_a_light_is_refused(hook):
    page = "| claim | verdict |\n|---|---|\n| snow is white | surely |\n"
    refused = importlib.import_module("mkdocs.exceptions").PluginError
    with pytest.raises(refused, match="snow is white"):
        hook("verdicts").claims(page)
    assert hook("verdicts").claims(page.replace("surely", "**Holds**"))[0].word == "Holds"


def test_the_page_of_the_theories_shows_every_drawing_of_its_script():
    script = ast.parse((ROOT / "docs" / "_site" / "theory_drawings.py").read_text())
    (drawings,) = (node for node in script.body if isinstance(node, ast.AnnAssign))
    assert isinstance(drawings.value, ast.Tuple)
    names = {ast.unparse(name) for name in drawings.value.elts}
    page = (ROOT / "docs" / "which_theory_is_which.md").read_text()
    assert names == set(re.findall(r"images/theories/(\w+)\.png", page)) and len(names) == 5
    assert names == {path.stem for path in (ROOT / "docs" / "images" / "theories").glob("*.png")}


def literal_formulas():
    """The dotted names of all that is called `reference` in theory/ and is not abstract."""
    for path in sorted((ROOT / "theory").rglob("*.py")):
        module = ".".join(["idealscore", *path.relative_to(ROOT).with_suffix("").parts])
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
            inside = f"{module}.{owner.name}" if isinstance(owner, ast.ClassDef) else module
            for node in owner.body:
                if not isinstance(node, ast.FunctionDef) or node.name != "reference":
                    continue
                if "abstractmethod" not in map(ast.unparse, node.decorator_list):
                    yield f"{inside}.reference"


def test_every_literal_formula_of_the_theory_is_shown_on_a_page(hook):
    directive = hook("source_text").DIRECTIVE
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md")]
    shown = {name for page in pages for name in directive.findall(page)}
    wanted = set(literal_formulas())
    assert len(wanted) >= 15 and not wanted - shown
    assert all(map(hook("source_text").source, shown))


def test_a_directive_becomes_the_text_of_a_function_with_the_first_line_of_its_docstring(hook):
    source = hook("source_text").source
    page = hook("source_text").on_page_markdown(
        "<!-- source of idealscore.theory.gaussian.GaussianDenoiser.reference -->"
    )
    lines = page.splitlines()
    assert lines[:2] == ["```python", "def reference(self, x: Points, sigma: Sigma) -> Points:"] and lines[-1] == "```"
    assert lines[2].startswith('    """mu + C (C + sigma^2 I)^-1') and lines[2].endswith('"""')
    assert "Parameters" not in page and "[@" not in page and "torch.linalg.solve" in page
    assert source("idealscore.theory.denoiser.Denoiser").startswith("@runtime_checkable\nclass Denoiser(")


@pytest.mark.parametrize(
    "name", ["gaussian.GaussianDenoiser.nothing", "gaussian.Nothing.reference", "nothing.reference"]
)
def test_a_directive_that_names_nothing_is_refused(hook, name):
    refused = importlib.import_module("mkdocs.exceptions").PluginError
    with pytest.raises(refused, match=f"source of idealscore.theory.{name}"):
        hook("source_text").on_page_markdown(f"<!-- source of idealscore.theory.{name} -->")


def test_a_script_becomes_a_page(hook):
    text = hook("example_pages").page(ROOT / "examples" / "own_network.py")
    assert text.startswith("# Hold your own network against theory\n") and "```python\nimport sys" in text
    assert "# %%" not in text


def build(root, folder):
    """Build without --quiet, which would swallow the warnings that --strict counts."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=root, capture_output=True, text=True, timeout=300, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def one_page(text, root):
    """A copy of the checkout, by links, whose documentation is the page `text` alone."""
    (root / "docs").mkdir()
    for path in ROOT.iterdir():
        if path.name not in ("docs", "mkdocs.yml", "examples", "site"):
            (root / path.name).symlink_to(path)
    shutil.copy(ROOT / "mkdocs.yml", root)
    for folder in ("_site", "_style"):
        shutil.copytree(ROOT / "docs" / folder, root / "docs" / folder)
    (root / "docs" / "index.md").write_text(f"# A page\n\n{text}\n")
    return root


MISTAKES = {
    "[gone](gone.md)": "gone.md",
    "as in [@" + "Nobody1900]": "Nobody1900",
    "[somewhere][idealscore.no.such.name]": "idealscore.no.such.name",
    "::: idealscore.theory.no_such_module": "no_such_module",
    "<!-- source of idealscore.theory.gaussian.no_such_function -->": "no_such_function",
}


@pytest.mark.slow
def test_a_page_without_a_mistake_builds(tmp_path):
    done = build(one_page("[here](index.md), as in [@Li2024].", tmp_path), tmp_path / "site")
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_stops_the_build_and_is_named(mistake, tmp_path):
    done = build(one_page(mistake, tmp_path), tmp_path / "site")
    assert done.returncode != 0 and MISTAKES[mistake] in done.stderr


@pytest.mark.slow
def test_the_site_builds_strictly_and_has_every_page(site):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs")).with_suffix(".html").stat().st_size > 5000, page
    for script in (ROOT / "examples").glob("*.py"):
        assert (site / "examples" / f"{script.stem}.html").exists()
    for notebook in (ROOT / "examples" / "notebooks").glob("*.ipynb"):
        assert "<img" in (site / "examples" / "notebooks" / f"{notebook.stem}.html").read_text()
    assert not (site / "_site").exists()
    assert (site / "search" / "search_index.json").stat().st_size > 10_000
    assert 'data-md-component="search-query"' in (site / "index.html").read_text()


@pytest.mark.slow
def test_every_public_name_has_its_place(site, hook):
    for package in PACKAGES:
        html = (site / "api" / f"{package}.html").read_text()
        for module, names in hook("public_names").face(f"idealscore.{package}").items():
            for name in names:
                place = rf'id="idealscore\.{package}\.{module}(\.\w+)*\.{name}"'  # in the module or one behind it
                assert re.search(place, html), f"{package}.{name}"


@pytest.mark.slow
def test_nothing_is_left_raw_and_nothing_is_fetched(site):
    for page in site.rglob("*.html"):
        html = page.read_text()
        prose = re.sub(r"<(code|pre|script|style)\b.*?</\1>", "", html, flags=re.S)
        assert "[@" not in prose and "arithmatex" not in prose, page
        assert "public names of" not in prose and "<!-- source of" not in prose, page
        for tag in re.findall(r"<(?:script|img|iframe|link rel=\"(?:stylesheet|preconnect)\")[^>]*>", html):
            assert "http" not in tag, f"{page.name}: {tag}"
