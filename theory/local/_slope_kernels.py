# type: ignore
"""Products with the Jacobian of the posterior means of windows, fused like the means themselves (`_kernels`).

With the weights w_pi of the images i in the window of pixel p, their mean D_p and energies E_pi = sum over the pixels q
of the window of (x_q - y_qi)^2 / 2, for any number a_q that is the same for all images,

    backward    c_pi = w_pi g_p.(y_pi - D_p)
                dL/dx_q = 1/sigma^2 sum_i (y_qi - a_q) sum_{p: q in its window} c_pi
                dL/dsigma = 2/sigma sum_pi c_pi E_pi / sigma^2
                dL/dy_qi = w_qi g_q + 1/sigma^2 (x_q - y_qi) sum_{p: q in its window} c_pi
    forward     e_pi = sum_{q in the window of p} v_q (a_q - y_qi) - (x_q - y_qi) dy_qi
                dD_p = sum_i w_pi dy_pi + w_pi (y_pi - D_p) (-e_pi / sigma^2 + 2 E_pi / sigma^2 dsigma / sigma)

since sum_i c_pi = sum_i w_pi (y_pi - D_p) = 0. Here a = D, and E is taken relative to the lowest energy. LANES images
lie next to each other. Sums over windows go down the columns and along the rows, the rows being kept in a ring; rows
and columns in which no image carries weight are passed over. What belongs to the images, dL/dy and dy, is packed like
them; without any group it is left out. At sigma = 0 the terms with 1/sigma^2 are, as the weights are constant.
"""

import math

import numpy as np
from numba import njit

from ._kernels import (
    INLINED,
    LANES,
    LOG2_E,
    OPTIONS,
    SUMS,
    add_columns,
    add_shifted,
    exact_energies,
    exp2,
    lowest,
    moment_of,
)

LEFT_OUT, ALIKE, SEVERAL, EXACT = 0, 1, 2, 3


@njit(**INLINED)
def alike_energies(ring, length, size, first, last, column, energies):
    """The first lane of the windows before `first` and from `last` on, the columns of the others being there."""
    columns, ahead, n = len(energies) // LANES, first, last + size - 1
    if first == last:
        ahead, n = length // LANES, length // LANES
    for b in range(length // LANES):
        if b < ahead or b >= n:
            total = ring[b * LANES]
            for k in range(1, size):
                total += ring[k * length + b * LANES]
            column[b * LANES] = total
    for b in range(columns):
        if b < first or b >= last:
            total = column[b * LANES]
            for k in range(1, size):
                total += column[(b + k) * LANES]
            energies[b * LANES] = total


@njit(**INLINED)
def add_row(
    x, y, varied, i, u, j, v, columns, s, radius, circular, expanded, centre, ring, column, energies
):  # fmt: skip
    """Take row s of a task into the ring; from s = radius on, `energies` are those of its windows of row s - radius.

    Before the first and behind the last of these that varies, all LANES are alike and only the first is computed.
    """
    first, last = add_columns(
        x, y, varied, i, u, j, v, columns, s, radius, circular, expanded, centre, ring, column
    )  # fmt: skip
    if first < last:
        add_shifted(column[first * LANES :], LANES, 2 * radius + 1, energies[first * LANES : last * LANES])
    if s >= radius and last - first < columns:
        length, few = (columns + 2 * radius) * LANES, energies[: columns * LANES]
        alike_energies(ring, length, 2 * radius + 1, first, last, column, few)


@njit(**OPTIONS)
def kind_of(energy, several, low, rate, valid, window, limit):
    """How a group of images is weighed in a window: not at all, as one image, as several, or by exact energies."""
    if valid < LANES:
        energy[valid:] = np.inf
    least = np.float64(lowest(energy) if several else energy[0])
    if not min(least, low) * rate <= limit:
        return LEFT_OUT if least > low + window / rate + 1e-5 * (least + low) else EXACT
    if (least - low) * rate > window:
        return LEFT_OUT
    return SEVERAL if several else ALIKE


@njit(**OPTIONS, fastmath=SUMS)
def weigh_several(energy, low, rate, scale, weight, gap):
    """weight = scale exp(-gap), gap = rate (e - low), and 0 where the gap is too large for single precision."""
    floor, binary, natural = energy.dtype.type(-100), energy.dtype.type(LOG2_E), energy.dtype.type(-1 / LOG2_E)
    rate = rate * binary
    for l in range(LANES):
        t = (low - energy[l]) * rate
        t = t if t > floor else floor
        weight[l] = scale * exp2(t) if t > floor else energy.dtype.type(0)
        gap[l] = natural * t


@njit(**OPTIONS)
def weigh_alike(energy, low, rate, scale, valid, weight, gap):
    """All have the energy of the first."""
    gap[:] = (np.float64(energy[0]) - low) * rate
    weight[:valid] = scale * math.exp(-np.float64(gap[0]))
    weight[valid:] = 0


@njit(**OPTIONS)
def weigh_exact(exact, low, rate, scale, norm, valid, window, weight, gap):
    """From energies in float64; ties are no gap."""
    weight[:], gap[:] = 0, 0
    width = 8 * 2.0**-52 * (low + norm * math.sqrt(low))
    for l in range(valid):
        over = exact[l] - low
        t = over * rate if over > width else 0.0
        if t <= window:
            gap[l], weight[l] = t, scale * math.exp(-t)


@njit(**OPTIONS)
def weigh_group(
    kind, energy, x, y, i, u, j, v, radius, circular, low, rate, scale, norm, valid, window, exact, weight, gap
):
    """Normalised weights of LANES images in the window around (i, j), and the logarithms of 1 / weight over the
    largest weight."""
    number = energy.dtype.type
    if kind == SEVERAL:
        weigh_several(energy, number(low), number(rate), number(scale), weight, gap)
        if valid < LANES:
            weight[valid:], gap[valid:] = 0, 0
    elif kind == ALIKE:
        weigh_alike(energy, low, rate, scale, valid, weight, gap)
    else:
        exact_energies(x, y, i, u, j, v, radius, circular, exact)
        weigh_exact(exact, low, rate, scale, norm, valid, window, weight, gap)


@njit(**OPTIONS, fastmath={"contract"})
def add_scaled(factor, values, mean, out):
    """out += factor (values - mean)."""
    for l in range(LANES):
        out[l] += factor * (values[l] - mean)


@njit(**OPTIONS, fastmath={"contract"})
def add_product(factor, weight, values, origin, out):
    """out += factor weight (values - origin)."""
    for l in range(LANES):
        out[l] += factor * weight[l] * (values[l] - origin)


@njit(**OPTIONS, fastmath=SUMS)
def couple(weight, gap, out):
    """out = weight out, and the sum of gap out."""
    total = weight.dtype.type(0)
    for l in range(LANES):
        out[l] *= weight[l]
        total += gap[l] * out[l]
    return total


@njit(**OPTIONS, fastmath=SUMS)
def tilt_weights(weight, gap, growth, slope):
    """weight = weight (growth gap - slope), and its sum."""
    total = weight.dtype.type(0)
    for l in range(LANES):
        weight[l] *= growth * gap[l] - slope[l]
        total += weight[l]
    return total


@njit(**OPTIONS)
def add_pulled_row(spread, x, y, i, u, j, v, circular, mean, steep, gradient, change):
    """Add sum_l spread (y - mean) to the gradients of the pixels (i, j + b), those of y being (u, v + b), and
    steep spread (x - y) to the gradients of the latter."""
    channels, height, width = mean.shape
    if circular:
        i, u = i % height, u % height
    elif not (0 <= i < height and 0 <= u < height):
        return
    for b in range(len(spread) // LANES):
        k, w = j + b, v + b
        if circular:
            k, w = k % width, w % width
        elif not (0 <= k < width and 0 <= w < width):
            continue
        for c in range(channels):
            part = spread[b * LANES : (b + 1) * LANES]
            gradient[c, i, k] += moment_of(part, y[c, u, w], mean[c, i, k])
            for out in change:
                add_product(-steep, part, y[c, u, w], x[c, i, k], out[c, u, w])


@njit(**OPTIONS)
def pull_windows(
    images, varied, n, tasks, radius, circular, centre, window, limit,
    points, exact_points, rates, norms, expanded, lows, scales, means, rests, cotangents, slopes, gradients, changes,
    ring, column, energies, weight, gap, couplings, wide, spread, exact,
):  # fmt: skip
    """Add sigma^2 dL/dx to `gradients`, sum_i c_pi E_pi / sigma^2 to `slopes`, up to what sums to nothing, and dL/dy to
    `changes`.

    Arguments as for `add_windows`; lowest energies, factors of the weights, means, g.(mean rounded - mean), and g.
    """
    kind, size, channels = images.dtype.type, 2 * radius + 1, images.shape[1]
    for g in range(len(images)):
        y, valid, change = images[g], min(LANES, n - g * LANES), changes[g : g + 1]
        for p in range(len(points)):
            x, mean, rate, low, scale = points[p], means[p], rates[p], lows[p], scales[p]
            if not (rate < np.inf or len(change)):
                continue
            steep = kind(rate) if rate < np.inf else kind(0)
            for task in range(len(tasks)):
                i0, u0, rows, j0, v0, columns = tasks[task]
                length = columns * LANES
                couplings[: size * length] = 0
                begin, end, last = columns, 0, -1
                for s in range(-radius, rows + 3 * radius):
                    if s < rows + radius:
                        add_row(
                            x, y, varied[g], i0, u0, j0, v0, columns, s, radius, circular, expanded[p], centre, ring,
                            column, energies,
                        )  # fmt: skip
                    if s < radius:
                        continue
                    i, u = i0 + s - radius, u0 + s - radius
                    place = (s - radius) % size * length
                    if begin < end:
                        couplings[place : place + length] = 0
                    for b in range(columns if s < rows + radius else 0):
                        j, v = j0 + b, v0 + b
                        energy = energies[b * LANES : (b + 1) * LANES]
                        how = kind_of(energy, varied[g, u, v], low[i, j], rate, valid, window, limit)
                        if how == LEFT_OUT:
                            continue
                        weigh_group(
                            how, energy, exact_points[p], y, i, u, j, v, radius, circular, low[i, j], rate, scale[i, j],
                            norms[p], valid, window, exact, weight, gap,
                        )  # fmt: skip
                        coupling = couplings[place + b * LANES : place + (b + 1) * LANES]
                        coupling[:] = rests[p, i, j]
                        for c in range(channels):
                            add_scaled(cotangents[p, c, i, j], y[c, u, v], mean[c, i, j], coupling)
                            for out in change:
                                add_scaled(cotangents[p, c, i, j], weight, kind(0), out[c, u, v])
                        slopes[p, i, j] += couple(weight, gap, coupling)
                        begin, end, last = min(begin, b), max(end, b + 1), s
                    if begin >= end:
                        continue
                    if s > last + 2 * radius:
                        begin, end = columns, 0
                        continue
                    count = end - begin
                    wide[: (count + 4 * radius) * LANES] = kind(0)
                    middle = wide[2 * radius * LANES : (2 * radius + count) * LANES]
                    add_shifted(couplings[begin * LANES :], length, size, middle)
                    several = spread[: (count + 2 * radius) * LANES]
                    add_shifted(wide, LANES, size, several)
                    first = begin - radius
                    add_pulled_row(
                        several, x, y, i - radius, u - radius, j0 + first, v0 + first, circular, mean, steep,
                        gradients[p], change,
                    )  # fmt: skip


@njit(**OPTIONS)
def tangent_row(mean, tangent, x, y, drift, i, u, j, v, circular, out):
    """v (mean - y) - (x - y) dy of the pixels (i, j + b) and (u, v + b) for all b, summed over channels, zero outside
    the image."""
    kind = out.dtype.type
    channels, height, width = mean.shape
    out[:] = 0
    if circular:
        i, u = i % height, u % height
    elif not (0 <= i < height and 0 <= u < height):
        return
    for b in range(len(out) // LANES):
        k, w = j + b, v + b
        if circular:
            k, w = k % width, w % width
        elif not (0 <= k < width and 0 <= w < width):
            continue
        for c in range(channels):
            part = out[b * LANES : (b + 1) * LANES]
            add_scaled(-tangent[c, i, k], y[c, u, w], mean[c, i, k], part)
            for dy in drift:
                add_product(kind(1), dy[c, u, w], y[c, u, w], x[c, i, k], part)


@njit(**OPTIONS)
def push_windows(
    images, varied, n, tasks, radius, circular, centre, window, limit,
    points, exact_points, rates, norms, expanded, lows, scales, means, tangents, growths, tilts, moments, moved, drifts,
    ring, column, energies, weight, gap, held, wide, slope, exact,
):  # fmt: skip
    """Add sigma^2 dD_p to `moments` and the same sums with 1 instead of y_pi - D_p to `tilts`, but sum_i w_pi dy_pi to
    `moved`.

    Arguments as for `pull_windows`; the tangents v of the points, 2 sigma dsigma, and the tangents dy of the images.
    """
    kind, size, channels = images.dtype.type, 2 * radius + 1, images.shape[1]
    for g in range(len(images)):
        y, valid, drift = images[g], min(LANES, n - g * LANES), drifts[g : g + 1]
        for p in range(len(points)):
            x, mean, rate, low, scale = points[p], means[p], rates[p], lows[p], scales[p]
            if not (rate < np.inf or len(drift)):
                continue
            growth = kind(growths[p])
            for task in range(len(tasks)):
                i0, u0, rows, j0, v0, columns = tasks[task]
                length = (columns + 2 * radius) * LANES
                known = -radius
                for s in range(-radius, rows + radius):
                    add_row(
                        x, y, varied[g], i0, u0, j0, v0, columns, s, radius, circular, expanded[p], centre, ring,
                        column, energies,
                    )  # fmt: skip
                    if s < radius:
                        continue
                    t = s - radius
                    i, u = i0 + t, u0 + t
                    summed = False
                    for b in range(columns):
                        j, v = j0 + b, v0 + b
                        energy = energies[b * LANES : (b + 1) * LANES]
                        how = kind_of(energy, varied[g, u, v], low[i, j], rate, valid, window, limit)
                        if how == LEFT_OUT:
                            continue
                        if not summed:
                            for row in range(max(known, t - radius), t + radius + 1):
                                place = (row + radius) % size * length
                                tangent_row(
                                    mean, tangents[p], x, y, drift, i0 + row, u0 + row, j0 - radius, v0 - radius,
                                    circular, held[place : place + length],
                                )  # fmt: skip
                            known, summed = t + radius + 1, True
                            add_shifted(held, length, size, wide[:length])
                            add_shifted(wide, LANES, size, slope[: columns * LANES])
                        weigh_group(
                            how, energy, exact_points[p], y, i, u, j, v, radius, circular, low[i, j], rate, scale[i, j],
                            norms[p], valid, window, exact, weight, gap,
                        )  # fmt: skip
                        for dy in drift:
                            for c in range(channels):
                                moved[p, c, i, j] += moment_of(weight, dy[c, u, v], kind(0))
                        tilts[p, i, j] += tilt_weights(weight, gap, growth, slope[b * LANES : (b + 1) * LANES])
                        for c in range(channels):
                            moments[p, c, i, j] += moment_of(weight, y[c, u, v], mean[c, i, j])
