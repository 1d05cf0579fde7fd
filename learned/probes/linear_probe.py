"""Linear probes on pixels: which concept values does a picture show?

One multinomial logistic regression per concept on the raw pixels, as in [@Okawa2023]. A probe is judged on pictures
that it has not seen, with a Wilson interval; a measurement that relies on a poor probe is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._support import checks as check
from ...errors import ArgumentError, EmptyDataError, EstimateError, ShapeError


@dataclass(frozen=True)
class ProbeAccuracy:
    """Share of `n` held-out pictures that a probe reads rightly, with its confidence interval."""

    concept: str
    accuracy: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.concept}: {self.accuracy:.4f} [{self.low:.4f}, {self.high:.4f}] (n = {self.n})"


class LinearProbe:
    """Weights `(values, pixels)` and biases `(values,)` for each concept.

    >>> x = np.array([[-1.0, 0.0], [-2.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
    >>> probe = LinearProbe.fit(x, [[0], [0], [1], [1]], ["side"])
    >>> probe.read(np.array([[-1.5, 0.5], [3.0, 0.0]])).ravel().tolist()
    [0, 1]
    """

    def __init__(self, concepts: list[str], weights: list[np.ndarray], biases: list[np.ndarray]) -> None:
        self.concepts, self.weights, self.biases = concepts, weights, biases

    @classmethod
    def fit(cls, images: Any, labels: Any, concepts: Any, penalty: float = 1.0) -> LinearProbe:
        """Probes for `labels` `(n, concepts)` on `images` `(n, ...)`; `penalty` is the weight of the squared norm.

        Raises ArgumentError where a concept shows fewer than two values.
        """
        from sklearn.linear_model import LogisticRegression

        names = [str(name) for name in concepts]
        pixels, wanted = _pixels(images), _labels(labels, len(images), len(names))
        weights, biases = [], []
        for i, name in enumerate(names):
            if len(seen := np.unique(wanted[:, i])) < 2:
                raise ArgumentError("labels", f"show {name} with one value only", "pass images of at least two")
            if not np.array_equal(seen, np.arange(len(seen))):
                raise ArgumentError("labels", f"show {name} with the values {seen}", "number the values 0, 1, 2, ...")
            fitted = LogisticRegression(C=1 / check.real("penalty", penalty, 1e-12), max_iter=1000, tol=1e-5)
            fitted.fit(pixels, wanted[:, i])
            two = len(seen) == 2
            rows, offsets = fitted.coef_, fitted.intercept_
            weights.append(np.concatenate([-rows, rows]) if two else rows)
            biases.append(np.concatenate([-offsets, offsets]) if two else offsets)
        return cls(names, weights, biases)

    def read(self, images: Any) -> np.ndarray:
        """`(n, concepts)`: the most probable value of each concept."""
        pixels = _pixels(images)
        if pixels.shape[1] != self.weights[0].shape[1]:
            raise ShapeError("images", f"have {pixels.shape[1]} entries", f"pass images of {self.weights[0].shape[1]}")
        return np.stack([(pixels @ w.T + b).argmax(1) for w, b in zip(self.weights, self.biases)], axis=1)

    def correct(self, images: Any, classes: Any) -> np.ndarray:
        """`(n, concepts)` booleans: is the wanted value the one that is read?"""
        return self.read(images) == _labels(classes, len(images), len(self.concepts))

    def accuracy(self, images: Any, labels: Any, confidence: float = 0.95) -> list[ProbeAccuracy]:
        """Accuracy of each probe on `images`, with Wilson intervals."""
        from scipy.stats import binomtest

        check.real("confidence", confidence, 0.01, 0.9999)
        right = self.correct(images, labels)
        found = []
        for name, column in zip(self.concepts, right.T):
            hits, n = int(column.sum()), len(column)
            interval = binomtest(hits, n).proportion_ci(confidence, method="wilson")
            found.append(ProbeAccuracy(name, hits / n, float(interval.low), float(interval.high), n))
        return found

    def require(self, images: Any, labels: Any, minimum: float = 0.99) -> list[ProbeAccuracy]:
        """`accuracy`; raises EstimateError, with the accuracies attached, where one lies below `minimum`."""
        found = self.accuracy(images, labels)
        if poor := [str(one) for one in found if one.accuracy < minimum]:
            raise EstimateError(f"the probe reads too few held-out pictures rightly: {'; '.join(poor)}", found)
        return found


def _pixels(images: Any) -> np.ndarray:
    array = images.numpy(force=True) if hasattr(images, "numpy") else np.asarray(images)
    if array.ndim < 2 or len(array) == 0:
        raise EmptyDataError("images", f"has shape {array.shape}", "pass at least one image, (n, ...)")
    return array.reshape(len(array), -1).astype(np.float64)


def _labels(labels: Any, n: int, concepts: int) -> np.ndarray:
    array = np.asarray(labels)
    if array.shape != (n, concepts) or array.dtype.kind not in "iu":
        raise ShapeError("labels", f"has shape {array.shape} of {array.dtype}", f"pass integers ({n}, {concepts})")
    return array
