"""The unit of the data: found, said, kept, never stretched silently."""

import numpy as np
import pytest
import torch
from foreign import digits

from idealscore.errors import ArgumentError, DataWarning, UnknownNameError
from idealscore.learned.data import ImageData, Range, load


def loaded(tmp_path, array, **options):
    np.save(tmp_path / "a.npy", array)
    return load(tmp_path / "a.npy", **options)


def test_masks_in_bytes_are_warned_about_and_equal_boolean_ones_once_asked(tmp_path):
    images, _ = digits()
    with pytest.warns(DataWarning, match="use 1 of 255"):
        dark = loaded(tmp_path, (images > 127).astype(np.uint8))
    assert len(dark.understood.warnings) == 2
    with_range = loaded(tmp_path, (images > 127).astype(np.uint8), values=(0, 1))
    assert torch.equal(with_range.images, loaded(tmp_path, images > 127).images)
    assert sorted(with_range.images.unique().tolist()) == [-1.0, 1.0]


@pytest.mark.parametrize("hair", [-1e-7, -0.004, 1.005])
def test_a_hair_beyond_the_range_does_not_change_it(tmp_path, hair):
    images = digits()[0] / 255
    images[0, 0, 0] = hair
    data = loaded(tmp_path, images)
    raw = data.understood.raw
    assert raw is not None and (raw.low, raw.high, data.range.low, data.range.high) == (0, 1, -1, 1)
    torch.testing.assert_close(data.images, torch.from_numpy(2 * images[:, None] - 1).float())


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "uint32"])
def test_the_same_pixels_have_one_scale_in_every_integer_type(tmp_path, dtype):
    images = digits()[0] // 2
    with pytest.warns(DataWarning):
        data = loaded(tmp_path, images.astype(dtype))
    torch.testing.assert_close(data.images, torch.from_numpy(images[:, None] / 127.5 - 1).float())


def test_pixels_stored_as_floats_are_kept_and_warned_about(tmp_path):
    images = digits()[0]
    with pytest.warns(DataWarning, match="look like pixels of 8 bits"):
        data = loaded(tmp_path, images.astype(np.float32))
    assert torch.equal(data.images[:, 0], torch.from_numpy(images).float())
    scaled = loaded(tmp_path, images.astype(np.float32), values=(0, 255))
    torch.testing.assert_close(scaled.images[:, 0], torch.from_numpy(images / 127.5 - 1).float())


def test_standardised_data_are_kept_unless_asked(tmp_path):
    array = np.random.default_rng(0).standard_normal((20, 6, 6)).astype(np.float32)
    data = loaded(tmp_path, array)
    assert torch.equal(data.images[:, 0], torch.from_numpy(array)) and data.range.measured
    assert data.normalisation.scale == 1 and "kept as they are" in data.understood.scaling
    low, high = float(array.min()), float(array.max())
    asked = loaded(tmp_path, array, scale="0..1")
    torch.testing.assert_close(asked.images[:, 0], torch.from_numpy((array - low) / (high - low)))


def test_scales(tmp_path):
    images = digits()[0]
    for scale, low, high in (("as-is", 0, 255), ("0..1", 0, 1), ("-1..1", -1, 1)):
        data = loaded(tmp_path, images, scale=scale)
        assert (data.range.low, data.range.high) == pytest.approx((low, high), abs=1e-12)
        assert float(data.images.min()) == pytest.approx(low, abs=1e-6)
        assert float(data.images.max()) == pytest.approx(high, abs=1e-5)
        torch.testing.assert_close(data.normalisation.undo(data.images)[:, 0], torch.from_numpy(images).float())
    standard = loaded(tmp_path, images, scale="standardise")
    assert standard.sigma_data == pytest.approx(1, abs=1e-5) and abs(float(standard.images.mean())) < 1e-5
    assert standard.describe()["scaling"].startswith("standardised: mean")


def test_points_are_never_taken_for_pixels(tmp_path):
    points = np.random.default_rng(0).random((50, 2))
    assert torch.equal(loaded(tmp_path, points).images, torch.from_numpy(points).float())


def test_range_travels_with_subsets_and_is_recorded():
    data = load("digits")
    part = data.subset(10)
    assert (part.range.low, part.range.high) == (-1, 1) and part.layout == data.layout
    record = part.describe()
    assert record["range"] == {"low": -1.0, "high": 1.0, "found": "known of this data set", "measured": False}
    assert "[0, 16] becomes [-1, 1]" in record["scaling"]
    made = ImageData(torch.tensor([[0.0, 3.0], [1.0, 2.0]]))
    assert (made.range.low, made.range.high, made.range.measured) == (0, 3, True)


@pytest.mark.parametrize("bad", [(1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_impossible_values_are_refused(bad):
    with pytest.raises(ArgumentError, match="values"):
        load("digits", values=bad)
    with pytest.raises(ArgumentError, match=r"low|high"):
        Range(*bad)


def test_unknown_scales_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean"):
        load("digits", scale="-1..2")
