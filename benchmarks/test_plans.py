"""What `compare` says it will take, and what it takes, on sets of several sizes; on an idle machine.

pytest benchmarks/test_plans.py -s                          # digits, ten times as many by shifting them
IMAGES=FILE THREADS=2 pytest benchmarks/test_plans.py -s    # MNIST, CIFAR-10 or others, and the sizes that fit
"""

import os
import re
import time

import pytest
import torch

from idealscore._support.cost import read_duration
from idealscore.compare import Comparison, compare
from idealscore.learned.data import ImageData, load
from idealscore.theory import GaussianDenoiser

THREADS = int(os.environ.get("THREADS", "1"))


@pytest.fixture(scope="module")
def images():
    if "IMAGES" in os.environ:
        return load(os.environ["IMAGES"])
    digits = load("digits")
    moved = [torch.roll(digits.images, (a, b), (2, 3)) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    return ImageData(torch.cat(moved), torch.cat([torch.as_tensor(digits.labels)] * 9), "moved digits")


def seconds(text):
    """The time that a line of the plan tells: its first "about"."""
    told = re.search(r"about ((?:[\d.]+ (?:h|min|s) ?)+)", text)
    assert told, text
    return read_duration("plan", told[1])


@pytest.mark.parametrize("n", [1000, 4000, 16_000, 50_000])
def test_planned_over_taken(images, n):
    if n > len(images):
        pytest.skip(f"{len(images)} images")
    torch.set_num_threads(THREADS)
    training, held_out = images.subset(n).split(0.2)
    network, told = GaussianDenoiser.fit(training.images[:2000]), []
    start = time.monotonic()
    compare(network, training, held_out, Comparison(), announce=told.append, show=False)
    taken = time.monotonic() - start
    before = seconds(next(text for text in told if text.startswith("preparing")))
    plan = next(text for text in told if text.startswith("plan:"))
    levels = seconds(plan.splitlines()[-2])
    print(
        f"\n{images.name}, {n} images, {THREADS} thread(s): planned {before:.0f} s before the levels and {levels:.0f} s"
        f" from then on, taken {taken:.0f} s: {(before + levels) / taken:.2f}\n{plan}"
    )
    assert 1 / 1.5 < (before + levels) / taken < 1.5
