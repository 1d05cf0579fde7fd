"""The report: what the figure plots, what the page holds, that nothing is cut or overlaps."""

import json
import re
from base64 import b64encode

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from idealscore.compare import Comparison, compare, figure, optima, report
from idealscore.compare.comparison import page, table
from idealscore.compare.comparison._page import headline
from idealscore.compare.comparison._table import closest
from idealscore.errors import ShapeError, UnknownNameError
from idealscore.learned import data
from idealscore.theory import GaussianDenoiser


@pytest.fixture(scope="module")
def result():
    digits = data.load("digits")
    training, held_out = digits.subset(300).split(60)
    network = optima(training, ("mixture",))["mixture"]
    return compare(network, training, held_out, Comparison(levels=5, n_images=30, n_noise=1), note="the mixture itself")


def test_the_network_that_is_a_theory_is_closest_to_it(result):
    assert result.closest.sel(split="held-out").values.tolist() == ["mixture"] * 5
    assert float(result.score_error.sel(theory="mixture").max()) == 0
    assert headline(result).count("mixture") == 1


def test_training_images_betray_the_empirical_optimum(result):
    error = result.denoising_error.sel(theory="empirical").isel(sigma=0)
    assert float(error.sel(split="training")) < 1e-6 < float(error.sel(split="held-out"))


def test_the_table_has_a_row_for_each_level_and_each_transition(result):
    text = table(result)
    assert len(re.findall(r"^-- predicted: ", text, re.M)) == result.sizes["transition"]
    for sigma in result.sigma.values:
        assert f"{sigma:.3g}" in text
    at = [float(s) for s in re.findall(r"at sigma ([\d.]+)", text)]
    assert at == sorted(at, reverse=True)


def test_ties_are_named(result):
    level = result.sel(split="held-out").isel(sigma=0).copy(deep=True)
    level["tied"] = level.tied | (level.theory == "gaussian")
    assert closest(level) == "mixture = gaussian"


def test_the_figure_plots_the_result_and_cuts_nothing(result):
    import matplotlib.pyplot as plt

    drawn = figure(result)
    lines = {line.get_label(): line for line in drawn.axes[0].get_lines()}
    held_out = result.sel(split="held-out")
    for name in held_out.theory.values:
        assert np.allclose(lines[str(name)].get_ydata(), 1 - held_out.explained_variance.sel(theory=name))
    drawn.canvas.draw()
    width, height = drawn.canvas.get_width_height()
    assert isinstance(drawn.canvas, FigureCanvasAgg)
    renderer = drawn.canvas.get_renderer()
    boxes = []
    for ax in drawn.axes:
        for text in [ax.xaxis.label, ax.yaxis.label, ax.title, *ax.texts]:
            if text.get_text() and text.get_visible():
                box = text.get_window_extent(renderer)
                assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, text
                if text in ax.texts:
                    boxes.append(box)
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])
    plt.close(drawn)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    """A network with a hostile name, and the folder of the report on it."""
    folder, hostile = tmp_path_factory.mktemp("report"), result.assign_attrs(network="<script>alert(1)</script>")
    report(hostile, folder)
    return hostile, folder


def test_the_page_is_whole_and_escapes_what_it_is_given(written):
    text = (written[1] / "report.html").read_text()
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert text.count("<table>") == 2 and "@inproceedings{Li2024," in text


@pytest.mark.slow
def test_the_page_tells_the_plan_and_the_time_that_was_spent(result):
    timing = json.dumps({"seconds": 75.2, "plan": ["5 levels of <300> images", "in all about 1 min"]})
    text = page(result.assign_attrs(timing=timing), figure(result))
    assert "<pre>5 levels of &lt;300&gt; images\nin all about 1 min</pre><p>It took 1 min 15 s.</p>" in text
    assert '<div class="spent"></div>' in page(result, figure(result))


def test_the_report_can_be_made_again_from_the_file(written):
    from idealscore._support import results as _results

    result, folder = written
    again, text = _results.load(folder / "compare.nc"), (folder / "report.html").read_text()
    assert table(again) == table(result)
    made = "<h2>How it was made</h2>"  # behind it stand the attributes, in the order of the file
    assert page(again, figure(again)).split(made)[0] == text.split(made)[0]
    assert b64encode((folder / "compare.png").read_bytes()).decode() in text
    import matplotlib.pyplot as plt

    plt.close("all")


def test_the_theories_are_fitted_on_the_given_images():
    training = data.load("digits").subset(40)
    fitted = optima(training, ("gaussian", "empirical"))
    gaussian = fitted["gaussian"]
    assert isinstance(gaussian, GaussianDenoiser)
    assert np.allclose(gaussian.mean, training.images.double().mean(0))
    assert fitted["empirical"](training.images[:2], 0.0).numpy() == pytest.approx(training.images[:2].numpy())


def test_bad_input_is_refused():
    digits = data.load("digits").subset(20)
    with pytest.raises(UnknownNameError, match="did you mean 'gaussian'"):
        optima(digits, ("gausian",))
    other = data.ImageData(digits.images[:, :, :4, :4])
    with pytest.raises(ShapeError, match="held_out"):
        compare(lambda x, sigma: x, digits, other)
