"""Blocks of symbols revealed at once: brute force over all orders and all sizes, oracles, the continuum."""

import math
from itertools import permutations

import numpy as np
import pytest

from idealscore.errors import ArgumentError
from idealscore.theory import Grammar
from idealscore.theory.belief_propagation.enumeration import derivations
from idealscore.theory.masked_diffusion import (
    block_density,
    cosine_blocks,
    entropy_profile,
    optimal_blocks,
    schedule_cost,
    uniform_blocks,
)


def partitions(length, steps):
    """All sizes of `steps` blocks."""
    if steps == 1:
        yield (length,)
        return
    for first in range(1, length - steps + 2):
        for rest in partitions(length - first, steps - 1):
            yield (first, *rest)


def sampled_divergence(strings, sizes):
    """Mean over all orders of KL(data | sampler) where blocks are drawn by their marginals, and that of the mixture."""
    n, d = strings.shape
    mixture, mean, orders = np.zeros(n), 0.0, list(permutations(range(d)))
    for order in orders:
        log_q, first = np.zeros(n), 0
        for size in sizes:
            known = list(order[:first])
            for i in order[first : first + size]:
                for row in range(n):
                    same = (strings[:, known] == strings[row, known]).all(1)
                    log_q[row] += math.log((strings[same, i] == strings[row, i]).mean())
            first += size
        mean += (-math.log(n) - log_q).mean() / len(orders)
        mixture += np.exp(log_q) / len(orders)
    return mean, float((-math.log(n) - np.log(mixture)).mean())


def test_cost_equals_the_sampler_over_all_orders():
    rules = Grammar.random(3, 2, 2, 2, seed=1)
    strings, profile = derivations(rules)[0].numpy(), entropy_profile(rules)
    for sizes in [(2, 2), (1, 3), (3, 1), (1, 1, 2), (4,), (1, 1, 1, 1)]:
        mean, mixture = sampled_divergence(strings, sizes)
        assert schedule_cost(profile, sizes) == pytest.approx(mean, abs=1e-12)
        assert mixture <= mean + 1e-12


# f of the grammar of an independent computation, to its digits
ORACLE = np.array([1.199659, 0.968075, 0.750748, 0.547254])
LONGER = np.array([1.88958, 1.6134, 1.280817, 0.92504, 0.619389, 0.378791, 0.189256, 0.035199])


def test_oracles_of_an_independent_computation():
    assert ORACLE.sum() == pytest.approx(3.4657359, abs=2e-6)
    for steps, sizes, cost in [(2, [2, 2], 0.43507692), (3, [1, 1, 2], 0.20349383)]:
        assert optimal_blocks(ORACLE, steps).tolist() == sizes
        assert schedule_cost(ORACLE, sizes) == pytest.approx(cost, abs=3e-6)
    assert schedule_cost(ORACLE, uniform_blocks(4, 3)) == pytest.approx(0.23158309, abs=3e-6)
    assert [schedule_cost(ORACLE, one) for one in [(1, 3), (3, 1)]] == pytest.approx([0.63814895, 0.68049374], abs=5e-6)
    assert optimal_blocks(LONGER, 3).tolist() == [3, 2, 3]
    assert schedule_cost(LONGER, [3, 2, 3]) == pytest.approx(1.72372, abs=2e-5)
    assert schedule_cost(LONGER, uniform_blocks(8, 3)) == pytest.approx(1.89090, abs=2e-5)


@pytest.mark.parametrize("seed", range(4))
def test_best_blocks_are_the_best_of_all(seed):
    draw = np.random.Generator(np.random.Philox(seed))
    f = np.sort(draw.random(9) ** 2)[::-1]
    for steps in range(1, 10):
        costs = [schedule_cost(f, sizes) for sizes in partitions(9, steps)]
        assert schedule_cost(f, optimal_blocks(f, steps)) == pytest.approx(min(costs), abs=1e-14)
        assert len(optimal_blocks(f, steps)) == steps


def test_density_of_blocks_is_the_limit_of_many_symbols():
    a = np.arange(2000) / 2000
    for f in (1 / (1 + np.exp(30 * (a - 0.7))), np.exp(-3 * a), 1 - a**2):
        for steps in (20, 40):
            limit, best = block_density(f, steps), schedule_cost(f, optimal_blocks(f, steps))
            assert schedule_cost(f, limit.sizes) == pytest.approx(best, rel=0.06)
            assert limit.cost == pytest.approx(best, rel=0.04)
            assert best < 0.999 * schedule_cost(f, uniform_blocks(2000, steps))
    flat = block_density(np.ones(10), 3)
    assert flat.cost == 0 and flat.sizes.sum() == 10 and flat.sizes.min() >= 1


@pytest.mark.parametrize(("length", "steps"), [(1, 1), (7, 7), (16, 5), (4096, 18), (10, 9)])
def test_every_schedule_reveals_each_symbol_once(length, steps):
    for blocks in (uniform_blocks(length, steps), cosine_blocks(length, steps)):
        assert len(blocks) == steps and blocks.sum() == length and blocks.min() >= 1
    assert block_density(np.linspace(1, 0, length), steps).sizes.sum() == length


def test_cosine_reveals_few_symbols_first():
    assert np.all(np.diff(cosine_blocks(1024, 8)) > 0) and np.ptp(uniform_blocks(1024, 7)) == 1


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: schedule_cost(ORACLE, [2, 1]), "sizes"),
        (lambda: schedule_cost(ORACLE, [4, 0]), "sizes"),
        (lambda: schedule_cost(ORACLE, [2.0, 2.0]), "sizes"),
        (lambda: schedule_cost([-1.0, 1.0], [2]), "profile"),
        (lambda: schedule_cost([[1.0]], [1]), "profile"),
        (lambda: optimal_blocks(ORACLE, 5), "steps"),
        (lambda: optimal_blocks(ORACLE, 0), "steps"),
        (lambda: block_density(ORACLE, 0), "steps"),
        (lambda: uniform_blocks(3, 4), "steps"),
        (lambda: cosine_blocks(3, 0), "steps"),
    ],
)
def test_bad_input_is_refused(call, argument):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert caught.value.argument == argument
