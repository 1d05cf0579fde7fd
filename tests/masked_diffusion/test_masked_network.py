"""A trained masked network next to the area theorem: its loss has nearly the area that the grammar allows."""

import math
from typing import Any

import pytest
import torch

from idealscore.learned.networks import HierarchyNet
from idealscore.learned.training import TrainConfig
from idealscore.learned.training.masked import train_masked
from idealscore.simulate.hierarchy import sample
from idealscore.theory import Grammar
from idealscore.theory.belief_propagation.channels import one_hot
from idealscore.theory.identities import check_masked


@pytest.mark.slow
def test_training_brings_the_area_down_to_the_entropy_but_conditionals_of_a_network_disagree():
    grammar = Grammar.random(4, 2, 2, 3)
    held_out = sample(grammar, 400, 9)[0]
    start = HierarchyNet((8, 4), s=2, width=32)
    config = TrainConfig(steps=300, batch=256, learning_rate=1e-2, warmup=20)
    trained = train_masked(start, one_hot(sample(grammar, 4096, 5)[0], 4, torch.float32), config).network
    options: dict[str, Any] = {"entropy": grammar.entropy, "tolerance": 1e-3}
    before = {one.identity: one for one in check_masked(start.predictor("masking"), held_out, **options)}
    after = {one.identity: one for one in check_masked(trained.predictor("masking"), held_out, **options)}
    # an untrained network says that nothing is known: log 4 per symbol, and no contradiction
    assert before["area"].broken and not before["exchange"].broken
    assert before["area"].residual == pytest.approx(math.log(4) - grammar.entropy / 8, rel=1e-3)
    assert after["area"].residual < 0.1 * before["area"].residual + 5.5 * after["area"].stderr
    assert after["exchange"].broken and 0.005 < after["exchange"].size < 0.3
