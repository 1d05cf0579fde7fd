"""Loading images, scaling, splits, and every way a source can be wrong."""

import io

import numpy as np
import pytest
import torch
from known import known

from idealscore.errors import (
    ArgumentError,
    DataFileError,
    DataWarning,
    DeviceMemoryError,
    EmptyDataError,
    MissingDependencyError,
    NotFiniteError,
    ShapeError,
    UnknownNameError,
)
from idealscore.learned import data as data_module
from idealscore.learned.data import ImageData, load
from idealscore.learned.data import readers as _readers


def pictures(n=6, channels=3, size=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, size, size, channels), dtype=np.uint8).squeeze(-1 if channels == 1 else ())


def png(array):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    return buffer.getvalue()


def expected(arrays):
    arrays = arrays[..., None] if arrays.ndim == 3 else arrays
    return torch.from_numpy(arrays.transpose(0, 3, 1, 2).astype(np.float32)) / 127.5 - 1


def write_parquet(path, columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)


def test_digits_are_the_real_ones():
    from sklearn.datasets import load_digits
    from sklearn.utils import Bunch

    data = load("digits")
    raw = load_digits()
    assert isinstance(raw, Bunch)
    assert data.shape == (1, 8, 8) and data.images.dtype == torch.float32
    assert torch.equal(data.images[:, 0].double(), torch.from_numpy(raw.images) / 8 - 1)
    assert np.array_equal(known(data.labels).numpy(), raw.target)
    assert torch.allclose(data.normalisation.undo(data.images)[:, 0].double(), torch.from_numpy(raw.images))
    np.testing.assert_allclose(data.class_frequencies, np.bincount(raw.target) / 1797)
    assert data.sigma_data == pytest.approx(np.std(raw.images / 8))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["parquet", "npz", "npy", "folder", "class folders"])
def test_every_kind_of_source_gives_the_same_images(tmp_path, kind, channels):
    arrays, labels = pictures(channels=channels), np.array([0, 1, 1, 0, 2, 2])
    path = tmp_path / f"data.{kind}"
    if kind == "parquet":
        cells = [{"bytes": png(array), "path": None} for array in arrays]
        write_parquet(path, {"img": cells, "label": labels})
    elif kind == "npz":
        np.savez(path, images=arrays, labels=labels)
    elif kind == "npy":
        np.save(path, arrays)
    else:
        for i, (array, label) in enumerate(zip(arrays, labels, strict=True)):
            folder = path / f"class{label}" if kind == "class folders" else path
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i}.png").write_bytes(png(array))
    data = load(path, alpha="keep")
    order = np.argsort(labels, kind="stable") if kind == "class folders" else np.arange(6)
    torch.testing.assert_close(data.images, expected(arrays)[order], rtol=0, atol=1e-6)
    if kind in ("npy", "folder"):
        assert data.labels is None
    else:
        assert known(data.labels).tolist() == labels[order].tolist()
    if kind == "class folders":
        assert data.class_names == ("class0", "class1", "class2")


def test_parquet_holds_arrays_bytes_and_named_columns(tmp_path):
    arrays = pictures(channels=1)
    path = tmp_path / "arrays.parquet"
    import pyarrow as pa

    nested = pa.array(arrays.tolist(), type=pa.list_(pa.list_(pa.uint8())))
    names = list("abcabc")
    write_parquet(path, {"other": [png(array) for array in arrays], "pixels": nested, "kind": names})
    for column in ("other", "pixels"):
        data = load(path, column=column, label_column="kind")
        torch.testing.assert_close(data.images, expected(arrays), rtol=0, atol=1e-6)
        assert data.class_names == ("a", "b", "c") and known(data.labels).tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(DataFileError, match="no 'missing'"):
        load(path, column="missing")


def test_channel_first_arrays_and_value_ranges(tmp_path):
    array = np.random.default_rng(0).random((4, 3, 6, 6))
    np.save(tmp_path / "a.npy", array)
    torch.testing.assert_close(load(tmp_path / "a.npy").images, torch.from_numpy(2 * array - 1).float())
    np.save(tmp_path / "b.npy", 10 * array)
    with pytest.warns(DataWarning, match="of the range"):
        wide = load(tmp_path / "b.npy", values=(0.0, 20.0))
    torch.testing.assert_close(wide.images, torch.from_numpy(array - 1).float())
    torch.testing.assert_close(wide.normalisation.undo(wide.images), torch.from_numpy(10 * array).float())
    torch.testing.assert_close(load(tmp_path / "b.npy").images, torch.from_numpy(10 * array).float())
    asked = load(tmp_path / "b.npy", scale="-1..1").images
    assert asked.min() == pytest.approx(-1, abs=1e-5) and asked.max() == pytest.approx(1, abs=1e-5)


def test_subsets_are_nested_and_splits_disjoint():
    data = ImageData(torch.arange(50.0).reshape(50, 1), torch.arange(50))
    small, large = data.subset(10, seed=3), data.subset(20, seed=3)
    assert torch.equal(large.images[:10], small.images)
    assert torch.equal(small.images[:, 0].long(), known(small.labels))
    assert not torch.equal(data.subset(10, seed=4).images, small.images)
    for pair in (data.halves(1), data.split(0.3, 1), data.split(7, 1)):
        first, second = (set(known(part.labels).tolist()) for part in pair)
        assert not first & second and len(first) + len(second) == 50
    assert len(data.split(0.3)[1]) == 15 and len(data.split(7)[1]) == 7
    assert data.fingerprint != data.subset(50, seed=0).fingerprint


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ImageData(torch.zeros(0, 1, 2, 2)), EmptyDataError),
        (lambda: ImageData(torch.zeros(3, 0, 2, 2)), EmptyDataError),
        (lambda: ImageData(torch.zeros(3)), ShapeError),
        (lambda: ImageData(torch.full((2, 2), torch.nan)), NotFiniteError),
        (lambda: ImageData(torch.zeros(3, 2), torch.zeros(2, dtype=torch.long)), ShapeError),
        (lambda: ImageData(torch.zeros(3, 2), torch.tensor([-1, 0, 1])), ShapeError),
        (lambda: load("digit"), UnknownNameError),
        (lambda: load("digits").subset(1798), ArgumentError),
        (lambda: load("digits").split(1.0), ArgumentError),
        (lambda: load("digits", values=(1.0, 1.0)), ArgumentError),
        (lambda: load("hf:"), ArgumentError),
        (lambda: ImageData(torch.zeros(3, 2)).class_frequencies, ArgumentError),
    ],
)
def test_bad_input_is_refused(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.npy", None, "does not exist"),
        ("empty.npz", b"", "empty"),
        ("broken.npz", b"PK\x03\x04 nothing", "unreadable"),
        ("broken.npy", b"\x93NUMPY", "unreadable"),
        ("broken.parquet", b"PAR1 no", "unreadable"),
        ("notes.txt", b"hello", "unknown kind"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataFileError, match=words) as caught:
        load(path)
    assert name in str(caught.value)


def test_truncated_files_are_unreadable(tmp_path):
    np.savez(tmp_path / "a.npz", images=pictures())
    np.save(tmp_path / "a.npy", pictures())
    write_parquet(tmp_path / "a.parquet", {"img": [png(a) for a in pictures()]})
    for file in ("a.npz", "a.npy", "a.parquet"):
        whole = (tmp_path / file).read_bytes()
        (tmp_path / file).write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(DataFileError, match="unreadable"):
            load(tmp_path / file)


def test_pickled_arrays_are_refused_unopened(tmp_path):
    class Canary:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    objects = np.array([Canary()], dtype=object)
    np.save(tmp_path / "evil.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "evil.npz", images=objects)
    for name in ("evil.npy", "evil.npz"):
        with pytest.raises(DataFileError, match="pickled"):
            load(tmp_path / name)
    assert not (tmp_path / "canary").exists()


def test_images_that_do_not_belong_together(tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    with pytest.raises(DataFileError, match="holds no images"):
        load(folder)
    (folder / "a.png").write_bytes(png(pictures(1)[0]))
    (folder / "b.png").write_bytes(png(pictures(1, size=6)[0]))
    with pytest.raises(DataFileError, match=r"b\.png has shape"):
        load(folder)
    (folder / "b.png").write_bytes(b"no image")
    with pytest.raises(DataFileError, match=r"b\.png is not a readable image"):
        load(folder)


def test_memory_is_checked_before_it_is_taken(tmp_path):
    np.save(tmp_path / "a.npy", pictures())
    np.savez(tmp_path / "a.npz", images=pictures())
    write_parquet(tmp_path / "a.parquet", {"img": [png(a) for a in pictures()]})
    for name in ("a.npy", "a.npz", "a.parquet"):
        load(tmp_path / name, memory_limit=4 * 6 * 75)
        with pytest.raises(DeviceMemoryError):
            load(tmp_path / name, memory_limit=4 * 6 * 75 - 1)


def test_missing_package_says_how_to_install(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(_readers, "import_module", absent)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingDependencyError, match=r"idealscore\[images\]"):
        load(tmp_path / "a.parquet")
    with pytest.raises(MissingDependencyError, match=r"idealscore\[hub\]"):
        load("hf:owner/name")


def test_names_of_data_sets():
    assert data_module.DATASETS == ("digits",)


@pytest.mark.parametrize("encoded", [True, False])
def test_hub_data_sets_by_the_datasets_library(tmp_path, encoded):
    """`hf:` runs the library's own loader, here on a local parquet folder."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        datasets = pytest.importorskip("datasets")
        arrays, labels = pictures(channels=3), [0, 1, 1, 0, 2, 2]
        features = datasets.Features(
            {
                "image": datasets.Image() if encoded else datasets.Array3D((5, 5, 3), "uint8"),
                "label": datasets.ClassLabel(names=["cat", "dog", "bird"]),
            }
        )
        cells = [{"bytes": png(array), "path": None} for array in arrays] if encoded else list(arrays)
        table = datasets.Dataset.from_dict({"image": cells, "label": labels}, features=features)
        folder = tmp_path / "owner"
        folder.mkdir()
        table.to_parquet(folder / "train.parquet")
        cache = datasets.config.HF_DATASETS_CACHE
        datasets.config.HF_DATASETS_CACHE = tmp_path / "cache"
        try:
            data = load(f"hf:{folder}")
        finally:
            datasets.config.HF_DATASETS_CACHE = cache
        with pytest.raises(DataFileError):
            load(f"hf:{tmp_path / 'nothing'}")
    torch.testing.assert_close(data.images, expected(arrays), rtol=0, atol=1e-6)
    assert known(data.labels).tolist() == labels and data.class_names == ("cat", "dog", "bird")
