"""Data sets and loaders of torch: every item once, in its own order, and the user's generators as they were."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from idealscore.errors import DataFileError
from idealscore.learned.data import load

IMAGES = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 3


@pytest.mark.parametrize("shuffled", [None, False, True])
def test_each_item_is_read_once_in_the_order_of_the_data_set(shuffled):
    source = TensorDataset(IMAGES, LABELS)
    found = load(source if shuffled is None else DataLoader(source, batch_size=6, shuffle=shuffled))
    torch.testing.assert_close(found.images, 2 * IMAGES - 1, rtol=0, atol=1e-6)
    assert found.labels is not None and found.labels.tolist() == LABELS.tolist()


class Augmented(Dataset):
    """Pictures with random noise from every global generator."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        noise = torch.rand(()) + random.random() + np.random.rand()  # noqa: NPY002
        return IMAGES[index] / 4 + noise / 4


def test_random_transformations_repeat_themselves_and_leave_the_generators_alone():
    state = random.getstate()
    first, second = load(Augmented()), load(Augmented())
    assert torch.equal(first.images, second.images) and random.getstate() == state


class Named(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {"foo": IMAGES[index], "bar": 1}


def test_unknown_keys_are_listed():
    with pytest.raises(DataFileError, match="foo, bar"):
        load(Named())
