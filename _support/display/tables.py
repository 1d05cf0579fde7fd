r"""Tables as text, Markdown or LaTeX, from rows of equal keys; values with errors become value(error) in papers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

FORMS = ("text", "markdown", "latex")
_WITH_ERROR = re.compile(r"\((-?[\d.]+) ± ([\d.]+)\)(e[+-]?\d+)|(-?[\d.]+) ± ([\d.]+)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(\([\d.]+\))?(e[+-]?\d+)?")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "|": r"$|$", "<": r"$<$", ">": r"$>$",
}  # fmt: skip


def brackets(text: str) -> str:
    """Every `value ± error` of a text as value(error), the error in units of the last digit.

    >>> brackets("0.1235 ± 0.0012"), brackets("12.3 ± 1.2"), brackets("(7.846 ± 0.088)e-06"), brackets("-")
    ('0.1235(12)', '12.3(1.2)', '7.846(88)e-06', '-')
    """

    def one(found: re.Match[str]) -> str:
        value, error = found[1] or found[4], found[2] or found[5]
        digits = error if float(error) >= 1 else error.lstrip("0.") or "0"
        return f"{value}({digits}){found[3] or ''}"

    return _WITH_ERROR.sub(one, text)


def aligned(rows: Sequence[dict[str, str]]) -> list[str]:
    """Rows as lines of text under a head, the columns aligned."""
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in rows[0]}
    head = "  ".join(f"{key:>{width}}" for key, width in widths.items())
    body = ["  ".join(f"{row[key]:>{width}}" for key, width in widths.items()) for row in rows]
    return [head, "-" * len(head), *body]


def markdown(rows: Sequence[dict[str, str]]) -> list[str]:
    """Rows as lines of a Markdown table.

    >>> print(*markdown([{"sigma": "0.1", "gap": "0.20 ± 0.01"}, {"sigma": "1", "gap": "a|b"}]), sep="\\n")
    | sigma | gap |
    |---:|---:|
    | 0.1 | 0.20(1) |
    | 1 | a\\|b |
    """
    lines = [list(rows[0]), *([brackets(cell) for cell in row.values()] for row in rows)]
    head, *body = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]
    return [head, "|" + "---:|" * len(rows[0]), *body]


def latex(rows: Sequence[dict[str, str]]) -> list[str]:
    r"""Rows as lines of a LaTeX tabular that needs the package booktabs.

    >>> print(*latex([{"sigma": "0.1", "a_b": "(7.846 ± 0.088)e-06"}]), sep="\n")
    \begin{tabular}{rr}
    \toprule
    $\sigma$ & a\_b \\
    \midrule
    $0.1$ & $7.846(88)\times10^{-6}$ \\
    \bottomrule
    \end{tabular}
    """
    body = [" & ".join(_in_latex(brackets(cell)) for cell in row.values()) + r" \\" for row in rows]
    head = " & ".join(_in_latex(key) for key in rows[0]) + r" \\"
    ruled = [r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    return [rf"\begin{{tabular}}{{{'r' * len(rows[0])}}}", *ruled, r"\end{tabular}"]


def _in_latex(cell: str) -> str:
    if _NUMBER.fullmatch(cell):
        value, _, power = cell.partition("e")
        return f"${value}" + (rf"\times10^{{{int(power)}}}" if power else "") + "$"
    escaped = "".join(_LATEX.get(letter, letter) for letter in cell)
    return re.sub(r"\bsigma\b", lambda _: r"$\sigma$", escaped)


def titled(tables: Mapping[str, Sequence[dict[str, str]]], form: str) -> str:
    """Several tables one below the other, each with its title."""
    write = {"text": aligned, "markdown": markdown, "latex": latex}[form]
    parts = []
    for title, rows in tables.items():
        head = {"text": [title], "markdown": [f"**{title}**", ""], "latex": [f"% {title} (needs booktabs)"]}[form]
        parts.append("\n".join([*head, *write(rows)]))
    return "\n\n".join(parts)
