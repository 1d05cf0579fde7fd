# type: ignore
"""Energies of all windows of an image against many others, and the sums of their weights, fused while in the cache.

LANES images lie next to each other in memory, images[group, channel, row, column, lane], so that every operation runs
over images and every number is used where it is made. A task (i, u, rows, j, v, columns) compares the windows around
the pixels (i + a, j + b) of x with those around (u + a, v + b) of each image, a < rows, b < columns. The energy of two
pixels, summed over channels, is

    (x - y)^2 / 2   or, with `expanded`,   (y' / 2 - x') y' = (x - y)^2 / 2 - x'^2 / 2,    x' = x - centre,

and that of a window their sum: down the columns, then along the rows, by additions only. The weight of an energy e
relative to the lowest one so far is exp(-rate (e - low)). Where the rounding of e could matter, rate low > limit, the
groups that come near the lowest energy are computed again in float64, window by window, and ties are recognised.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import intrinsic, overload

LANES = 128

OPTIONS = dict(cache=True, nogil=True, _nrt=False, error_model="numpy")
INLINED = dict(OPTIONS, forceinline=True)
SUMS = {"reassoc", "contract", "nsz", "arcp", "nnan"}

LOG2_E = 1 / math.log(2)
SINGLE = tuple(np.float32(c) for c in (1, 0.69314698, 0.24022242, 0.055507336, 0.009671513, 0.0013264727))
"""2^r on [-1/2, 1/2] with a relative error of 9.2e-8 at most, and of 0 at r = 0: the polynomial that is nearest."""

ROUND = np.float32(1.5 * 2**23)
"""Of its sum with a small number float32 keeps the nearest integer, in the last bits."""

DOUBLE = tuple(math.log(2) ** k / math.factorial(k) for k in range(14))


def exp2(t):
    """2^t for -120 < t <= 0 in the precision of t, by a polynomial on [-1/2, 1/2]."""
    return 2.0**t


def exp2_single(t):
    a, b, c, d, e, f = SINGLE
    shifted = t + ROUND
    r = t - (shifted - ROUND)
    value = a + r * (b + r * (c + r * (d + r * (e + r * f))))
    exponent = np.float32(shifted).view(np.int32) << 23
    return np.int32(np.float32(value).view(np.int32) + exponent).view(np.float32)


def exp2_double(t):
    a, b, c, d, e, f, g, h, i, j, k, l, m, n = DOUBLE
    whole = np.floor(t + 0.5)
    r = t - whole
    value = h + r * (i + r * (j + r * (k + r * (l + r * (m + r * n)))))
    value = a + r * (b + r * (c + r * (d + r * (e + r * (f + r * (g + r * value))))))
    return value * np.int64((np.int64(whole) + 1023) << 52).view(np.float64)


@overload(exp2, jit_options={"fastmath": {"contract"}})
def _exp2(t):
    return exp2_single if t == types.float32 else exp2_double


@njit(**INLINED, fastmath={"contract"})
def add_pixels(x, y, centre, expanded, fresh, energy):
    """Add the energies of n pixels x and those of LANES images each, y (n, LANES), to energy (n, LANES); `fresh`: to
    nothing instead of what is there."""
    half, nothing = y.dtype.type(0.5), y.dtype.type(0)
    for b in range(len(x)):
        values, part = y[b], energy[b]
        if expanded:
            point = x[b] - centre
            for l in range(LANES):
                value = values[l] - centre
                part[l] = (nothing if fresh else part[l]) + (half * value - point) * value
        else:
            point = x[b]
            for l in range(LANES):
                difference = point - values[l]
                part[l] = (nothing if fresh else part[l]) + half * difference * difference


@njit(**INLINED)
def pixel_row(x, y, i, u, j, v, circular, expanded, centre, energy):
    """Energies of pixels (i, j + b) of x and (u, v + b) of y for all b, zero outside the image."""
    channels, height, width = x.shape
    row, b = energy.reshape(-1, LANES), 0
    n = len(row)
    if circular:
        i, u = i % height, u % height
    else:
        b = max(0, -j, -v)
        inside = min(n, width - j, width - v) if 0 <= i < height and 0 <= u < height else b
        row[:b], row[inside:] = 0, 0
        n = inside
    while b < n:
        k, w = (j + b) % width, (v + b) % width
        end = min(n, b + width - k, b + width - w)
        for c in range(channels):
            mine, theirs = x[c, i, k : k + end - b], y[c, u, w : w + end - b]
            add_pixels(mine, theirs, centre[c], expanded, c == 0, row[b:end])
        b = end


@njit(**INLINED, fastmath={"contract"})
def add_shifted(source, step, count, out):
    """out[q] = sum over k < count of source[q + k step]; up to seven terms in one pass."""
    n = len(out)
    a, b, c = source[:n], source[step : step + n], source[2 * step : 2 * step + n]
    d, e = source[3 * step : 3 * step + n], source[4 * step : 4 * step + n]
    f, g = source[5 * step : 5 * step + n], source[6 * step : 6 * step + n]
    if count >= 7:
        for q in range(n):
            out[q] = ((a[q] + b[q]) + (c[q] + d[q])) + ((e[q] + f[q]) + g[q])
        k = 7
    elif count >= 5:
        for q in range(n):
            out[q] = ((a[q] + b[q]) + (c[q] + d[q])) + e[q]
        k = 5
    elif count >= 3:
        for q in range(n):
            out[q] = a[q] + b[q] + c[q]
        k = 3
    else:
        for q in range(n):
            out[q] = a[q]
        k = 1
    while k + 4 <= count:
        a, b = source[k * step : k * step + n], source[(k + 1) * step : (k + 1) * step + n]
        c, d = source[(k + 2) * step : (k + 2) * step + n], source[(k + 3) * step : (k + 3) * step + n]
        for q in range(n):
            out[q] += (a[q] + b[q]) + (c[q] + d[q])
        k += 4
    while k < count:
        a = source[k * step : k * step + n]
        for q in range(n):
            out[q] += a[q]
        k += 1


@njit(**INLINED)
def first_and_last(flags):
    """Where the first true flag stands, and behind the last."""
    first, last = 0, len(flags)
    while first < last and not flags[first]:
        first += 1
    while last > first and not flags[last - 1]:
        last -= 1
    return first, last


@njit(**INLINED)
def add_columns(x, y, varied, i, u, j, v, columns, s, radius, circular, expanded, centre, ring, column):
    """Take row s of a task into the ring; from s = radius on, `column` holds the sums down the columns of the windows
    of row s - radius, from the first to the last that varies, which are returned."""
    size, length = 2 * radius + 1, (columns + 2 * radius) * LANES
    place = (s + radius) % size * length
    row = ring[place : place + length]
    pixel_row(x, y, i + s, u + s, j - radius, v - radius, circular, expanded, centre, row)
    if s < radius:
        return 0, 0
    first, last = first_and_last(varied[u + s - radius, v : v + columns])
    if first < last:
        add_shifted(ring[first * LANES :], length, size, column[first * LANES : (last + 2 * radius) * LANES])
    return first, last


@intrinsic
def smaller(typing, a, b):
    """The smaller of two numbers; that their order does not matter lets the compiler take several at once."""

    def code(context, builder, signature, values):
        flags = ("nnan", "nsz")
        return builder.select(builder.fcmp_ordered("<", *values, flags=flags), *values, flags=flags)

    return a(a, a), code


@njit(**INLINED, fastmath=SUMS)
def lowest(energy):
    """The lowest of LANES energies; a loop of known length would be written out number by number."""
    low = energy[0]
    for l in range(len(energy)):
        low = smaller(low, energy[l])
    return low


@njit(**INLINED, fastmath=SUMS)
def add_along(column, size, energy):
    """energy[l] = sum over k < size of column[k LANES + l], and the lowest of them."""
    low, n = energy.dtype.type(np.inf), LANES
    if size == 3:
        for l in range(LANES):
            energy[l] = column[l] + column[n + l] + column[2 * n + l]
            low = smaller(low, energy[l])
    elif size == 5:
        for l in range(LANES):
            front, back = column[l] + column[n + l], column[2 * n + l] + column[3 * n + l]
            energy[l] = (front + back) + column[4 * n + l]
            low = smaller(low, energy[l])
    elif size == 7:
        for l in range(LANES):
            front, back = column[l] + column[n + l], column[2 * n + l] + column[3 * n + l]
            rest = (column[4 * n + l] + column[5 * n + l]) + column[6 * n + l]
            energy[l] = (front + back) + rest
            low = smaller(low, energy[l])
    else:
        add_shifted(column, LANES, size, energy)
        low = lowest(energy)
    return low


@njit(**INLINED, fastmath=SUMS)
def weigh(energy, low, rate, values, origin, weight):
    """The weights 2^(-rate (e - low)), their sum, and that of the weights times (values - origin)."""
    total = moment = energy.dtype.type(0)
    floor = energy.dtype.type(-100)
    for l in range(LANES):
        t = (low - energy[l]) * rate
        t = t if t > floor else floor
        value = exp2(t)
        weight[l] = value
        total += value
        moment += value * (values[l] - origin)
    return total, moment


@njit(**INLINED, fastmath=SUMS)
def moment_of(weight, values, origin):
    """sum weight (values - origin)."""
    total = weight.dtype.type(0)
    for l in range(LANES):
        total += weight[l] * (values[l] - origin)
    return total


@njit(**OPTIONS)
def exact_energies(x, y, i, u, j, v, radius, circular, exact):
    """Energies in float64 of the window of x around (i, j) and those of y around (u, v)."""
    channels, height, width = x.shape
    exact[:] = 0
    for a in range(-radius, radius + 1):
        i_a, u_a = i + a, u + a
        if circular:
            i_a, u_a = i_a % height, u_a % height
        elif not (0 <= i_a < height and 0 <= u_a < height):
            continue
        for b in range(-radius, radius + 1):
            j_b, v_b = j + b, v + b
            if circular:
                j_b, v_b = j_b % width, v_b % width
            elif not (0 <= j_b < width and 0 <= v_b < width):
                continue
            for c in range(channels):
                point, values = x[c, i_a, j_b], y[c, u_a, v_b]
                for l in range(len(exact)):
                    difference = point - np.float64(values[l])
                    exact[l] += 0.5 * difference * difference


@njit(**OPTIONS)
def refer_to(y, u, v, lane, factor, i, j, total, moment, origin):
    """Rescale the sums of the window around (i, j), the moment being taken relative to the pixel of image `lane`."""
    for c in range(len(moment)):
        value = np.float64(y[c, u, v, lane])
        if total[i, j] > 0:
            moment[c, i, j] = factor * (moment[c, i, j] + total[i, j] * (origin[c, i, j] - value))
        origin[c, i, j] = value
    total[i, j] *= factor


@njit(**OPTIONS)
def add_exact(exact, valid, share, y, u, v, rate, norm, low, total, moment, origin, i, j):
    """Merge the sums of exact energies, ties averaged, into those of the window around (i, j); each counts `share`."""
    least, nearest = low[i, j], -1
    for l in range(valid):
        if exact[l] < least:
            least, nearest = exact[l], l
    width = 8 * 2.0**-52 * (least + norm * math.sqrt(least))
    gap = low[i, j] - least
    if gap > width:
        factor = math.exp(-gap * rate) if total[i, j] > 0 else 0.0
        refer_to(y, u, v, nearest, factor, i, j, total, moment, origin)
    low[i, j] = least
    for l in range(valid):
        gap = exact[l] - least
        weight = share * (math.exp(-gap * rate) if gap > width else 1.0)
        if weight > 0:
            total[i, j] += weight
            for c in range(len(moment)):
                moment[c, i, j] += weight * (np.float64(y[c, u, v, l]) - origin[c, i, j])


@njit(**OPTIONS)
def add_usual(usual, often, tasks, radius, circular, points, rates, norms, lows, totals, moments, origins, exact):
    """Add the windows of one image (c, h, w, 1), `often` of each (h, w), to the sums of all points, in float64."""
    for p in range(len(points)):
        for task in range(len(tasks)):
            i0, u0, rows, j0, v0, columns = tasks[task]
            for a in range(rows):
                for b in range(columns):
                    i, u, j, v = i0 + a, u0 + a, j0 + b, v0 + b
                    if often[u, v] > 0:
                        exact_energies(points[p], usual, i, u, j, v, radius, circular, exact)
                        add_exact(
                            exact, 1, often[u, v], usual, u, v, rates[p], norms[p], lows[p], totals[p], moments[p],
                            origins[p], i, j,
                        )  # fmt: skip


@njit(**OPTIONS)
def cropped(task, box):
    """The part of a task whose windows of the images lie in a box of (first row, end, first column, end)."""
    i, u, rows, j, v, columns = task
    first, end = max(u, box[0]), min(u + rows, box[1])
    left, right = max(v, box[2]), min(v + columns, box[3])
    return i + first - u, first, end - first, j + left - v, left, right - left


@njit(**OPTIONS)
def box_of(varied):
    """The smallest box of (first row, end, first column, end) that holds all windows that vary."""
    height, width = varied.shape
    top, bottom, left, right = height, 0, width, 0
    for i in range(height):
        first, last = first_and_last(varied[i])
        if first < last:
            top, bottom, left, right = min(top, i), i + 1, min(left, first), max(right, last)
    return top, bottom, left, right


@njit(**OPTIONS)
def add_windows(
    images, varied, n, tasks, radius, circular, centre, window, limit,
    points, exact_points, rates, norms, expanded, lows, totals, moments, origins, ring, column, energies, weight, exact,
):  # fmt: skip
    """Add the windows of `images`, n of them, to the sums of those of `points`, batch by batch and task by task.

    Windows that are not `varied` are left out. What belongs to a point stands in the second line of arguments up to its
    sums; the rest is work space. The moments are relative to the origins, which are pixels of the nearest image, so
    that rounding is small next to their spread.
    """
    kind, size = images.dtype.type, 2 * radius + 1
    energy = energies[:LANES]
    for g in range(len(images)):
        y, valid, box = images[g], min(LANES, n - g * LANES), box_of(varied[g])
        for p in range(len(points)):
            x, rate, low, total = points[p], rates[p], lows[p], totals[p]
            moment, origin = moments[p], origins[p]
            binary_rate = kind(rate * LOG2_E)
            for task in range(len(tasks)):
                i0, u0, rows, j0, v0, columns = cropped(tasks[task], box)
                if rows <= 0 or columns <= 0:
                    continue
                for s in range(-radius, rows + radius):
                    first, last = add_columns(
                        x, y, varied[g], i0, u0, j0, v0, columns, s, radius, circular, expanded[p], centre, ring, column
                    )  # fmt: skip
                    i, u = i0 + s - radius, u0 + s - radius
                    for b in range(first, last):
                        j, v = j0 + b, v0 + b
                        if not varied[g, u, v]:
                            continue
                        least = np.float64(add_along(column[b * LANES : (b + size) * LANES], size, energy))
                        if valid < LANES:
                            energy[valid:] = np.inf
                            least = np.float64(lowest(energy))
                        if not min(least, low[i, j]) * rate <= limit:
                            if not least > low[i, j] + window / rate + 1e-5 * (least + low[i, j]):
                                exact_energies(exact_points[p], y, i, u, j, v, radius, circular, exact)
                                add_exact(exact, valid, 1.0, y, u, v, rate, norms[p], low, total, moment, origin, i, j)
                            continue
                        if least < low[i, j]:
                            factor = math.exp(-(low[i, j] - least) * rate) if total[i, j] > 0 else 0.0
                            refer_to(y, u, v, np.argmin(energy), factor, i, j, total, moment, origin)
                            low[i, j] = least
                        if (least - low[i, j]) * rate > window:
                            continue
                        sums = weigh(energy, kind(low[i, j]), binary_rate, y[0, u, v], kind(origin[0, i, j]), weight)
                        total[i, j] += sums[0]
                        moment[0, i, j] += sums[1]
                        for c in range(1, len(moment)):
                            moment[c, i, j] += moment_of(weight, y[c, u, v], kind(origin[c, i, j]))
