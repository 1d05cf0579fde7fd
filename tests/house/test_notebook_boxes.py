"""What objects show in a notebook: one line of print, and a box whose names are escaped and whose markup is whole."""

import base64
import importlib
import inspect
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from idealscore import DiscreteSchedule, NoiseLevel
from idealscore._support.display import boxes
from idealscore.learned import MLPDenoiser, TrainConfig, train, train_ensemble, wrap
from idealscore.learned.data.images import ImageData
from idealscore.simulate.percolation import ThresholdEstimate, study, sweep
from idealscore.theory import ConceptGraph, GaussianDenoiser, Grammar
from idealscore.theory.percolation import LATTICES, threshold, wrapping_probabilities
from idealscore.theory.transition import Law

EVIL = "<script>alert('x')</script>"
POINTS = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
PACKAGES = ("theory", "theory.percolation", "simulate", "simulate.percolation", "learned", "learned.data", "compare")
# a protocol, and settings, which are given and not found: their line of print is what one would write
NO_RESULT = {"Denoiser", "ConceptPlan", "RegimePlan", "TrainConfig", "PatchSchedule"}
NO_RESULT |= {"Layout", "Normalisation", "Range", "Symmetry"}
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
        "schedule": DiscreteSchedule(np.array([0.1, 0.2, 0.3]), name=EVIL),
        "threshold": ThresholdEstimate(0.5, 0.01, 0.02, EVIL, ((8.0, 0.5, 0.01), (16.0, 0.51, 0.01))),
        "known threshold": threshold("square", "site"),
        "wrapping": wrapping_probabilities(),
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


def test_a_schedule_is_drawn_and_a_threshold_tells_each_size(things):
    assert "<polyline" in things["schedule"]._repr_html_() and ">3</td>" in things["schedule"]._repr_html_()
    html = things["threshold"]._repr_html_()
    assert ">16</td>" in html and ">0.510000</td>" in html and html.count("<tr>") == 5


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


def result_classes():
    """The classes of which a public function, or a maker of a public class, returns an object."""
    packages = [importlib.import_module(f"idealscore.{name}") for name in PACKAGES]
    public = {name: getattr(package, name) for package in packages for name in package.__all__}
    classes = {name: thing for name, thing in public.items() if inspect.isclass(thing)}
    makers = [thing for thing in public.values() if inspect.isfunction(thing)]
    makers += [f.__func__ for one in classes.values() for f in vars(one).values() if isinstance(f, classmethod)]
    words = {word for f in makers for word in re.findall(r"\w+", str(inspect.unwrap(f).__annotations__.get("return")))}
    return {name: classes[name] for name in words & set(classes) - NO_RESULT}


def test_every_public_result_has_a_box():
    found = result_classes()
    assert {"DiscreteSchedule", "ThresholdEstimate", "Transition", "Report"} <= set(found)
    assert [name for name, thing in sorted(found.items()) if not hasattr(thing, "_repr_html_")] == []
