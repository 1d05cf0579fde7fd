# type: ignore
"""Sums over the number n of occupied sites with binomial or Poisson weights, by recursion outward from the peak."""

import numpy as np

from ..._support.compiled import compiled

CUT = 1e-18


@compiled(nogil=True)
def window(n_total, mean, binomial):
    """First n and the normalised weights of all n whose weight is above CUT times the largest.

    Binomial: p = mean / n_total, B_n = B_{n-1} (n_total - n + 1) / n * p / (1 - p). Poisson: P_n = P_{n-1} mean / n.
    """
    if binomial:
        p = mean / n_total
        peak = min(int((n_total + 1) * p), n_total)
        odds = p / (1 - p) if p < 1 else 0.0
    else:
        p, odds = 0.0, mean
        peak = min(int(mean), n_total)
    spread = 16 + int(10 * np.sqrt(mean + 1.0))
    start, reach = max(0, peak - spread), min(n_total, peak + spread)
    weights = np.zeros(reach - start + 1)
    weights[peak - start] = 1.0
    total, weight, last = 1.0, 1.0, peak
    for n in range(peak + 1, reach + 1):
        weight *= (n_total - n + 1) / n * odds if binomial else odds / n
        if weight < CUT:
            break
        weights[n - start] = weight
        total += weight
        last = n
    weight, first = 1.0, peak
    for n in range(peak - 1, start - 1, -1):
        if odds == 0.0:
            break
        weight *= (n + 1) / (n_total - n) / odds if binomial else (n + 1) / odds
        if weight < CUT:
            break
        weights[n - start] = weight
        total += weight
        first = n
    return first, weights[first - start : last - start + 1] / total


@compiled(nogil=True)
def convolve(values, marks, n_total, means, binomial):
    """sum_n weight_n values_n for every mean, with `values[k]` at n = marks[k] and straight lines in between."""
    out = np.zeros((means.size, values.shape[1]))
    dense = marks.size == n_total + 1
    for i in range(means.size):
        first, weights = window(n_total, means[i], binomial)
        k = 0 if dense else np.searchsorted(marks, first, side="right") - 1
        for j in range(weights.size):
            n = first + j
            if dense:
                for c in range(values.shape[1]):
                    out[i, c] += weights[j] * values[n, c]
                continue
            while k + 2 < marks.size and marks[k + 1] <= n:
                k += 1
            upper = weights[j] * (n - marks[k]) / (marks[k + 1] - marks[k])
            for c in range(values.shape[1]):
                out[i, c] += (weights[j] - upper) * values[k, c] + upper * values[k + 1, c]
    return out


@compiled(nogil=True)
def wrapping(wraps, n_total, means, binomial):
    """Mean over runs, and over runs of the square, of P(n >= first wrap): one direction, any, all, exactly one.

    "Exactly one" is divided by the number of directions: the chance of a given direction and no other.
    """
    n_runs, n_directions = wraps.shape
    out = np.zeros((means.size, 4, 2))
    now = np.empty(4)
    for i in range(means.size):
        first, weights = window(n_total, means[i], binomial)
        above = np.zeros(weights.size + 1)
        for j in range(weights.size - 1, -1, -1):
            above[j] = above[j + 1] + weights[j]
        for run in range(n_runs):
            total, highest, second, lowest = 0.0, 0.0, 0.0, 1.0
            for d in range(n_directions):
                reached = 0.0
                if wraps[run, d] >= 0:
                    j = min(max(wraps[run, d] - first, 0), weights.size)
                    reached = min(above[j], 1.0)
                total += reached
                lowest = min(lowest, reached)
                second = max(second, min(reached, highest))
                highest = max(highest, reached)
            now[0], now[1], now[2] = total / n_directions, highest, lowest
            now[3] = (highest - second) / n_directions
            for q in range(4):
                out[i, q, 0] += now[q] / n_runs
                out[i, q, 1] += now[q] * now[q] / n_runs
    return out
