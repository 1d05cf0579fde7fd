# type: ignore
"""Overlapping disks and spheres of diameter 1 in a periodic box: who touches whom, found through a list of cells."""

import numpy as np

from ..._support.compiled import compiled
from ._kernels import OPTIONS, splitmix


@compiled(**OPTIONS)
def place(seed, size, dimension, positions):
    """Independent uniform positions, object after object; coordinates beyond `dimension` are 0."""
    state = seed
    for i in range(positions.shape[0]):
        for a in range(3):
            if a < dimension:
                state += np.uint64(0x9E3779B97F4A7C15)
                positions[i, a] = (splitmix(state) >> np.uint64(11)) * (size / 2.0**53)
            else:
                positions[i, a] = 0.0


@compiled(**OPTIONS)
def sort_by_cell(positions, size, cells, start, sorted_positions, owner):
    """Counting sort of the objects by cell; cell c holds the places `start[c]` to `start[c + 1]` afterwards."""
    n = positions.shape[0]
    start[:] = 0
    for phase in range(2):
        for i in range(n - 1, -1, -1) if phase else range(n):
            c = 0
            for a in range(2, -1, -1):
                x = np.int64(positions[i, a] * (cells[a] / size))
                c = c * cells[a] + min(x, cells[a] - 1)
            if phase == 0:
                start[c] += 1
            else:
                start[c] -= 1
                k = start[c]
                owner[k] = i
                for a in range(3):
                    sorted_positions[k, a] = positions[i, a]
        if phase == 0:
            for c in range(1, start.size):
                start[c] += start[c - 1]


@compiled(**OPTIONS, forceinline=True)
def wrapped(x, side):
    """Coordinate of a cell inside the box, and how often the box was left."""
    if x >= side:
        return x - side, 1
    if x < 0:
        return x + side, -1
    return x, 0


@compiled(**OPTIONS)
def touching(positions, owner, start, size, cells, half, bits, later, earlier, seams):
    """Pairs closer than 1, each once: the later object, the earlier one, the seams crossed on the way to it.

    Every cell is compared with itself and with the `half` of its neighbours that come after it. Returns the number of
    pairs, or minus the room that is needed where the arrays are too short.
    """
    room, n_pairs, cell = later.size, 0, -1
    for z in range(cells[2]):
        for y in range(cells[1]):
            for x in range(cells[0]):
                cell += 1
                begin, end = start[cell], start[cell + 1]
                if begin == end:
                    continue
                for h in range(half.shape[0]):
                    there_x, turn_x = wrapped(x + half[h, 0], cells[0])
                    there_y, turn_y = wrapped(y + half[h, 1], cells[1])
                    there_z, turn_z = wrapped(z + half[h, 2], cells[2])
                    other = there_x + cells[0] * (there_y + cells[1] * there_z)
                    seam = turn_x + (turn_y << bits) + (turn_z << (2 * bits))
                    low, high = start[other], start[other + 1]
                    needed = n_pairs + (end - begin) * (high - low)
                    if needed > room:
                        return -needed
                    for i in range(begin, end):
                        at_x = positions[i, 0] - turn_x * size
                        at_y = positions[i, 1] - turn_y * size
                        at_z = positions[i, 2] - turn_z * size
                        u = owner[i]
                        for j in range(i + 1 if h == 0 else low, high):
                            dx, dy, dz = positions[j, 0] - at_x, positions[j, 1] - at_y, positions[j, 2] - at_z
                            v = owner[j]
                            later[n_pairs] = max(u, v)
                            earlier[n_pairs] = min(u, v)
                            seams[n_pairs] = seam if u > v else -seam
                            n_pairs += dx * dx + dy * dy + dz * dz < 1.0
    return n_pairs


@compiled(**OPTIONS)
def table_of_pairs(later, earlier, pair_seams, first, jumps, seams):
    """The pairs as the table of bonds that `grow` reads: object i has its earlier neighbours as entries."""
    first[:] = 0
    for k in range(later.size):
        first[later[k]] += 1
    for i in range(1, first.size):
        first[i] += first[i - 1]
    for k in range(later.size - 1, -1, -1):
        first[later[k]] -= 1
        place = first[later[k]]
        jumps[place] = earlier[k] - later[k]
        seams[place] = pair_seams[k]
