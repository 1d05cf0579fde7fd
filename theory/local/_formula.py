"""The formulas of the local optima as the papers write them, in loops: what `LocalDenoiser.reference` computes."""

from __future__ import annotations

from itertools import product

import torch


def _softmax_mean(query: torch.Tensor, patches: torch.Tensor, values: torch.Tensor, sigma: float) -> torch.Tensor:
    """sum_y softmax_y(-|query - y|^2 / 2 sigma^2) value(y)."""
    squares = ((query - patches) ** 2).flatten(1).sum(1)
    return torch.einsum("n,n...->...", torch.softmax(-squares / (2 * sigma**2), 0), values)


def _patch(image: torch.Tensor, i: int, j: int, size: int, padding: str) -> dict[tuple[int, int], torch.Tensor]:
    """{offset: pixel} around (i, j); the offsets that exist tell how the border cuts the patch."""
    _, height, width = image.shape
    around = list(product(range(-(size // 2), size // 2 + 1), repeat=2))
    if padding == "circular":
        return {(a, b): image[:, (i + a) % height, (j + b) % width] for a, b in around}
    return {(a, b): image[:, i + a, j + b] for a, b in around if 0 <= i + a < height and 0 <= j + b < width}


def centres(
    data: torch.Tensor, x: torch.Tensor, sigma: float, size: int, equivariant: bool, padding: str
) -> torch.Tensor:
    """D(x)[p] = sum_y softmax_y(-|x_p - y|^2 / 2 sigma^2) centre(y), y the patches that the border cuts like x_p."""
    pixels = list(product(range(x.shape[1]), range(x.shape[2])))
    result = torch.zeros_like(x)
    for i, j in pixels:
        query = _patch(x, i, j, size, padding)
        sources = [(y, u, v) for y in data for u, v in (pixels if equivariant else [(i, j)])]
        patches = [(_patch(y, u, v, size, padding), y[:, u, v]) for y, u, v in sources]
        alike = [(torch.stack(list(p.values())), centre) for p, centre in patches if p.keys() == query.keys()]
        seen, values = (torch.stack(part) for part in zip(*alike, strict=True))
        result[:, i, j] = _softmax_mean(torch.stack(list(query.values())), seen, values, sigma)
    return result


def averages(data: torch.Tensor, x: torch.Tensor, sigma: float, size: int, equivariant: bool) -> torch.Tensor:
    """D(x) = (sum_C C^T C)^-1 sum_C C^T E[x_C | z_C] over the crops C inside the image."""
    corners = list(product(range(x.shape[1] - size + 1), range(x.shape[2] - size + 1)))
    total, count = torch.zeros_like(x), torch.zeros_like(x)
    for i, j in corners:
        here = (slice(None), slice(i, i + size), slice(j, j + size))
        sources = corners if equivariant else [(i, j)]
        crops = torch.stack([y[:, u : u + size, v : v + size] for y in data for u, v in sources])
        total[here] += _softmax_mean(x[here], crops, crops, sigma)
        count[here] += 1
    return total / count
