"""Peak memory of the main commands against the number n of images and their dimension d, each in a process of its own.

`python benchmarks/memory.py [COMMAND ...] --n 1000 4000 16000 --sides 8 16 32` prints a table in Markdown: the peak of
the resident memory in MiB, and the slope of the peak in units of the data as float32 (4 n d bytes). The first number
and the first side are the base point; n varies at the base side, and the side at the base number.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

SMALL = "--levels 3 --n-images 8 --n-noise 1 --steps 5"
COMMANDS = {
    "compare, four theories": f"compare data.npz {SMALL} --out compare",
    "compare, empirical and Gaussian": f"compare data.npz {SMALL} --theories empirical gaussian --out two",
    "train, MLP": "train data.npz --network mlp --width 64 --steps 5 --out mlp",
    "train, U-Net": "train data.npz --network unet --width 16 --steps 2 --batch 32 --out unet",
    "sample": "sample mlp --n 64 --out samples",
    "check": "check mlp --data data.npz --sigmas 0.5 2 --out check.nc",
    "regimes": "regimes data.npz --sizes 8 64 --widths 16 --steps 20 --first-step 10 --snapshots 2 --repeats 1"
    " --levels 2 --n-images 8 --n-pairs 8 --n-samples 8 --theories empirical gaussian --out regimes",
    "transitions": "transitions data data.npz --out transitions.json",
}
NEEDS = {"sample": "train, MLP", "check": "train, MLP"}


def write_data(folder: Path, n: int, side: int) -> None:
    """Smooth grey images of two classes, as bytes."""
    rng = np.random.default_rng(0)
    waves = rng.standard_normal((n, 1, side, side)).cumsum(2).cumsum(3) / side
    labels = np.arange(n) % 2
    images = np.clip(128 + 60 * np.tanh(waves) + 30 * labels[:, None, None, None], 0, 255).astype(np.uint8)
    np.savez(folder / "data.npz", images=images, labels=labels)


def peak(folder: Path, command: str) -> float:
    """Peak resident memory of a command in MiB; an error where it fails."""
    words = [sys.executable, "-m", "idealscore", *command.split()]
    process = os.fork()
    if process == 0:
        os.chdir(folder)
        with open("said", "w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        os.execv(sys.executable, words)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{command}: {(folder / 'said').read_text()[-2000:]}")
    return usage.ru_maxrss / 1024


def measured(name: str, n: int, side: int) -> float:
    """The peak of a command with n images of side x side."""
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), n, side)
        if name in NEEDS:
            peak(Path(folder), COMMANDS[NEEDS[name]])
        return peak(Path(folder), COMMANDS[name])


def slope(points: list[tuple[int, int]], peaks: list[float]) -> float:
    """Of the peak over 4 n d bytes, by least squares."""
    data = np.array([4 * n * side**2 / 2**20 for n, side in points])
    return float(np.polyfit(data, peaks, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commands", nargs="*", default=[], help=f"of {', '.join(COMMANDS)}")
    parser.add_argument("--n", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--sides", type=int, nargs="+", default=[8, 16, 32])
    chosen = parser.parse_args()
    over_n = [(n, chosen.sides[0]) for n in chosen.n]
    over_d = [(chosen.n[0], side) for side in chosen.sides]
    heads = [f"n = {n:,}, d = {side**2}" for n, side in [*over_n, *over_d[1:]]]
    print(f"| command | {' | '.join(heads)} | slope in n | slope in d |")
    print("|---" * (len(heads) + 3) + "|")
    for name in chosen.commands or COMMANDS:
        at = {point: measured(name, *point) for point in dict.fromkeys([*over_n, *over_d])}
        cells = [f"{at[point]:.0f}" for point in [*over_n, *over_d[1:]]]
        slopes = [f"{slope(points, [at[p] for p in points]):.1f}" for points in (over_n, over_d)]
        print(f"| `{name}` | {' | '.join([*cells, *slopes])} |", flush=True)


if __name__ == "__main__":
    main()
