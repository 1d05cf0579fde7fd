"""The measured coverage of all cases as a table on the page on errors.

`PYTHONPATH=tests python tests/coverage_of_errors/coverage_table.py [WORD ...]` runs the cases whose names hold one of
the words (without one, all), keeps what it found in found.json, and writes the table.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from all_cases import CASES
from repeats import HIGH, LOW, Case, Coverage, run

from checkout import ROOT

PAGE = ROOT / "docs" / "errors.md"
FOUND = Path(__file__).with_name("found.json")
BEGIN, END = "<!-- coverage: made by tests/coverage_of_errors/coverage_table.py -->\n", "<!-- end of coverage -->"
COLUMNS = ("function", "quantity", "truth", "covered", "repeats", "error / scatter", "verdict")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"


def kept() -> dict[str, list[Coverage]]:
    """What was measured before, by case."""
    found = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    return {name: [Coverage(**row) for row in rows] for name, rows in found.items()}


def verdict(chosen: Case, one: Coverage) -> str:
    """Right, or why not."""
    if one.quantity in chosen.explained:
        return chosen.explained[one.quantity].why
    return "right" if LOW <= one.share <= HIGH else "**off**"


def table(found: dict[str, list[Coverage]]) -> str:
    """The lines of the table."""
    lines = [
        f"| {name} | {one.quantity} | {CASES[name].known} | {100 * one.share:.1f} % | {one.n} | {one.ratio:.2f} |"
        f" {verdict(CASES[name], one)} |\n"
        for name in CASES
        for one in found.get(name, ())
    ]
    lines += [f"| {name} | | {CASES[name].known} | not yet | | | |\n" for name in CASES if name not in found]
    return HEAD + "".join(lines)


def page_with(text: str, found: dict[str, list[Coverage]]) -> str:
    """The page with this table."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table(found) + END + rest.partition(END)[2]


def keep(found: dict[str, list[Coverage]]) -> None:
    """Write what was measured, in the order of the cases, and the page."""
    known = {name: [asdict(one) for one in found[name]] for name in CASES if name in found}
    FOUND.write_text(json.dumps(known, indent=1) + "\n")
    PAGE.write_text(page_with(PAGE.read_text(), found))


def main(words: list[str]) -> None:
    for name, chosen in CASES.items():
        if not words or any(word in name for word in words):
            measured = [replace(one, bias=round(one.bias, 2), ratio=round(one.ratio, 2)) for one in run(chosen)]
            print(name, *(f"{one.quantity} {one.share:.3f}" for one in measured), sep="; ", flush=True)
            keep(kept() | {name: measured})


if __name__ == "__main__":
    main(sys.argv[1:])
