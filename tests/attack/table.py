"""The outcomes of the whole product as a table on the page on security, and what was found wrong and mended.

`PYTHONPATH=tests python tests/attack/table.py OUTCOMES.jsonl ...` reads the lines that outcomes.py printed, brings
found.json up to date and writes the table; a fault that found.json lists and that is gone counts as mended.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from attacks import ATTACKS
from outcomes import ALLOWED
from valid_calls import EXEMPT, public

from checkout import ROOT

PAGE = ROOT / "docs" / "security.md"
FOUND = Path(__file__).with_name("found.json")
BEGIN, END = "<!-- attacks: made by tests/attack/table.py -->\n", "<!-- end of attacks -->"
KINDS = ("foreign", "silent NaN", "swallowed", "refused without the name", "another answer", "warned only")
SLOW = ("over 5 s", "hung or crashed")


def summary() -> dict[str, Any]:
    """What is committed: counts of outcomes by callable, known faults, mended ones."""
    return json.loads(FOUND.read_text()) if FOUND.exists() else {"counts": {}, "known": {}, "mended": {}, "seconds": {}}


def _pairs(faults: dict[str, list[str]]) -> dict[str, set[tuple[str, str]]]:
    return {name: {(line.split("|")[0], line.split("|")[1]) for line in lines} for name, lines in faults.items()}


_COMMITTED = summary()
KNOWN: dict[str, set[tuple[str, str]]] = {
    **{name: set() for name in _COMMITTED["counts"]},
    **_pairs(_COMMITTED["known"]),
}
SPENT: dict[str, float] = _COMMITTED.get("seconds", {})


def kind_of(outcome: str) -> str:
    """An outcome without its details."""
    if outcome in SLOW:
        return "too slow"
    return next((kind for kind in KINDS if outcome.startswith(kind)), outcome)


def updated(lines: list[list[str]], old: dict[str, Any]) -> dict[str, Any]:
    """found.json after new outcomes: callables that were not attacked again stay as they are, private ones go."""
    old = {part: {name: given for name, given in held.items() if name in public()} for part, held in old.items()}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    faults: dict[str, list[str]] = defaultdict(list)
    right: dict[str, set[str]] = defaultdict(set)
    seconds = {name: spent for name, spent in old.get("seconds", {}).items() if name not in EXEMPT}
    for name, argument, attack, outcome in lines:
        if name in EXEMPT:
            continue
        if attack == "seconds":
            seconds[name] = float(outcome)
            continue
        kind = kind_of(outcome)
        if argument:
            counts[name][kind] += 1
        elif kind != "not run":
            counts[name]["no valid call"] += 1
            continue
        if outcome in ALLOWED:
            right[name].add(f"{argument}|{attack}")
        elif kind != "not run":
            faults[name].append(f"{argument}|{attack}|{kind}")
    known = {name: given for name, given in old["known"].items() if name not in counts}
    mended = {name: set(given) for name, given in old["mended"].items()}
    for name, given in old["known"].items():
        gone = {pair for line in given if (pair := line.rpartition("|")[0]) in right[name]}
        if gone:
            mended[name] = mended.get(name, set()) | gone
    return {
        "counts": dict(
            sorted({**old["counts"], **{name: dict(sorted(c.items())) for name, c in counts.items()}}.items())
        ),
        "known": dict(sorted({**known, **{name: sorted(given) for name, given in faults.items()}}.items())),
        "mended": {name: sorted(given) for name, given in sorted(mended.items())},
        "seconds": dict(sorted(seconds.items())),
    }


def _row(cells: list[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def table_of(found: dict[str, Any]) -> str:
    """Rooms and their outcomes, the faults that are known, what is not covered."""
    names = [name for name in public() if name not in EXEMPT]
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        room = rooms[name.rpartition(".")[0]]
        room["callables"] += 1
        counts = found["counts"].get(name, {"no valid call": 1})
        room["uncovered"] += "no valid call" in counts
        room.update({kind: count for kind, count in counts.items() if kind != "no valid call"})
    faulty = (*KINDS, "too slow")
    heads = ["room", "callables", "not covered", "attacks", "right", "answered", "refused", "faults", "not run"]
    text = _row(heads) + _row(["---", *["--:"] * (len(heads) - 1)])  # pyright: ignore[reportArgumentType]
    total: Counter[str] = Counter()
    for room, count in [*sorted(rooms.items()), ("all", total)]:
        faults = sum(count[kind] for kind in faulty)
        attacks = faults + sum(count[kind] for kind in ALLOWED)
        numbers = [
            count["callables"],
            count["uncovered"],
            attacks,
            *(count[k] for k in ALLOWED),
            faults,
            count["not run"],
        ]
        text += _row([room if room == "all" else f"`{room}`", *numbers])
        if room != "all":
            total.update(count)
    kinds = ", ".join(f"{kind} {total[kind]}" for kind in faulty if total[kind])
    text += f"\nFaults that remain, by kind: {kinds or 'none'}.\n"
    remaining = {name: lines for name, lines in found["known"].items() if lines and name in names}
    if remaining:
        text += "\n| callable | faults that remain: argument (attacks) |\n| --- | --- |\n"
        for name, lines in remaining.items():
            by_argument: dict[str, list[str]] = defaultdict(list)
            for line in lines:
                argument, attack, _ = line.split("|")
                by_argument[argument].append(attack)
            said = "; ".join(f"{a} ({', '.join(sorted(given, key=ATTACKS.index))})" for a, given in by_argument.items())
            text += _row([f"`{name}`", said])
    without = [name for name in names if "no valid call" in found["counts"].get(name, {"no valid call": 1})]
    if without:
        listed = ", ".join(f"`{name}`" for name in without)
        text += f"\nNot covered yet, not attacked or without a short valid call: {listed}.\n"
    reasons: dict[str, list[str]] = defaultdict(list)
    for name, reason in EXEMPT.items():
        reasons[reason].append(f"`{name}`")
    for reason, exempt in reasons.items():
        text += f"\nLeft out ({reason}): {', '.join(exempt)}.\n"
    return text


def block(page: str) -> str:
    """The part of the page between the marks."""
    return page.partition(BEGIN)[2].partition(END)[0]


def main(files: list[str]) -> None:
    """Read outcomes, write found.json and the table."""
    lines = [json.loads(line) for file in files for line in Path(file).read_text().splitlines()]
    found = updated(lines, summary())
    FOUND.write_text(json.dumps(found, indent=1) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + table_of(found) + "\n" + END + rest.partition(END)[2])


if __name__ == "__main__":
    main(sys.argv[1:])
