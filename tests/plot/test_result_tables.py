"""Tables and sentences of a result by `.ideal`: value(error) in papers, numbers for pandas, typed errors."""

import re

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt

import idealscore.compare  # noqa: F401  # gives every Dataset its `.ideal`
from idealscore._support.display.tables import brackets, latex, markdown
from idealscore.cli import main
from idealscore.compare import Comparison, compare, compare_models, explanation
from idealscore.compare.comparison import table
from idealscore.errors import ArgumentError, UnknownNameError
from idealscore.learned import data
from idealscore.paper_figs import catalogue
from idealscore.theory import GaussianDenoiser

CONFIG = Comparison(levels=3, n_images=6, n_noise=1, n_samples=2, theories=("empirical", "gaussian"))


@pytest.fixture(scope="module")
def halves():
    return data.load("digits").subset(60).split(0.5, seed=0)


@pytest.fixture(scope="module")
def comparison(halves):
    training, held_out = halves
    return compare(GaussianDenoiser.fit(held_out.images), training, held_out, CONFIG, show=False)


@pytest.fixture(scope="module")
def track():
    dims = ("theory", "sigma")
    values = {"rmse": (dims, [[0.5, 7.8e-6]]), "rmse_stderr": (dims, [[0.012, 8.8e-8]])}
    return xr.Dataset(values, {"theory": ["a_b"], "sigma": [0.1, 1.0]})


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("0.500 ± 0.012", "0.500(12)"),
        ("-0.50 ± 0.10", "-0.50(10)"),
        ("100.00 ± 0.00", "100.00(0)"),
        ("12.3 ± 1.2", "12.3(1.2)"),
        ("1234 ± 56", "1234(56)"),
        ("(7.846 ± 0.088)e-06", "7.846(88)e-06"),
        ("mixture = gaussian", "mixture = gaussian"),
    ],
)
def test_the_error_is_in_units_of_the_last_digit(text, short):
    assert brackets(text) == short


def test_markdown_and_latex_keep_their_own_marks_out_of_the_cells():
    rows = [{"100 %": "a|b & $c_d^e$ {x} \\ ~ # <y>"}]
    assert markdown(rows)[2].replace(r"\|", "").count("|") == 2
    cell = latex(rows)[4].removesuffix(r" \\")
    for letter in "&%#_{}":
        assert not re.search(rf"(?<!\\){re.escape(letter)}", re.sub(r"\\text\w+\{\}|\$[|<>]\$", "", cell))
    assert latex(rows)[2] == r"100 \% \\"


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_a_comparison_as_tables_of_a_paper(comparison, form):
    text = comparison.ideal.table(form)
    assert "±" not in text and "nan" not in text
    assert re.search(r"\d\(\d+(\.\d+)?\)", text)
    for sigma in comparison.sigma.values:
        assert f"{sigma:.3g}" in text
    for name in comparison.transition.values:
        assert str(name) in text
    if form == "latex":
        assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\end{tabular}") == 3
        for block in re.findall(r"\\begin\{tabular\}\{(r+)\}\n(.*?)\\end", text, re.S):
            lines = [line for line in block[1].splitlines() if line.endswith(r"\\")]
            assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in lines} == {len(block[0])}


def test_text_is_the_table_of_the_report_and_the_summary_its_sentence(comparison):
    assert comparison.ideal.table() == table(comparison)
    assert comparison.ideal.summary() == explanation(comparison)


def test_pandas_gets_the_numbers_with_their_errors(comparison):
    frame = comparison.ideal.to_dataframe()
    assert {"split", "sigma", "theory", "cosine", "cosine_stderr"} <= set(frame)
    assert len(frame) == 2 * comparison.sizes["sigma"] * comparison.sizes["theory"]
    row = frame.iloc[-1]
    at = {name: row[name] for name in ("split", "sigma", "theory")}
    assert row.cosine == pytest.approx(float(comparison.cosine.sel(at)))
    assert list(comparison.ideal.to_dataframe(["transition"]).transition) == list(comparison.transition.values)
    with pytest.raises(ArgumentError, match="over: is"):
        comparison.ideal.to_dataframe(["pixel"])


def test_any_estimates_have_a_table(track):
    assert r"a\_b & $1$ & $7.800(88)\times10^{-6}$ \\" in track.ideal.table("latex")
    assert track.ideal.summary() == "rmse, over theory (1), sigma (2)"
    assert track.isel(theory=0, sigma=0, drop=True).ideal.table("markdown").endswith("| 0.500(12) |")


def test_several_networks_have_a_table_and_a_sentence_each(halves, tmp_path):
    training, held_out = halves
    networks = {"one": GaussianDenoiser.fit(held_out.images), "two": GaussianDenoiser.fit(training.images)}
    result = compare_models(networks, training, held_out, CONFIG, show=False)
    assert result.ideal.kind == "compare_models"
    assert re.match(r"one: .*\ntwo: ", result.ideal.summary())
    assert "Agreement" in result.ideal.table("latex")
    with pytest.raises(ArgumentError, match="one_model"):
        result.ideal.plot()


def test_a_regime_map_has_its_table_and_panels():
    result = catalogue.saved("regime_map")
    assert result.ideal.kind == "regime_map"
    ax = result.ideal.plot("copies")
    assert ax.get_ylabel() == "samples that are copies"
    plt.close(ax.figure)
    with pytest.raises(ArgumentError, match=r"\.report\(\) needs a result of compare or compare_models"):
        result.ideal.report("nowhere")


def test_panels_of_a_result_are_drawn_in_given_axes(comparison):
    figure, ax = plt.subplots()
    assert comparison.ideal.plot("score_gap", ax=ax, legend=False) is ax
    with pytest.raises(UnknownNameError, match="score_gap"):
        comparison.ideal.plot("score_gaps")
    with pytest.raises(ArgumentError, match="panel: is not given"):
        comparison.ideal.plot(ax=ax)
    plt.close(figure)


def test_what_is_no_result_is_refused_with_what_is_needed(track):
    pictures = xr.Dataset({"pixels": ("x", np.zeros(3))})
    for call in (pictures.ideal.table, pictures.ideal.to_dataframe, pictures.ideal.summary):
        with pytest.raises(ArgumentError, match="holds pixels, no estimate with its error"):
            call()
    with pytest.raises(ArgumentError, match=r"\.plot\(\) needs a result of compare or regime_map, or the name"):
        track.ideal.plot()
    with pytest.raises(UnknownNameError, match="latex"):
        track.ideal.table("tex")
    with pytest.raises(ArgumentError, match="too many"):
        xr.Dataset({"a": ("x", np.zeros(2000)), "a_stderr": ("x", np.ones(2000))}, {"x": range(2000)}).ideal.table()


def test_the_command_refuses_two_forms_at_once(capsys):
    for command in ("compare", "regimes"):
        assert main([command, "digits", "--json", "--table", "latex"]) == 2
        assert capsys.readouterr().err.count("\n") == 1
