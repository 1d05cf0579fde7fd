"""The order of the axes: found where it is beyond doubt, asked for elsewhere."""

import numpy as np
import pytest
import torch

from idealscore.errors import ArgumentError, DataFileError
from idealscore.learned.data import Layout, load


def numbered(shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "axes", "event"),
    [
        ((20, 8, 8), "nhw", (1, 8, 8)),
        ((4, 6, 6), "nhw", (1, 6, 6)),
        ((20, 8, 9), "nhw", (1, 8, 9)),
        ((20, 3, 8, 8), "nchw", (3, 8, 8)),
        ((20, 8, 8, 3), "nhwc", (3, 8, 8)),
        ((20, 8, 9, 1), "nhwc", (1, 8, 9)),
        ((20, 4, 4, 1), "nhwc", (1, 4, 4)),
        ((20, 1, 4, 4), "nchw", (1, 4, 4)),
        ((20, 16, 8, 8), "nchw", (16, 8, 8)),
        ((200, 2), "nd", (2,)),
        ((100, 784), "nd", (784,)),
        ((20, 5, 3, 8, 8), "n*", (5, 3, 8, 8)),
    ],
)
def test_shapes_beyond_doubt(tmp_path, shape, axes, event):
    np.save(tmp_path / "a.npy", numbered(shape))
    data = load(tmp_path / "a.npy")
    assert data.layout.axes == axes and data.shape == event and len(data) == shape[0]


@pytest.mark.parametrize(
    ("shape", "layout", "event"),
    [
        ((32, 32, 3, 50), "hwcn", (3, 32, 32)),
        ((3, 32, 32, 50), "chwn", (3, 32, 32)),
        ((32, 32, 3), "hwc", (3, 32, 32)),
        ((32, 30, 4), "hwc", (4, 32, 30)),
        ((3, 32, 32), "chw", (3, 32, 32)),
        ((28, 28), "hw", (1, 28, 28)),
        ((28, 28, 500), "hwn", (1, 28, 28)),
        ((50, 40, 2), "ntd", (40, 2)),
        ((50, 8, 8, 16), "nhwc", (16, 8, 8)),
        ((50, 3, 3, 3), "nchw", (3, 3, 3)),
        ((300,), "n*", (1,)),
    ],
)
def test_shapes_in_doubt_are_refused_until_their_axes_are_named(tmp_path, shape, layout, event):
    array = numbered(shape)
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataFileError, match=r"which may be|store \(n, d\)"):
        load(tmp_path / "a.npy")
    data = load(tmp_path / "a.npy", layout=layout, scale="as-is")
    assert data.shape == event
    if layout == "hwcn":
        assert torch.equal(data.images[7, 2], torch.from_numpy(array[:, :, 2, 7]).float())
    if layout == "hwc":
        assert len(data) == 1 and torch.equal(data.images[0, 1], torch.from_numpy(array[:, :, 1]).float())


@pytest.mark.parametrize("bad", ["nhh", "n-w", "", "hw*", "123"])
def test_impossible_layouts(bad):
    with pytest.raises(ArgumentError, match="layout"):
        Layout(bad)


def test_a_layout_of_another_number_of_axes(tmp_path):
    np.save(tmp_path / "a.npy", numbered((5, 8, 8)))
    with pytest.raises(DataFileError, match="has 3 axes"):
        load(tmp_path / "a.npy", layout="nchw")
