"""One held-out image at several noise levels, denoised by the network and by every theory, with a slider over them."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
import xarray as xr


def has_pictures(result: xr.Dataset) -> bool:
    """Whether there is an example, and it is an image: channels, height, width."""
    return "example" in result and result.example.ndim == 5


def denoised_pictures(result: xr.Dataset, number: int = 0) -> str:
    """A strip of pictures for each noise level; without a script, and on paper, all of them are shown."""
    levels = result.example_sigma.values
    strips = []
    for row, sigma in enumerate(levels):
        pictures = "".join(
            f'<figure><img alt="{escape(str(panel))} at sigma {sigma:.2g}" src="{picture(image)}">'
            f"<figcaption>{escape(str(panel))}</figcaption></figure>"
            for panel, image in zip(result.panel.values, result.example.isel(example_sigma=row).values, strict=True)
        )
        strips.append(
            f'<div class="level"><p class="note">sigma = {sigma:.2g}</p><div class="strip">{pictures}</div></div>'
        )
    label = f"slider-{number}"
    control = (
        f'<p class="control" hidden><label for="{label}">noise level, from the lowest to the highest: </label>'
        f'<input id="{label}" type="range" min="0" max="{len(levels) - 1}" step="1" value="{len(levels) // 2}"></p>'
    )
    return f'<div class="pictures">{control}{"".join(strips)}</div>'


def picture(image: np.ndarray) -> str:
    """An image `(channels, height, width)` in [-1, 1], clipped, as the address of a PNG in the page itself."""
    import matplotlib.image

    shown = np.clip((np.moveaxis(image, 0, -1) + 1) / 2, 0, 1)
    shown = shown if shown.shape[-1] in (3, 4) else shown.mean(-1)
    buffer = io.BytesIO()
    matplotlib.image.imsave(buffer, shown, format="png", vmin=0, vmax=1, cmap="gray" if shown.ndim == 2 else None)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
