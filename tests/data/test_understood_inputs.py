"""Data as people hand them over: read as they mean it, said in the table, or refused; nothing is dropped in silence."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset

from idealscore.cli import main
from idealscore.errors import DataFileError, DataWarning
from idealscore.learned.data import load

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (12, 7, 9), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 7, 9, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3
POINTS = RNG.normal(size=(20, 2)).round(4)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def quiet(source, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load(source, **options)


class Items(Dataset):
    def __init__(self, items, **attributes):
        self.items = items
        for name, value in attributes.items():
            setattr(self, name, value)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def archive(name="a.npz", **arrays):
    np.savez(name, **arrays)
    return name


def text(content, name="a.csv"):
    Path(name).write_text(content)
    return name


@pytest.mark.parametrize("order", ["{split}_{name}", "{name}_{split}"])
def test_an_archive_of_several_splits(order):
    sizes = {"train": 12, "val": 4, "test": 5}
    names = {split: [order.format(split=split, name=name) for name in ("images", "labels")] for split in sizes}
    arrays = {}
    for split, (images, labels) in names.items():
        arrays |= {images: GRAY[: sizes[split]], labels: LABELS[: sizes[split], None]}
    archive(**arrays)
    for split, n in sizes.items():
        found = quiet("a.npz", split=split)
        assert len(found) == n and found.labels is not None and found.labels.tolist() == LABELS[:n].tolist()
    with pytest.raises(DataFileError, match=r"there is no 'dev'"):
        load("a.npz", split="dev")


def test_the_usual_split_of_medical_images_is_the_training():
    archive(train_images=GRAY, train_labels=LABELS[:, None], test_images=GRAY[:3], test_labels=LABELS[:3, None])
    found = quiet("a.npz")
    assert len(found) == 12 and found.n_classes == 3
    assert "not read: test_images, test_labels" in found.understood.notes[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "test"}, "--split test"),
        ({"column": "foo"}, "--column foo"),
        ({"label_column": "foo"}, "--label-column foo"),
        ({"mode": "rgb"}, "--mode rgb"),
        ({"alpha": "white"}, "--alpha white"),
    ],
)
def test_an_option_that_is_of_no_use_is_said(options, words):
    np.save("a.npy", GRAY)
    with pytest.warns(DataWarning, match=words):
        found = load("a.npy", **options)
    assert words in str(found)
    quiet("a.npy", label_column="none")
    quiet("a.npy", on_error="skip")


def test_options_that_are_of_use_are_not_complained_about():
    Image.fromarray(GRAY[0]).save("a.png")
    Image.fromarray(GRAY[1]).save("b.png")
    quiet(".", mode="rgb", alpha="white")
    with pytest.warns(DataWarning, match="--layout nhwc"):
        load(".", layout="nhwc")
    text("a,b,label\n" + "\n".join(f"{a},{b},1" for a, b in POINTS))
    assert quiet("a.csv", column="a", label_column="label").shape == (1,)
    assert quiet("a.csv", layout="dn", label_column="none").shape == (20,)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", ["", "id", "Index"])
def test_a_column_that_counts_the_rows_is_no_coordinate(name, start):
    text(f"{name},a,b\n" + "\n".join(f"{i},{a},{b}" for i, (a, b) in enumerate(POINTS, start)))
    found = quiet("a.csv")
    np.testing.assert_allclose(found.images.numpy(), POINTS, rtol=1e-6)
    assert any("count the rows" in note for note in found.understood.notes)
    # under another name, or with other numbers, it is one; so it is where it is asked for
    text("a,b,c\n" + "\n".join(f"{i},{a},{b}" for i, (a, b) in enumerate(POINTS)))
    assert quiet("a.csv").shape == (3,)
    text("id,a\n" + "\n".join(f"{2 * i},{a}" for i, (a, _) in enumerate(POINTS)))
    assert quiet("a.csv", scale="standardise").shape == (2,)
    text("id,a\n" + "\n".join(f"{i},{a}" for i, (a, _) in enumerate(POINTS, start)))
    assert quiet("a.csv", column="id").shape == (1,)


def test_tables_as_numpy_writes_them():
    np.savetxt("plain.csv", POINTS, delimiter=",")
    found = quiet("plain.csv")
    np.testing.assert_allclose(found.images.numpy(), POINTS, rtol=1e-6)
    assert "no header: every line is a datum" in found.understood.notes
    np.savetxt("said.csv", np.c_[np.arange(20) % 2, POINTS], delimiter=",", header="label,a,b")
    found = quiet("said.csv")
    assert found.shape == (2,) and found.n_classes == 2
    text("a,b\n")
    with pytest.raises(DataFileError, match="no rows"):
        load("a.csv")
    with pytest.raises(DataFileError, match=r"there is no 'q'.*label, a, b"):
        load("said.csv", column="q")


def test_pandas_tables_in_memory_and_in_parquet():
    import pandas

    table = pandas.DataFrame({"a": POINTS[:, 0], "b": POINTS[:, 1], "label": ["x", "y"] * 10})
    table[2:].to_parquet("a.parquet")
    for source, n in ((table, 20), ("a.parquet", 18)):
        found = quiet(source)
        assert (len(found), found.shape, found.class_names) == (n, (2,), ("x", "y"))


def test_whole_pixels_of_a_table_are_told():
    text("label,p0,p1\n" + "\n".join(f"{i % 2},{17 * i},{255 - i}" for i in range(15)))
    with pytest.warns(DataWarning, match=r"look like pixels of 8 bits.*--values 0 255"):
        load("a.csv")
    assert load("a.csv", values=(0, 255)).images.abs().max() <= 1


def test_values_beyond_the_given_range_are_told():
    with pytest.warns(DataWarning, match=r"leave the range \[0, 100\] that was given"):
        load(GRAY, values=(0, 100))


def test_a_wide_unit_is_told():
    with pytest.warns(DataWarning, match="far above the usual"):
        load(1000 * POINTS)


def test_a_dict_of_arrays():
    found = quiet({"images": GRAY, "labels": LABELS})
    assert len(found) == 12 and found.n_classes == 3
    with pytest.raises(DataFileError, match=r"keys foo, bar.*column="):
        load({"foo": GRAY, "bar": LABELS})
    assert len(quiet({"foo": GRAY, "bar": LABELS}, column="foo", label_column="bar")) == 12


def test_lists_that_are_no_array_say_why():
    with pytest.raises(DataFileError, match=r"shapes \(7, 9\) and \(3, 9\); bring all to one size"):
        load([GRAY[0], GRAY[1], GRAY[2][:3]])
    with pytest.raises(DataFileError, match="images and labels"):
        load((GRAY, LABELS))


def test_items_of_several_types_may_be_in_several_units():
    mixed = [
        torch.from_numpy(GRAY[0]),
        torch.from_numpy(RNG.random((7, 9), dtype=np.float32)),
        *map(torch.from_numpy, GRAY[1:6]),
    ]
    with pytest.raises(DataFileError, match=r"item 1 is of type float32, the first of uint8"):
        load(Items(mixed))
    assert len(quiet(Items([np.float32(x) / 255 if i else x / 255 for i, x in enumerate(GRAY)]))) == 12


def test_labels_of_items_in_every_form():
    for label in (
        lambda y: torch.tensor([y]),
        lambda y: np.eye(3)[y],
        lambda y: torch.eye(3)[y],
        lambda y: np.int64(y),
    ):
        found = quiet(Items([(x, label(int(y))) for x, y in zip(GRAY, LABELS, strict=True)]))
        assert found.labels is not None and found.labels.tolist() == LABELS.tolist()


def test_what_is_not_read_of_items_is_said():
    keys = quiet(Items([{"image": x, "klass": 1, "mask": x} for x in GRAY]))
    assert keys.understood.notes == ("images 'image'; not read: klass, mask",)
    pair = quiet(Items([(x, x // 2) for x in GRAY]))
    assert pair.labels is None and "the second entry of the items, of shape (7, 9)" in pair.understood.notes[0]
    loader = DataLoader(Items([(x, 1) for x in GRAY]), collate_fn=lambda rows: rows)
    assert any("before the collate_fn" in note for note in quiet(loader).understood.notes)
    assert quiet(DataLoader(Items(list(GRAY)))).understood.notes == ()


def test_a_part_of_a_data_set_knows_the_names_of_its_classes():
    whole = Items([(x, int(y)) for x, y in zip(GRAY, LABELS, strict=True)], classes=["cat", "dog", "eel"])
    assert quiet(Subset(Subset(whole, range(9)), [0, 1, 2, 5])).class_names == ("cat", "dog", "eel")


def test_decoded_pictures_are_read_as_those_of_files():
    pictures = [Image.fromarray(GRAY[0]), *map(Image.fromarray, COLOUR[:3])]
    found = quiet(Items(pictures))
    assert found.shape == (3, 7, 9) and "1 gray, 3 RGB: all read as RGB (--mode)" in found.understood.notes
    assert quiet(Items(pictures), mode="gray").shape == (1, 7, 9)
    clear = [picture.convert("RGBA") for picture in pictures]
    assert quiet(Items(clear)).shape == (3, 7, 9)
    assert "transparency of 4 of 4 is dropped" in quiet(Items(clear)).understood.notes[0]
    assert quiet(Items(clear), alpha="keep").shape == (4, 7, 9)
    with pytest.raises(DataFileError, match="bring all to one size"):
        load(Items([GRAY[0], COLOUR[0]]))  # arrays, of which nobody knows what they are


def test_the_column_of_pictures_is_found_by_its_type():
    datasets = pytest.importorskip("datasets")
    pictures = [Image.fromarray(x) for x in COLOUR[:6]]
    found = quiet(datasets.Dataset.from_dict({"caption": ["x"] * 6, "picture": pictures}))
    assert found.shape == (3, 7, 9) and found.understood.notes == ("images 'picture'",)
    with pytest.raises(DataFileError, match=r"none of pictures or arrays among caption, n"):
        load(datasets.Dataset.from_dict({"caption": ["x"] * 6, "n": [1] * 6}))


def test_parquet_of_the_hub_keeps_the_names_of_classes():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    rows = {"image": [Image.fromarray(x) for x in COLOUR[:6]], "label": [0, 1] * 3}
    datasets.Dataset.from_dict(rows, features=features).to_parquet("a.parquet")
    assert quiet("a.parquet").class_names == ("cat", "dog")


def test_a_broken_picture_among_thousands_is_named_and_the_option_too(capsys):
    folder = Path("many")
    folder.mkdir()
    for i in range(120):
        Image.fromarray(GRAY[i % 12]).save(folder / f"{i:04d}.png")
    (folder / "0099.png").write_bytes((folder / "0099.png").read_bytes()[:60])
    assert main(["transitions", "data", "many", "--draws", "0"]) == 2
    said = capsys.readouterr().err
    assert "many/0099.png" in said and "--on-error skip" in said and len(said.splitlines()) == 1
    assert main(["transitions", "data", "many", "--draws", "0", "--on-error", "skip"]) == 0
    assert "broken: 1 (many/0099.png)" in capsys.readouterr().out


def test_other_files_that_end_in_bin():
    Path("batch.bin").write_bytes(bytes(3073 * 4))
    with pytest.raises(DataFileError, match="unknown kind"):
        load("batch.bin")
    torch.save({"a": 1}, "net.bin")
    with pytest.raises(DataFileError, match="pickle"):
        load("net.bin")


def test_a_name_that_the_hub_does_not_have_is_said_to_be_one(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def unreachable(name, split):
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataFileError, match=r"hf:a/b cannot be loaded .*check the name, the split and the connection"):
        load("hf:a/b")
