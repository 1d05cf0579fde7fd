"""Node marginals of a grammar by pyAgrum's Shafer-Shenoy inference: GRAMMAR.json LIKELIHOOD.npy OUT.npz [REPEATS].

Its own process, because pyAgrum's libraries do not share one with torch and numba safely. Factors are rescaled, else
the joint weight underflows. Prints the seconds of the fastest inference.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyagrum as gum


def build(rules, v):
    """The Markov random field and the names of its nodes, level by level from the leaves."""
    depth, s = len(rules), rules[0].shape[2]
    names = [[f"x{level}_{node}" for node in range(s ** (depth - level))] for level in range(depth + 1)]
    field = gum.MarkovRandomField()  # pyright: ignore[reportPrivateImportUsage]
    for level, row in enumerate(names):
        for name in row:
            field.add(gum.LabelizedVariable(name, name, v if level < depth else len(rules[0])))
    for level in range(depth):
        table = rules[depth - 1 - level]
        n_symbols, m, _ = table.shape
        factor_table = np.zeros([n_symbols] + [v] * s)
        parents = np.broadcast_to(np.arange(n_symbols)[:, None], (n_symbols, m))
        factor_table[(parents, *np.moveaxis(table, -1, 0))] = v**s / (n_symbols * m)
        for node, parent in enumerate(names[level + 1]):
            scope = [parent, *names[level][s * node : s * (node + 1)]]
            factor = field.addFactor(scope)
            axes = [scope.index(name) for name in reversed(factor.names)]
            factor[:] = np.ascontiguousarray(np.transpose(factor_table, axes))
    return field, names


def main(grammar, likelihood, out, repeats="1"):
    content = json.loads(Path(grammar).read_text())
    field, names = build([np.array(level) for level in content["rules"]], content["v"])
    rows, seconds, posterior = np.load(likelihood), [], {}
    for _ in range(int(repeats)):
        start = time.perf_counter()
        engine = gum.ShaferShenoyMRFInference(field)  # pyright: ignore[reportPrivateImportUsage]
        engine.setEvidence({name: (row / row.max()).tolist() for name, row in zip(names[0], rows, strict=True)})
        engine.makeInference()
        posterior = {name: engine.posterior(name)[:] for name in itertools.chain(*names)}
        seconds.append(time.perf_counter() - start)
    np.savez(out, *[np.array([posterior[name] for name in level]) for level in names])
    print(min(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
