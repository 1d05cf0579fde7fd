"""Functions that the tests of sweeps hand to workers by name."""

import os
import signal
import time

import numpy as np
import xarray as xr

from idealscore._support import streams as _streams

KEPT: list[bytes] = []


def affine(a, b=1, seed=0):
    return {"q": 2.0 * a + b, "seed_squared": seed**2, "even": a % 2 == 0}


def sums(scale, seed):
    """Long sums by matrix products, whose bits would depend on the number of threads."""
    import torch

    draws = _streams.normal_batch(seed, "sweep test", range(64), (400,))
    product = scale * draws @ draws.T
    return {"q": float(product.sum()), "eigenvalue": float(torch.linalg.eigvalsh(product)[-1])}


def profile(slope, word="line"):
    x = np.linspace(0, 1, 5)
    data = {"q": ("x", slope * x), "kind": word, "ends": ("side", [slope * 0.0, slope * 1.0])}
    return xr.Dataset(data, {"x": x, "side": ["left", "right"]})


def image(size):
    return xr.DataArray(np.full((2, 3), float(size)), dims=("row", "column"))


def clashes(a, kind, log):
    """A result under the name of the axis `a`, in each form that a function may return."""
    with open(log, "a") as file:
        file.write(f"{a}\n")
    forms = {
        "number": {"a": float(a)},
        "mapping": {"a": float(a), "q": np.zeros(2).tolist()},
        "variable": xr.Dataset({"a": ("x", [1.0])}),
        "dimension": xr.Dataset({"q": ("a", [1.0])}),
        "sweep_error": {"sweep_error": float(a)},
    }
    return forms[kind]


def growing(n):
    return {"q": ("x", np.arange(float(n)))}


def keeps(megabytes):
    """Grows and takes longer than a second, as the first use of a large library does; returns its process."""
    KEPT.append(b"x" * (megabytes * 2**20))
    time.sleep(1.1)
    return os.getpid()


def fails_at_two(a):
    if a == 2:
        raise ValueError("two is too much")
    return a


def deadly(a):
    time.sleep(0.02)
    if a == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return a


def dies_once(a, flag):
    """Kills its worker at a = 1, the first time only."""
    if a == 1 and not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return a


def counted(a, folder):
    """Leaves one line per call, so that tests see what was computed again."""
    with open(os.path.join(folder, "calls"), "a") as stream:
        stream.write(f"{a}\n")
    return a


def slow(a, seconds=0.02, seed=0):
    time.sleep(seconds)
    return {"q": a + seed}


def text(a):
    return "a word"


def clash(a):
    return xr.Dataset({"q": ("a", [1.0, 2.0])})


def sized(n, bytes_each=100_000):
    return {"q": ("x", np.arange(bytes_each // 8) * float(n))}


def many(a):
    """More than numbers, by way of a Dataset."""
    return xr.Dataset({"q": ("x", np.arange(3.0) * a), "word": "yes"}, {"x": [1, 2, 3]})


class Machine:
    def method(self, a):
        return a
