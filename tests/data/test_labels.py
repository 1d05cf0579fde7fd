"""Labels: numbers stay numbers and sort as numbers, names are kept and accepted."""

import numpy as np
import pytest
import torch
from foreign import class_folders, digits
from known import known

from idealscore._support.labels import class_codes, class_number
from idealscore.errors import ArgumentError, DataFileError, ShapeError, UnknownNameError
from idealscore.learned.data import load


def archive(tmp_path, labels, n=60):
    images, _ = digits(n)
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    return tmp_path / "a.npz"


def test_floats_of_pandas_are_the_integers(tmp_path):
    data = load(archive(tmp_path, (np.arange(60) % 12).astype(float)))
    assert known(data.labels).tolist() == (np.arange(60) % 12).tolist() and data.class_names == ()


@pytest.mark.parametrize("step", [100, 10**12, 7])
def test_sparse_numbers_are_counted_through_and_keep_their_names(tmp_path, step):
    numbers = (np.arange(60) % 10) * step
    data = load(archive(tmp_path, numbers))
    assert data.n_classes == 10 and known(data.labels).tolist() == (np.arange(60) % 10).tolist()
    assert data.class_names == tuple(str(i * step) for i in range(10))
    assert data.class_number(str(9 * step)) == 9
    with pytest.raises(UnknownNameError):
        data.class_number("1")


def test_folders_named_by_numbers_sort_as_numbers(tmp_path):
    images, labels = digits()
    data = load(class_folders(tmp_path / "c", images, labels + 3))
    assert data.class_names == tuple(str(i) for i in range(3, 13))
    assert np.array_equal(known(data.labels).bincount().numpy(), np.bincount(labels))


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        ([b"cat", b"dog", b"cat"], [0, 1, 0], ("cat", "dog")),
        (["10", "9", "2"], [2, 1, 0], ("2", "9", "10")),
        ([True, False, True], [1, 0, 1], ("False", "True")),
        ([-1, 1, 1], [0, 1, 1], ("-1", "1")),
        (np.array([[0, 1], [1, 0], [0, 1]]), [1, 0, 1], ()),
        (np.array([[2], [0], [1]]), [2, 0, 1], ()),
        (torch.tensor([1.0, 0.0, 1.0], dtype=torch.bfloat16), [1, 0, 1], ()),
        (np.array([3, 1, 2], dtype=object), [3, 1, 2], ()),
    ],
)
def test_kinds_of_labels(labels, codes, names):
    found = class_codes("labels", labels, 3)
    assert found.codes.tolist() == codes and found.names == names


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1, -1], "1 of 3 are -1"),
        ([0.0, 1.0, np.nan], "1 of 3 are missing"),
        (["a", None, "b"], "1 of 3 are missing"),
        (["a", "", "b"], "1 of 3 are empty"),
        ([0.5, 1.0, 2.0], "expected classes, got the number 0.5"),
        ([0, 1], "expected one label per datum"),
    ],
)
def test_what_is_no_class_is_refused(labels, words):
    with pytest.raises(ArgumentError, match=words):
        class_codes("labels", labels, 3)
    with pytest.raises(ShapeError):
        class_codes("labels", np.zeros((3, 2)), 3)


def test_wrong_lengths_are_named_and_labels_can_be_left(tmp_path):
    path = archive(tmp_path, np.zeros(59, int))
    with pytest.raises(DataFileError, match="has 59 labels for 60 images"):
        load(path)
    assert load(path, label_column="none").labels is None


def test_classes_by_name_or_number():
    assert class_number("label", 1, ("a", "b"), 2) == 1 and class_number("label", "b", ("a", "b"), 2) == 1
    assert class_number("label", "11", ("5", "11"), 2) == 1 and class_number("label", "3", (), 10) == 3
    for label, names in (("c", ("a", "b")), ("2", ("5", "11")), ("7", ()), ("cat", ())):
        with pytest.raises(ArgumentError, match="label"):
            class_number("label", label, names, 2)
