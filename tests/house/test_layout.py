"""The house: who knows a public name finds its file, no room is crowded, and imports run one way without a circle."""

import inspect
import json
import re
import sys
from html import unescape
from importlib import import_module
from itertools import chain

import networkx as nx
import pytest
from known import known

from checkout import MODULES, ROOT, python_files

LAYERS = ("theory", "simulate", "learned", "compare", "sweeping")
FACES = [name for name in MODULES if hasattr(import_module(name), "__path__") and name.split(".")[1] in LAYERS]
NINE_IN_TEN = 0.9
FOLDERS = sorted({path.parent for path in python_files() if path.parent != ROOT})


def words(name):
    """The words of a name: snake case and camel case split, grammatical endings cut."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]", name.replace("UNet", "Unet"))
    return {re.sub(r"(ies|es|s|ed|ing|al|ation|ion|er|or|y|e)$", "", part.lower())[:6] for part in parts} - {""}


def home(value):
    """The file of a public object, as words of its folders and its name."""
    module = inspect.getmodule(value)
    return set(chain.from_iterable(map(words, module.__name__.split(".")[2:]))) if module else set()


def public():
    """Each public function and class of the layers once, with the words of the place where it lives."""
    found = {}
    for face in FACES:
        module = import_module(face)
        for name in module.__all__:
            value = getattr(module, name)
            if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__:
                found[f"{value.__module__}.{name}"] = (name, home(value))
    return found


def test_nine_in_ten_public_names_are_found_by_their_file_or_folder():
    places = public()
    hidden = sorted(full for full, (name, place) in places.items() if not words(name) & place)
    share = 1 - len(hidden) / len(places)
    assert share >= NINE_IN_TEN, f"{share:.1%} of {len(places)}; hidden: {hidden}"


def test_a_name_in_the_wrong_file_counts_as_hidden():
    assert not words("speciation") & words("bifurcation.py".removesuffix(".py"))
    assert words("MixtureDenoiser") & words("mixture") and words("thresholds") & words("all_thresholds")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_no_folder_is_crowded_and_no_module_long(folder):
    modules = sorted(folder.glob("*.py"))
    assert len(modules) <= 20, f"{len(modules)} modules"
    long = {path.name: n for path in modules if (n := len(path.read_text().splitlines())) > 400}
    assert not long


@pytest.fixture(scope="module")
def house():
    pytest.importorskip("grimp")
    sys.path.insert(0, str(ROOT / "docs" / "_site"))
    try:
        yield import_module("house")
    finally:
        sys.path.remove(str(ROOT / "docs" / "_site"))


@pytest.fixture(scope="module")
def imports(house):
    return house.modules()


def circles(graph):
    return [sorted(component) for component in nx.strongly_connected_components(graph) if len(component) > 1]


def test_no_import_circle_between_modules_nor_between_rooms(house, imports):
    assert not circles(imports) and not circles(house.rooms(imports))


def test_a_circle_would_be_found(house, imports):
    bent = imports.copy()
    bent.add_edge("idealscore.theory.noise", "idealscore.cli.compare")
    assert circles(bent) and circles(house.rooms(bent))


def test_the_picture_of_the_house_shows_the_imports_of_today(house, imports):
    described = re.search(r"<dc:description>(.*?)</dc:description>", house.PICTURE.read_text(), re.S)
    drawn = json.loads(unescape(known(described)[1]))
    assert drawn == house.arrows(house.rooms(imports)), "draw it anew: python docs/_site/house.py"


def test_what_the_suite_leaves_to_its_rest_exists():
    """A test that was renamed would come back into the suite unseen; whole files are not left out."""
    for line in (ROOT / "tests/rest.txt").read_text(encoding="utf-8").splitlines():
        path, _, name = line.partition("::")
        tests = re.findall(r"^ *def (test_\w+)\(", (ROOT / path).read_text(encoding="utf-8"), re.M)
        assert name.split("[")[0] in tests and len(tests) > 1, line
