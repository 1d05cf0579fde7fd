"""The report as one self-contained HTML page: table, figure, configuration, citations."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import xarray as xr

from ..._support.citations import bibliography
from ..._support.style import style
from ._explanation import explanation, shares
from ._table import HANDED_OVER, SHARES, closest, legend, rows, transition_rows
from .options import HELD_OUT, TRAINING
from .several_models import one_model, pair_legend, pair_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CITED = ("Karras2022", "Li2024", "Wang2024", "Kamb2024", "Zhang2024", "Biroli2024")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which theory does the network follow?</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin-bottom: 0.2rem; }}
h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
p.lead {{ color: #444; margin-top: 0; }}
img {{ max-width: 100%; height: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }}
td.transition {{ text-align: left; color: #666; font-style: italic; background: #f6f6f6; }}
.wrong {{ color: #b00020; }}
pre {{ background: #f6f6f6; padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }}
</style>
</head>
<body>
<h1>Which theory does the network follow?</h1>
{sections}
<h2>Configuration</h2>
<pre>{configuration}</pre>
<h2>Citations</h2>
<pre>{citations}</pre>
</body>
</html>
"""

SECTION = """{title}
<p class="lead">{lead}</p>
<h2>Held-out images</h2>
<div class="wide">{held_out}</div>
<p>{legend}</p>
<h2>What explains the network</h2>
<p>{explanation}</p>
<div class="wide">{shares}</div>
<p>{shares_legend}</p>
<h2>In pictures</h2>
<img alt="Score errors, memorisation, denoising errors and denoised examples" src="data:image/png;base64,{picture}">
<h2>Training images</h2>
<p>The same comparison where the network has seen the clean image: memorisation shows in the difference.</p>
<div class="wide">{training}</div>"""

AGREEMENT = """<h1>Do the models agree?</h1>
<div class="wide">{pairs}</div>
<p>{legend}</p>"""


def headline(result: xr.Dataset) -> str:
    """One sentence: the closest theory over the ranges of noise."""
    part = result.sel(split=HELD_OUT)
    runs: list[tuple[str, float, float]] = []
    for sigma in part.sigma.values:
        name = closest(part.sel(sigma=sigma))
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1], sigma)
        else:
            runs.append((name, sigma, sigma))
    spans = [f"{name} ({low:.2g})" if low == high else f"{name} ({low:.2g} to {high:.2g})" for name, low, high in runs]
    return "On held-out images the network is closest, by noise level sigma, to: " + "; ".join(spans) + "."


def html_table(result: xr.Dataset, split: str) -> str:
    cells = rows(result, split)
    head = "".join(f"<th>{escape(key)}</th>" for key in cells[0])
    pending = transition_rows(result)
    body = []

    def announce(below: float) -> None:
        while pending and pending[0][0] > below:
            body.append(f'<tr><td class="transition" colspan="{len(cells[0])}">{escape(pending.pop(0)[1])}</td></tr>')

    for row, sigma in zip(cells, result.sigma.values[::-1], strict=True):
        announce(sigma)
        body.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.values()) + "</tr>")
    announce(0.0)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def plain_table(cells: list[dict[str, str]], kind: str = "") -> str:
    """Rows of equal keys as an HTML table."""
    opening = f'<table class="{kind}">' if kind else "<table>"
    head = "".join(f"<th>{escape(key)}</th>" for key in cells[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.values()) + "</tr>" for row in cells)
    return f"{opening}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _line(text: str) -> str:
    """A line of the legend; what is wrong with the network stands out in red."""
    return f'<strong class="wrong">{escape(text)}</strong>' if text.startswith(HANDED_OVER) else escape(text)


def section(result: xr.Dataset, drawn: Figure, title: str = "") -> str:
    """What one network has to show."""
    buffer = io.BytesIO()
    with style():
        drawn.savefig(buffer, format="png")
    return SECTION.format(
        title=f"<h1>{escape(title)}</h1>" if title else "",
        lead=escape(headline(result)),
        held_out=html_table(result, HELD_OUT),
        training=html_table(result, TRAINING),
        explanation=escape(explanation(result)),
        shares=plain_table(shares(result), "shares"),
        shares_legend=escape(SHARES),
        legend="<br>".join(_line(line) for line in legend(result, HELD_OUT)),
        picture=base64.b64encode(buffer.getvalue()).decode(),
    )


def page(result: xr.Dataset, drawn: Figure | Mapping[str, Figure]) -> str:
    """The report as one HTML page that needs no other file: table, figure, configuration, citations.

    Parameters
    ----------
    result : xarray.Dataset
        As of `compare` or `compare_models`.
    drawn : matplotlib.figure.Figure or mapping of str to Figure
        The picture of `figure`; of several models, that of each by its name.

    Returns
    -------
    str
        The text of the page.

    Examples
    --------
    >>> from idealscore.compare import Comparison, compare, figure
    >>> from idealscore.learned.data import load
    >>> from idealscore.theory import GaussianDenoiser
    >>> training, held_out = load("digits").subset(60).split(0.5, seed=0)
    >>> config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian",))
    >>> result = compare(GaussianDenoiser.fit(held_out.images), training, held_out, config, show=False)
    >>> page(result, figure(result)).startswith("<!doctype html>")
    True
    """
    made = {key: str(value) for key, value in result.attrs.items() if key != "configuration"}
    configuration = {"configuration": json.loads(result.attrs["configuration"]), **made}
    if isinstance(drawn, Mapping):
        sections = [section(one_model(result, name), figure, name) for name, figure in drawn.items()]
        sections.append(AGREEMENT.format(pairs=plain_table(pair_rows(result)), legend=escape(pair_legend(result))))
    else:
        sections = [section(result, drawn)]
    return PAGE.format(
        sections="\n".join(sections),
        configuration=escape(json.dumps(configuration, indent=2)),
        citations=escape("\n\n".join(bibliography()[key] for key in CITED)),
    )
