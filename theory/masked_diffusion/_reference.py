"""The entropy profile as its definition says, set by set: what the tests compare with."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np


def reference(strings: np.ndarray) -> np.ndarray:
    """f(a): the mean over positions i and sets S of a others of H(x_i | x_S), of equally likely strings.

    Parameters
    ----------
    strings : integer array (n, length)
        The strings.

    Returns
    -------
    array (length,)
        In nats.

    Examples
    --------
    >>> reference(np.array([[0, 0], [1, 1]])).round(4).tolist()
    [0.6931, 0.0]
    """

    def entropy(positions: tuple[int, ...]) -> float:
        counts = Counter(tuple(row) for row in strings[:, list(positions)].tolist())
        share = np.array(list(counts.values())) / len(strings)
        return float(-(share * np.log(share)).sum())

    d, f = strings.shape[1], []
    for a in range(d):
        pairs = [(i, S) for S in combinations(range(d), a) for i in range(d) if i not in S]
        f.append(float(np.mean([entropy((*S, i)) - entropy(S) for i, S in pairs])))
    return np.array(f)
