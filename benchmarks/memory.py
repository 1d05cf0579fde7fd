"""Peak memory of the main commands against the number n of images and their dimension d, each in a process of its own.

`python benchmarks/memory.py [COMMAND ...] --n 1000 4000 16000 --sides 8 16 28` prints a table in Markdown: the peak of
the resident memory in MiB, and the slope of the peak in units of the data as float32 (4 n d bytes). The first number
and the first side are the base point; n varies at the base side, and the side at the base number. A second table holds
the commands that take no images, each at sizes of its own.
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
    "transitions data": "transitions data data.npz",
    "transitions guidance": "transitions guidance data.npz --draws 512 --starts 64",
    "risk": "risk data.npz --out risk",
    "schedule": "schedule data.npz --steps 5",
}
BUMPS = "bumps held-out --steps 5 --networks 1 --out bumps"
WITHOUT_IMAGES = {
    **{f"percolate, {side:,} x {side:,}": f"percolate --size {side} --runs 20" for side in (64, 256, 1024)},
    **{f"transitions hierarchy, v = {v}": f"transitions hierarchy --v {v} --m 4 --error 0.1" for v in (8, 32)},
    "compose, 12 x 12": "compose --steps 20 --every 10 --per-class 50 --n-samples 8 --out compose",
    **{f"bumps, {side} x {side}": f"{BUMPS} --size {side}" for side in (8, 16)},
    **{f"sweep, {p} points": f"sweep sweep{p}.toml" for p in (10, 100)},
    "figures, one saved": "figures regime_map",
    "derive": "derive tweedie",
    "doctor": "doctor",
}
NEEDS = {"sample": "train, MLP", "check": "train, MLP"}


def write_data(folder: Path, n: int, side: int) -> None:
    """Smooth grey images of two classes, as bytes."""
    rng = np.random.default_rng(0)
    waves = rng.standard_normal((n, 1, side, side)).cumsum(2).cumsum(3) / side
    labels = np.arange(n) % 2
    images = np.clip(128 + 60 * np.tanh(waves) + 30 * labels[:, None, None, None], 0, 255).astype(np.uint8)
    np.savez(folder / "data.npz", images=images, labels=labels)


def write_sweeps(folder: Path) -> None:
    """Sweeps of 10 and 100 points."""
    for points in (10, 100):
        grid = f"[grid]\nsize = [8, 12]\np = {{linspace = [0.4, 0.6, {points // 2}]}}\n[fixed]\nruns = 4\n"
        (folder / f"sweep{points}.toml").write_text(f'function = "percolate"\n{grid}')


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


def measured_alone(name: str) -> float:
    """The peak of a command without images."""
    with tempfile.TemporaryDirectory() as folder:
        write_sweeps(Path(folder))
        return peak(Path(folder), WITHOUT_IMAGES[name])


def slope(points: list[tuple[int, int]], peaks: list[float]) -> float:
    """Of the peak over 4 n d bytes, by least squares."""
    data = np.array([4 * n * side**2 / 2**20 for n, side in points])
    return float(np.polyfit(data, peaks, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commands", nargs="*", default=[], help=f"of {', '.join([*COMMANDS, *WITHOUT_IMAGES])}")
    parser.add_argument("--n", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--sides", type=int, nargs="+", default=[8, 16, 28])
    chosen = parser.parse_args()
    asked = chosen.commands or [*COMMANDS, *WITHOUT_IMAGES]
    with_images = [name for name in COMMANDS if name in asked]
    if with_images:
        tell_over_images(with_images, chosen.n, chosen.sides)
    alone = [name for name in WITHOUT_IMAGES if name in asked]
    if alone:
        print("\n| command | peak |\n|---|---|")
    for name in alone:
        print(f"| `{name}` | {measured_alone(name):.0f} |", flush=True)


def tell_over_images(names: list[str], numbers: list[int], sides: list[int]) -> None:
    """The table over number and side of the images."""
    over_n = [(n, sides[0]) for n in numbers]
    over_d = [(numbers[0], side) for side in sides]
    heads = [f"n = {n:,}, d = {side**2}" for n, side in [*over_n, *over_d[1:]]]
    print(f"| command | {' | '.join(heads)} | slope in n | slope in d |")
    print("|---" * (len(heads) + 3) + "|")
    for name in names:
        at = {point: measured(name, *point) for point in dict.fromkeys([*over_n, *over_d])}
        cells = [f"{at[point]:.0f}" for point in [*over_n, *over_d[1:]]]
        slopes = [f"{slope(points, [at[p] for p in points]):.1f}" for points in (over_n, over_d)]
        print(f"| `{name}` | {' | '.join([*cells, *slopes])} |", flush=True)


if __name__ == "__main__":
    main()
