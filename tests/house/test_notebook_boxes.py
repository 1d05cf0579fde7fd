"""What objects show in a notebook: one line of print, and a box whose names are escaped and whose markup is whole."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch

from idealscore import NoiseLevel
from idealscore._support.display import boxes
from idealscore.learned import MLPDenoiser, TrainConfig, train, train_ensemble, wrap
from idealscore.learned.data.images import ImageData
from idealscore.simulate.percolation import study, sweep
from idealscore.theory import ConceptGraph, GaussianDenoiser, Grammar
from idealscore.theory.percolation import LATTICES
from idealscore.theory.transition import Law

EVIL = "<script>alert('x')</script>"
POINTS = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
LAW = Law(EVIL, equation=r"a < b & c", reference="Biroli2024", unit="sigma")


class Balanced(HTMLParser):
    """Keeps open elements; every end must fit."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(html):
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.seen


def made():
    images = torch.linspace(-1, 1, 2 * 16).reshape(2, 1, 4, 4)
    network = MLPDenoiser((2,), width=8, depth=1)
    recipe = TrainConfig(steps=4, batch=4, log_every=1)
    return {
        "transition": LAW.at(2.0, 0.1),
        "no transition": LAW.absent(EVIL),
        "closed form": GaussianDenoiser.fit(POINTS),
        "network": network,
        "wrapped": wrap.function(lambda x, t: x, predicts="x0", clock="sigma"),
        "images": ImageData(images, torch.tensor([0, 1]), name=EVIL, class_names=(EVIL, "b")),
        "points": ImageData(POINTS, name=EVIL),
        "training": train(network, POINTS, recipe),
        "ensemble": train_ensemble([network, MLPDenoiser((2,), width=8, depth=1, seed=1)], POINTS, recipe),
        "lattice": replace(LATTICES["kagome"], name=EVIL),
        "cubic": LATTICES["cubic"],
        "sweep": sweep("square", "site", 4, n_runs=4, seed=0),
        "noise level": NoiseLevel(1.5),
        "noise levels": NoiseLevel([0.1 * k for k in range(1, 21)]),
        "concepts": ConceptGraph({EVIL: ("a", EVIL), "size": 3}),
        "study": study("square", "bond", 8, 20, show=False),
        "grammar": Grammar.random(v=6, m=2, s=2, depth=5),
    }


@pytest.fixture(scope="module")
def things():
    return made()


def test_one_line_of_print_and_a_box_that_is_whole_and_escaped(things):
    for name, thing in things.items():
        assert "\n" not in repr(thing) and " at 0x" not in repr(thing), name
        html = thing._repr_html_()
        assert {"div", "table", "td"} <= set(parsed(html)), name
        assert "<script" not in html and not re.search(r'src="(?!data:)|href=|http', html), name


def test_a_transition_has_a_row_for_every_clock(things):
    transition = things["transition"]
    html = transition._repr_html_()
    for clock, value in transition.clocks().items():
        assert f">{clock}</td>" in html and f">{value:.4g}</td>" in html
    assert "a &lt; b &amp; c" in html


def test_noise_levels_are_a_table_that_ends(things):
    html = things["noise levels"]._repr_html_()
    assert html.count("<tr>") == 13 and "and 8 more" in html and ">OU time</th>" in html
    assert ">1.5</td>" in things["noise level"]._repr_html_()
    assert "6 classes" in things["concepts"]._repr_html_()


def test_the_table_of_a_study_fits_a_terminal(things):
    lines = things["study"].table().splitlines()
    assert max(map(len, lines)) <= 80
    assert things["study"]._repr_html_().count("<tr>") == len(lines)


def test_images_are_thumbnails_and_points_are_not(things):
    html = things["images"]._repr_html_()
    png = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])  # pyright: ignore[reportOptionalSubscript]
    assert png.startswith(b"\x89PNG")
    assert "<img" not in things["points"]._repr_html_()


def test_drawings_show_bonds_losses_and_the_tree(things):
    assert things["lattice"]._repr_html_().count("M") >= 9 * len(things["lattice"].bonds)
    assert "<svg" not in things["cubic"]._repr_html_()
    assert "<polyline" in things["training"]._repr_html_()
    tree = re.search(r"<pre>(.*)</pre>", things["grammar"]._repr_html_(), re.S)[1].splitlines()  # pyright: ignore[reportOptionalSubscript]
    assert len(tree) == 13 and tree[-1] == "..." and tree[1].startswith("  ")
    small = Grammar.random(v=3, m=2, s=2, depth=1)
    assert re.search(r"<pre>(.*)</pre>", small._repr_html_(), re.S)[1].split() == [  # pyright: ignore[reportOptionalSubscript]
        "0", *map(str, small.rules[0][0, 0].tolist())
    ]  # fmt: skip


def test_a_line_is_taken_apart_at_its_own_commas_only():
    html = boxes.from_line("Name(4 x Other, event=(1, 8), name='a, b', float32)")
    assert "<b>Name, 4 x Other, float32</b>" in html
    assert ">(1, 8)</td>" in html and "a, b" in html


def test_a_curve_of_one_point_is_not_drawn():
    assert boxes.curve([1.0], "loss") == "" == boxes.curve([0.0, float("nan")], "loss")
    points = re.search(r'points="([^"]+)"', boxes.curve([100.0, 10.0, 1.0], "loss", 100, 42))[1].split()  # pyright: ignore[reportOptionalSubscript]
    assert points == ["0.0,1.0", "50.0,21.0", "100.0,41.0"]
