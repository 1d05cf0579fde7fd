"""Linear probes on pixels: which concept values does a picture show?

One multinomial logistic regression per concept on the raw pixels, as in [@Okawa2023]. A probe is judged on pictures
that it has not seen, with a Wilson interval; a measurement that relies on a poor probe is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..._support import checks as check
from ..._support.display.boxes import Boxed
from ..._support.typed import typed
from ...errors import ArgumentError, EmptyDataError, EstimateError, ShapeError

if TYPE_CHECKING:
    from ..._support.types import Array, ArrayLike


@dataclass(frozen=True)
class ProbeAccuracy:
    """Share of the held-out pictures that a probe reads correctly, with its confidence interval.

    Parameters
    ----------
    concept : str
        Which concept.
    accuracy : float
        The share.
    low : float
        Lower end of its Wilson interval.
    high : float
        Upper end.
    n : int
        How many pictures.
    """

    concept: str
    accuracy: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.concept}: {self.accuracy:.4f} [{self.low:.4f}, {self.high:.4f}] (n = {self.n})"


@typed
class LinearProbe(Boxed):
    """One multinomial logistic regression on the pixels for each concept [@Okawa2023]; `fit` makes it.

    Parameters
    ----------
    concepts : list of str
        Names of the concepts.
    weights : list of numpy.ndarray
        Of each concept, `(values, pixels)`.
    biases : list of numpy.ndarray
        Of each concept, `(values,)`.

    Raises
    ------
    ArgumentError
        By `fit`, where a concept shows fewer than two values or they are not numbered 0, 1, 2, ...
    ShapeError, EmptyDataError
        By the methods, where images or labels do not fit.

    Examples
    --------
    >>> x = np.array([[-1.0, 0.0], [-2.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
    >>> probe = LinearProbe.fit(x, [[0], [0], [1], [1]], ["side"])
    >>> probe
    LinearProbe(concepts=['side'], pixels=2)
    >>> probe.read(np.array([[-1.5, 0.5], [3.0, 0.0]])).ravel().tolist()
    [0, 1]
    """

    def __init__(self, concepts: list[str], weights: list[np.ndarray], biases: list[np.ndarray]) -> None:
        self.concepts: list[str] = concepts
        self.weights: list[np.ndarray] = [check.finite("weights", check.float_array("weights", w)) for w in weights]
        self.biases: list[np.ndarray] = [check.finite("biases", check.float_array("biases", b)) for b in biases]
        for name, given, ndim in (("weights", self.weights, 2), ("biases", self.biases, 1)):
            if len(given) != len(concepts) or any(one.ndim != ndim for one in given):
                shapes = [one.shape for one in given]
                raise ShapeError(name, f"have the shapes {shapes}", "pass (values, pixels) and (values,) per concept")
        if any(w.shape[:1] != b.shape for w, b in zip(self.weights, self.biases, strict=True)):
            raise ShapeError("biases", "are not as many as the rows of weights", "pass one for each value of a concept")

    def __repr__(self) -> str:
        return f"LinearProbe(concepts={self.concepts}, pixels={self.weights[0].shape[1]})"

    @classmethod
    def fit(cls, images: ArrayLike, labels: ArrayLike, concepts: Sequence[str], penalty: float = 1.0) -> LinearProbe:
        """Fit the probes.

        Parameters
        ----------
        images : array_like
            `(n, ...)`.
        labels : array_like
            `(n, concepts)` integers: the value of each concept, numbered 0, 1, 2, ...
        concepts : sequence of str
            Names of the concepts.
        penalty : float
            Weight of the squared norm, > 0.

        Returns
        -------
        LinearProbe
            The fitted probes.

        Raises
        ------
        ArgumentError
            Where a concept shows fewer than two values, or they are numbered otherwise.
        ShapeError, EmptyDataError
            Where images and labels do not fit together.
        """
        from sklearn.linear_model import LogisticRegression

        names = [str(name) for name in concepts]
        pixels = _pixels(images)
        wanted = _labels(labels, len(pixels), len(names))
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

    def read(self, images: ArrayLike) -> Array:
        """The most probable value of each concept.

        Parameters
        ----------
        images : array_like
            `(n, ...)`.

        Returns
        -------
        numpy.ndarray
            `(n, concepts)` integers.

        Raises
        ------
        ShapeError, EmptyDataError
            Where the images do not fit the probe.
        """
        pixels = _pixels(images)
        if pixels.shape[1] != self.weights[0].shape[1]:
            raise ShapeError("images", f"have {pixels.shape[1]} entries", f"pass images of {self.weights[0].shape[1]}")
        return np.stack([(pixels @ w.T + b).argmax(1) for w, b in zip(self.weights, self.biases, strict=True)], axis=1)

    def correct(self, images: ArrayLike, classes: ArrayLike) -> Array:
        """Whether the value that is read is the wanted one.

        Parameters
        ----------
        images : array_like
            `(n, ...)`.
        classes : array_like
            Wanted values, `(n, concepts)` integers.

        Returns
        -------
        numpy.ndarray
            `(n, concepts)` booleans.
        """
        read = self.read(images)
        return read == _labels(classes, len(read), len(self.concepts))

    def accuracy(self, images: ArrayLike, labels: ArrayLike, confidence: float = 0.95) -> list[ProbeAccuracy]:
        """Accuracy of each probe, with Wilson intervals.

        Parameters
        ----------
        images : array_like
            `(n, ...)`.
        labels : array_like
            True values, `(n, concepts)` integers.
        confidence : float
            Of the intervals.

        Returns
        -------
        list of ProbeAccuracy
            One for each concept.
        """
        from scipy.stats import binomtest

        check.real("confidence", confidence, 0.01, 0.9999)
        right = self.correct(images, labels)
        found = []
        for name, column in zip(self.concepts, right.T, strict=True):
            hits, n = int(column.sum()), len(column)
            interval = binomtest(hits, n).proportion_ci(confidence, method="wilson")
            found.append(ProbeAccuracy(name, hits / n, float(interval.low), float(interval.high), n))
        return found

    def require(self, images: ArrayLike, labels: ArrayLike, minimum: float = 0.99) -> list[ProbeAccuracy]:
        """Accuracy of each probe, refused where it is poor.

        Parameters
        ----------
        images : array_like
            `(n, ...)`.
        labels : array_like
            True values, `(n, concepts)` integers.
        minimum : float
            Smallest accuracy.

        Returns
        -------
        list of ProbeAccuracy
            One for each concept.

        Raises
        ------
        EstimateError
            Where an accuracy lies below `minimum`; all of them are attached.
        """
        found = self.accuracy(images, labels)
        if poor := [str(one) for one in found if one.accuracy < minimum]:
            raise EstimateError(f"the probe reads too few held-out pictures correctly: {'; '.join(poor)}", found)
        return found


def _pixels(images: ArrayLike) -> Array:
    array = check.finite("images", check.float_array("images", images))
    if array.ndim < 2 or len(array) == 0:
        raise EmptyDataError("images", f"has shape {array.shape}", "pass at least one image, (n, ...)")
    return array.reshape(len(array), -1)


def _labels(labels: ArrayLike, n: int, concepts: int) -> Array:
    array = check.array("labels", labels)
    if array.shape != (n, concepts) or array.dtype.kind not in "iu":
        raise ShapeError("labels", f"has shape {array.shape} of {array.dtype}", f"pass integers ({n}, {concepts})")
    return array
