import numpy as np
import pytest
import torch

from idealscore._support.streams import normal_batch, stream, stream_seed, torch_stream
from idealscore.errors import ArgumentError


def test_streams_are_keyed_by_every_part():
    first = lambda *key: stream(*key).random()  # noqa: E731
    keys = [(0, "a"), (1, "a"), (0, "b"), (0, "a", 1), (0, "a", 0, 1), (0, "a", 1, 1)]
    assert len({first(*key) for key in keys}) == len(keys)
    assert first(0, "a", 5, 6) == first(0, "a", 5, 6)


def test_streams_do_not_overlap():
    draws = np.concatenate([stream(0, "x", i).integers(0, 2**63, 4096) for i in range(8)])
    assert len(np.unique(draws)) == len(draws)


def test_rows_of_a_batch_are_the_streams_of_their_samples():
    batch = normal_batch(3, "x", [5, 9], (2, 3), step=7)
    assert np.array_equal(batch[1].numpy(), stream(3, "x", 9, 7).standard_normal((2, 3)))
    assert normal_batch(3, "x", [], (2,)).shape == (0, 2)
    assert normal_batch(3, "x", [1], (2,), dtype=torch.float32).dtype == torch.float32


def test_torch_streams_are_keyed_too():
    draw = lambda *key: torch.randn(3, generator=torch_stream(*key))  # noqa: E731
    assert torch.equal(draw(0, "a", 1), draw(0, "a", 1)) and not torch.equal(draw(0, "a", 1), draw(0, "a", 2))
    assert 0 <= stream_seed(0, "a") < 2**63


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "0"])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(ArgumentError, match="seed"):
        stream(seed, "a")


def test_bad_indices_are_refused():
    with pytest.raises(ArgumentError, match="index"):
        stream(0, "a", -1)
