"""Belief propagation next to a plain gather in torch and a junction tree: all marginals of a grammar, one thread.

`python -m pytest benchmarks/test_belief_propagation.py`; the last test bounds its memory.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from idealscore.theory.belief_propagation import BeliefPropagation
from idealscore.theory.grammar import Grammar

BATCH = 16


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def problem(case=(32, 8, 2, 7), dtype=torch.float64, batch=BATCH):
    grammar = Grammar.random(*case)
    generator = torch.Generator().manual_seed(0)
    return grammar, torch.rand(batch, grammar.leaves, grammar.v, dtype=torch.float64, generator=generator).to(dtype)


def gather_marginals(grammar, likelihood):
    """The same two passes written node-parallel with advanced indexing, rules (v, m, s) and (batch, nodes, v)."""
    rules = [torch.from_numpy(level.copy()) for level in reversed(grammar.rules)]
    up = [likelihood]
    for rule in rules:
        children = up[-1].unflatten(1, (-1, grammar.s))
        weights = torch.stack([children[:, :, i][..., rule[..., i]] for i in range(grammar.s)]).prod(0)
        message = weights.sum(-1)
        up.append(message / message.sum(-1, keepdim=True))
    down = [torch.full_like(up[-1], 1 / grammar.n_classes)]
    for level in range(grammar.depth - 1, -1, -1):
        children, rule = up[level].unflatten(1, (-1, grammar.s)), rules[level]
        factors = [children[:, :, i][..., rule[..., i]] for i in range(grammar.s)]
        messages = []
        for i in range(grammar.s):
            weights = down[-1][..., None]
            for j in range(grammar.s):
                if j != i:
                    weights = weights * factors[j]
            out = torch.zeros(*weights.shape[:2], grammar.v, dtype=weights.dtype)
            messages.append(out.index_add(2, rule[..., i].flatten(), weights.flatten(2)))
        message = torch.stack(messages, 2).flatten(1, 2)
        down.append(message / message.sum(-1, keepdim=True))
    products = [u * d for u, d in zip(up, reversed(down), strict=True)]
    return [w / w.sum(-1, keepdim=True) for w in products]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("method", ["idealscore", "gather"])
def test_all_marginals(benchmark, method, dtype):
    grammar, likelihood = problem(dtype=dtype)
    bp = BeliefPropagation(grammar)
    work = bp.marginals if method == "idealscore" else lambda w: gather_marginals(grammar, w)
    for ours, exact in zip(work(likelihood), gather_marginals(grammar, likelihood.double()), strict=True):
        torch.testing.assert_close(ours.double(), exact, atol=1e-12 if dtype == torch.float64 else 1e-5, rtol=0)
    benchmark(work, likelihood)
    benchmark.extra_info["ms per sample, fastest"] = 1e3 * benchmark.stats["min"] / BATCH


def test_deep_tree(benchmark):
    grammar, likelihood = problem((32, 8, 2, 14), batch=1)
    bp = BeliefPropagation(grammar)
    levels = benchmark(bp.marginals, likelihood)
    assert levels[0].shape == (1, 16384, 32) and all(bool(level.isfinite().all()) for level in levels)


def test_junction_tree(tmp_path, capsys):
    pytest.importorskip("pyagrum")
    grammar, likelihood = problem((32, 8, 2, 5), batch=1)
    grammar.save(tmp_path / "grammar.json")
    np.save(tmp_path / "likelihood.npy", likelihood[0])
    script = Path(__file__).parents[1] / "tests" / "_junction_tree.py"
    files = [str(tmp_path / name) for name in ("grammar.json", "likelihood.npy", "out.npz")]
    done = subprocess.run([sys.executable, str(script), *files], check=True, capture_output=True, text=True)
    with np.load(tmp_path / "out.npz") as exact, capsys.disabled():
        print(f"\njunction tree at (32, 8, 2, 5): {1e3 * float(done.stdout):.0f} ms per sample")
        for level, found in enumerate(BeliefPropagation(grammar).marginals(likelihood)):
            np.testing.assert_allclose(found[0], exact[f"arr_{level}"], atol=1e-12)


MEMORY = """
import resource, torch
from idealscore.theory.belief_propagation import BeliefPropagation
from idealscore.theory.grammar import Grammar
bp = BeliefPropagation(Grammar.random(32, 8, 2, 14))
likelihood = torch.rand(4, 2**14, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
bp.marginals(likelihood)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / (likelihood.numel() * 8))
"""


def test_memory_holds_messages_only():
    # all levels together are twice the leaves, and there are upward messages, marginals and one copy of the input
    done = subprocess.run([sys.executable, "-c", MEMORY], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 12  # in arrays of (batch, leaves, v); rules x nodes would be m = 8 times one each
