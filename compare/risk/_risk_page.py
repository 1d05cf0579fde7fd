"""The risk as one page: each number with its error and what it assumes, and one sentence to act on."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import xarray as xr

from ..._support import results as _results
from ..._support.citations import bibliography
from ..._support.estimates import shown
from ..._support.typed import typed
from ..._support.types import FilePath

CITED = ("Bonnaire2025", "Biroli2024")
CLOCK = (
    "the networks behind the law: batches of 64, Adam at 3e-3. Other optimisers, networks and pictures keep the form "
    "(time in proportion to n), not the factor; take it as an order of magnitude until a trained network confirms it"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Will it memorise?</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.3rem 0.7rem; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }}
pre {{ background: #f6f6f6; padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }}
</style>
</head>
<body>
<h1>Will it memorise?</h1>
<p><b>{sentence}</b></p>
<table><thead><tr><th>quantity</th><th>value</th><th>what it assumes</th></tr></thead><tbody>{body}</tbody></table>
<h2>Configuration</h2>
<pre>{configuration}</pre>
<h2>Citations</h2>
<pre>{citations}</pre>
</body>
</html>
"""


def rows(result: xr.Dataset) -> list[dict[str, str]]:
    """The lines of the page: quantity, value with error, assumption."""
    n, limit = int(result.n), float(result.attrs["limit"])
    steps, law = result.attrs["steps"], result.attrs["law"]
    lines = [
        ("images", f"{n}", f"{int(result.distinct)} different ones are in the data"),
        (
            "exact duplicates",
            f"{int(result.duplicates)}",
            f"bit for bit; the most frequent image occurs {int(result.most_repeated)} time(s)",
        ),
        (
            "near-duplicates",
            _percent(result, "near_duplicates"),
            "share of images that are nearer to another than a third of the distance to the next; in pixels, so that "
            "shifted or recoloured copies are not seen",
        ),
        (
            "collapse, log n known",
            f"sigma {shown(result, 'collapse_bound')}",
            "at this noise level or below a noised image tells which one it was; a bound, from the spectrum alone",
        ),
    ]
    if "collapse" in result:
        lines.append(
            (
                "collapse, half of log n known",
                f"sigma {shown(result, 'collapse')}",
                "by the weights of the memorising optimum; a network that follows it copies below this noise level",
            )
        )
    can = "can hold them all" if float(result.parameters) > float(result["values"]) else "can hold only a part"
    if float(result.parameters) < float(result.effective_values):
        can = "cannot hold them one by one"
    lines += [
        (
            "capacity",
            f"{float(result.parameters):.3g} parameters",
            f"for {float(result['values']):.3g} values ({float(result.effective_values):.3g} by the spectrum): "
            f"{can}, if a parameter holds one value, as in random features",
        ),
        (
            f"{limit:.2g} of samples copies after",
            f"{shown(result, 'memorisation_begins')} steps",
            f"steps per image of {law}; {CLOCK}",
        ),
        ("half of samples copies after", f"{shown(result, 'memorisation_half')} steps", "the same"),
        (
            "memory comes later than learning by",
            f"{float(result.ratio_low):.3g} to {float(result.ratio_high):.3g} times",
            "random features (tanh) on white data of this dimension, at a sigma of 0.15 to 0.5 of the spread, "
            "against a direction of mean variance",
        ),
        (f"copies expected after {steps} steps", _percent(result, "copies"), f"the law of {law}, at n = {n}"),
        ("images that would halve it", shown(result, "images_to_halve"), "the same steps; new and different images"),
        (
            f"images for {limit:.2g} of copies",
            shown(result, "images_for_limit"),
            "the same steps; an extrapolation of the fitted curve where it is beyond the sizes measured",
        ),
    ]
    if int(result.most_repeated) > 1:
        lines.append(
            (
                "half copies of the most repeated after",
                f"{shown(result, 'steps_for_repeated')} steps",
                f"an image that occurs {int(result.most_repeated)} times counts as so many fewer images",
            )
        )
    if "copies_measured" in result:
        lines += [
            ("copies measured", _percent(result, "copies_measured"), "samples of the network, by the same test"),
            ("copies measured, null", _percent(result, "copies_null"), result.attrs["null"]),
        ]
    return [dict(zip(("quantity", "value", "assumes"), line, strict=True)) for line in lines]


def _percent(result: xr.Dataset, name: str) -> str:
    value, error = 100 * float(result[name]), 100 * float(result[f"{name}_stderr"])
    return f"{value:.2g} %" if error == 0 else f"{value:.2g} ± {error:.2g} %"


def sentence(result: xr.Dataset) -> str:
    """What the owner of the data can do."""
    n, limit, steps = int(result.n), float(result.attrs["limit"]), int(result.attrs["steps"])
    copies, error = float(result.copies), float(result.copies_stderr)
    first = "" if not int(result.duplicates) else f"Remove the {int(result.duplicates)} exact duplicates first. "
    if "copies_measured" in result:
        found, null = float(result.copies_measured), float(result.copies_null)
        spread = float((result.copies_measured_stderr**2 + result.copies_null_stderr**2) ** 0.5)
        if found - null > 2 * spread:
            told = f"This network copies: {100 * found:.2g} % of its samples, against {100 * null:.2g} % by chance"
            return f"{first}{told}; take an earlier checkpoint, or train on more different images."
        return (
            f"{first}No copying is seen in this network: {100 * found:.2g} % of its samples, against "
            f"{100 * null:.2g} % by chance (± {100 * spread:.2g} %)."
        )
    if copies + error < limit:
        return f"{first}{steps} steps on {n} images should copy less than {100 * limit:.2g} %; stop there, and measure."
    until = max(float(result.memorisation_begins - result.memorisation_begins_stderr), 1.0)
    needed = float(result.images_for_limit + result.images_for_limit_stderr)
    return (
        f"{first}Expect {100 * copies:.2g} ± {100 * error:.2g} % copies: to be safe below {100 * limit:.2g} %, stop by "
        f"step {until:.2g}, or train on {needed:.2g} different images instead of {n}."
    )


@typed
def risk_table(result: xr.Dataset) -> str:
    """The page as text: each number with its error, below it what it assumes, and the sentence at the end.

    Parameters
    ----------
    result : xarray.Dataset
        As of `memorisation_risk`.

    Returns
    -------
    str
        Ready to print.

    Examples
    --------
    >>> from idealscore.compare.risk import CopyLaw, RiskPlan, memorisation_risk
    >>> from idealscore.learned.data import load
    >>> plan = RiskPlan(steps=400, probes=50, draws=0)
    >>> text = risk_table(memorisation_risk(load("digits").subset(100), CopyLaw(60.0, 3.0), plan))
    >>> print(text.splitlines()[-1])
    400 steps on 100 images should copy less than 1 %; stop there, and measure.
    """
    import textwrap

    cells = rows(result)
    wide = max(len(row["quantity"]) for row in cells)
    lines = []
    for row in cells:
        lines.append(f"{row['quantity']:<{wide}}  {row['value']}")
        lines += textwrap.wrap(row["assumes"], 100, initial_indent="    ", subsequent_indent="    ")
    return "\n".join([*lines, "", sentence(result)])


@typed
def risk_report(result: xr.Dataset, out: FilePath) -> str:
    """Write `risk.nc` and `risk.html` into a folder.

    Parameters
    ----------
    result : xarray.Dataset
        As of `memorisation_risk`.
    out : path
        The folder, made where it does not exist.

    Returns
    -------
    str
        The page as text.

    Examples
    --------
    >>> import tempfile
    >>> from idealscore.compare.risk import CopyLaw, RiskPlan, memorisation_risk
    >>> from idealscore.learned.data import load
    >>> found = memorisation_risk(load("digits").subset(60), CopyLaw(60.0, 3.0), RiskPlan(probes=20, draws=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = risk_report(found, folder)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['risk.html', 'risk.nc']
    """
    folder = Path(out)
    _results.save(result, folder / "risk.nc")
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.values()) + "</tr>" for row in rows(result)
    )
    text = PAGE.format(
        sentence=escape(sentence(result)),
        body=body,
        configuration=escape(json.dumps({key: str(value) for key, value in result.attrs.items()}, indent=2)),
        citations=escape("\n\n".join(bibliography()[key] for key in CITED)),
    )
    _results.write_text(folder / "risk.html", text)
    return risk_table(result)
