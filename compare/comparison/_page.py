"""The report as one self-contained HTML page: the answer, a table in colours, figures, all numbers, how it was made."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..._support import results as _results
from ..._support.citations import bibliography
from ..._support.cost import duration
from ..._support.style import style
from ..._support.typed import typed
from ._explanation import explanation, shares
from ._page_parts.coloured_table import CAPTION, coloured_table
from ._page_parts.denoised_pictures import denoised_pictures, has_pictures
from ._page_parts.styling import CSS, SCRIPT
from ._page_parts.value_figure import value_figure
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
<style>{css}</style>
</head>
<body>
<h1>Which theory does the network follow?</h1>
{sections}
<h2>How it was made</h2>
<p>{made}</p>
{spent}
<pre>{command}</pre>
<p class="control"><button class="copy" hidden data-text="{command}">Copy the command</button></p>
<details><summary>Configuration, versions and seeds</summary><pre>{configuration}</pre></details>
<h2 class="cite">How to cite</h2>
<details><summary>The papers behind the theories, as BibTeX</summary><pre>{citations}</pre></details>
<script>{script}</script>
</body>
</html>
"""

SECTION = """{title}
{warnings}
<p class="answer">{explanation}</p>
<h2>Noise level by noise level</h2>
<div class="wide" tabindex="0">{words}</div>
<p class="note">{caption}</p>
<h2>How much each theory misses</h2>
{values}
{pictures}
<details><summary>All numbers with their errors: held-out images</summary>
<p>{lead}</p>
<div class="wide" tabindex="0">{held_out}</div>
<p class="note">{legend}</p>
<div class="wide" tabindex="0">{shares}</div>
<p class="note">{shares_legend}</p></details>
<details><summary>All numbers: training images</summary>
<p>The same comparison where the network has seen the clean image: memorisation shows in the difference.</p>
<div class="wide" tabindex="0">{training}</div></details>
<details><summary>The figure as it is saved, with memorisation and denoising errors</summary>
<img alt="Score errors, memorisation, denoising errors and denoised examples" src="data:image/png;base64,{picture}">
</details>"""

PICTURES = """<h2>One held-out image, denoised</h2>
{strips}"""

AGREEMENT = """<h1>Do the models agree?</h1>
<div class="wide" tabindex="0">{pairs}</div>
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


def png(drawn: Figure) -> bytes:
    """A picture as it is saved."""
    buffer = io.BytesIO()
    with style():
        drawn.savefig(buffer, format="png")
    return buffer.getvalue()


def section(result: xr.Dataset, picture: bytes, title: str = "", number: int = 0) -> str:
    """What one network has to show."""
    problems = [str(one) for one in np.atleast_1d(result.attrs.get("hand_over", "")) if one]
    strips = PICTURES.format(strips=denoised_pictures(result, number)) if has_pictures(result) else ""
    return SECTION.format(
        title=f"<h1>{escape(title)}</h1>" if title else "",
        warnings="\n".join(f'<p class="warning">As it was handed over: {escape(problem)}</p>' for problem in problems),
        words=coloured_table(result),
        caption=escape(CAPTION),
        values=value_figure(result),
        pictures=strips,
        lead=escape(headline(result)),
        held_out=html_table(result, HELD_OUT),
        training=html_table(result, TRAINING),
        explanation=escape(explanation(result)),
        shares=plain_table(shares(result), "shares"),
        shares_legend=escape(SHARES),
        legend="<br>".join(_line(line) for line in legend(result, HELD_OUT)),
        picture=base64.b64encode(picture).decode(),
    )


@typed
def page(result: xr.Dataset, drawn: Figure | Mapping[str, Figure]) -> str:
    """The report as one HTML page that needs no other file and no network.

    It opens with the answer in one sentence, then says noise level by noise level which theory the network follows,
    shows the values under the pointer and one image denoised by every theory; all numbers with their errors, the
    command that made them and the papers to cite follow.

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
    return page_with(
        result, {name: png(one) for name, one in drawn.items()} if isinstance(drawn, Mapping) else png(drawn)
    )


def page_with(result: xr.Dataset, drawn: bytes | Mapping[str, bytes]) -> str:
    """The page, of pictures as they are saved."""
    apart = ("configuration", _results.TIMING)
    made = {key: str(value) for key, value in result.attrs.items() if key not in apart}
    configuration = {"configuration": json.loads(result.attrs["configuration"]), **made}
    if isinstance(drawn, Mapping):
        pairs = enumerate(drawn.items())
        sections = [section(one_model(result, name), picture, name, number) for number, (name, picture) in pairs]
        sections.append(AGREEMENT.format(pairs=plain_table(pair_rows(result)), legend=escape(pair_legend(result))))
    else:
        sections = [section(result, drawn)]
    return PAGE.format(
        css=CSS,
        script=SCRIPT,
        made=escape(_made(result)),
        spent=_spent(result),
        command=escape(str(result.attrs.get("command", "")), quote=True),
        sections="\n".join(sections),
        configuration=escape(json.dumps(configuration, indent=2)),
        citations=escape("\n\n".join(bibliography()[key] for key in CITED)),
    )


def _made(result: xr.Dataset) -> str:
    """What was compared, and with which versions."""
    attrs = result.attrs
    note = f"; {attrs['network']}" if attrs.get("network") else ""
    words = [f"{attrs['n']} images, each noised {attrs['n_noise']} times{note}."]
    versions = [f"{name} {attrs[name]}" for name in ("idealscore", "torch", "numpy") if name in attrs]
    return " ".join([*words, f"Made with {', '.join(versions)}." if versions else ""]).strip()


def _spent(result: xr.Dataset) -> str:
    """The plan as it was told and how long the run took, where that is known: the part that no two runs share."""
    timing = json.loads(result.attrs.get(_results.TIMING) or "{}")
    plan = escape("\n".join(timing.get("plan", [])))
    seconds = timing.get("seconds", result.attrs.get("seconds"))
    took = "" if seconds is None else f"<p>It took {duration(float(seconds))}.</p>"
    return f'<div class="spent">{f"<pre>{plan}</pre>" if plan else ""}{took}</div>'
