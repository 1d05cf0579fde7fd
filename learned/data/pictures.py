"""Encoded pictures as arrays: upright, all of their pages, in 8 or 16 bits, in one mode."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataFileError, IdealScoreError
from .readers import Reading, optional

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
"""What a picture may be, whatever its name says: other formats of the library call other programs."""
PAGED = ("PNG", "GIF", "WEBP", "TIFF")
GRAY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
ALPHA = ("LA", "La", "RGBA", "RGBa", "PA")
NAMES = {
    "L": "gray",
    "LA": "gray with alpha",
    "1": "black and white",
    "P": "palette",
    "PA": "palette",
    "F": "float gray",
}
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as the library's own conversion to gray

Source = bytes | Path


@dataclass(frozen=True)
class Header:
    """What a picture says of itself: (height, width) upright, pages, mode, type of the numbers, transparency."""

    size: tuple[int, int]
    pages: int
    mode: str
    dtype: np.dtype
    alpha: bool

    @property
    def gray(self) -> bool:
        """Whether it has no colours."""
        return self.mode in GRAY

    def __str__(self) -> str:
        name = NAMES.get(self.mode, "gray" if self.gray else self.mode)
        return name if self.dtype == np.uint8 or self.mode == "F" else f"{name} of {8 * self.dtype.itemsize} bits"


@contextmanager
def _opened(source: Source, what: str) -> Iterator[Any]:
    """The picture, not yet decoded; whatever the library says about a broken one becomes a DataFileError."""
    image = optional("PIL.Image", "pillow", "images")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, which are measured here, and of odd metadata
            with image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as opened:
                yield opened
    except IdealScoreError:
        raise
    except Exception as error:
        problem, remedy = (
            f"{what} is not a readable image ({type(error).__name__})",
            "replace it, or go on: --on-error skip",
        )
        raise DataFileError("data", problem, remedy) from error


def _raw_mode(opened: Any) -> str:
    """How the first tile is packed, such as "RGB;16B"."""
    arguments = opened.tile[0][3] if opened.tile else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _dtype(opened: Any, what: str) -> np.dtype:
    packed = _raw_mode(opened)
    if opened.mode.startswith("I;16") or (opened.mode == "I" and opened.format == "PNG"):
        return np.dtype(np.uint16)
    if opened.mode in ("I", "F"):
        return np.dtype(np.int32 if opened.mode == "I" else np.float32)
    if ";16" in packed and opened.mode in ("RGB", "RGBA") and not packed.startswith("LA"):
        return np.dtype(np.uint16)
    if ";16" in packed:
        raise DataFileError("data", f"{what} has {opened.mode} pixels of 16 bits", "convert it to RGB")
    return np.dtype(np.uint8)


def peek(source: Source, what: str, reading: Reading) -> Header:
    """The header of a picture; its declared size is held against the limit."""
    with _opened(source, what) as opened:
        width, height = opened.size
        if opened.format == "TIFF":  # whose size some versions of the library turn, and others do not
            width, height = int(opened.tag_v2[256]), int(opened.tag_v2[257])
        reading.fits((width, height, len(opened.getbands())))
        dtype = _dtype(opened, what)
        late = opened.format == "PNG" and "exif" not in opened.info  # asking would decode it
        turned = not late and opened.getexif().get(ORIENTATION) in TURNED
        pages = int(getattr(opened, "n_frames", 1)) if opened.format in PAGED else 1
        size = (width, height) if turned else (height, width)
        return Header(size, pages, opened.mode, dtype, has_alpha(opened))


def pixels(source: Source, what: str, colour: str, reading: Reading) -> Iterator[np.ndarray]:
    """Every page as (c, h, w), brought to "gray", "rgb" or "rgba"."""
    with _opened(source, what) as opened, _opened(source, what) as twin:
        for page in range(int(getattr(opened, "n_frames", 1)) if opened.format in PAGED else 1):
            for image in (opened, twin):
                if page:
                    image.seek(page)
            dtype = _dtype(opened, what)
            if dtype == np.uint8:
                array = _eight_bits(opened, colour, reading.alpha)
            else:
                array = _recoloured(_deep(opened, twin, dtype), colour, reading.alpha)
            yield array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def has_alpha(image: Any) -> bool:
    """Whether a picture says how transparent its pixels are."""
    return image.mode in ALPHA or "transparency" in image.info


def as_decoded(image: Any, reading: Reading) -> np.ndarray:
    """A picture that is decoded already, gray (h, w) or (h, w, c), in the mode and with the transparency asked for."""
    dtype = {"F": np.float32, "I": np.int32}.get(image.mode, np.uint16 if image.mode.startswith("I;16") else np.uint8)
    colour = reading.mode if reading.mode != "auto" else "gray" if image.mode in GRAY else "rgb"
    colour = "rgba" if reading.alpha == "keep" and has_alpha(image) else colour
    if dtype == np.uint8:
        return _eight_bits(image, colour, reading.alpha)
    return _recoloured(np.asarray(_upright(image)).astype(dtype), colour, reading.alpha)


def _upright(image: Any) -> Any:
    return optional("PIL.ImageOps", "pillow", "images").exif_transpose(image)


def _eight_bits(opened: Any, colour: str, alpha: str) -> np.ndarray:
    """By the library: (h, w) or (h, w, c), uint8."""
    image = _upright(opened)
    if alpha in ("white", "black") and has_alpha(image):
        module = optional("PIL.Image", "pillow", "images")
        ground = module.new("RGBA", image.size, alpha)
        image = module.alpha_composite(ground, image.convert("RGBA"))
    if colour != "gray" and image.mode in ("P", "LAB"):
        image = image.convert("RGBA" if colour == "rgba" else "RGB")
    return np.asarray(image.convert({"gray": "L", "rgb": "RGB", "rgba": "RGBA"}[colour]))


def _deep(opened: Any, twin: Any, dtype: np.dtype) -> np.ndarray:
    """More than 8 bits. The library gives the high byte of 16-bit colours; read as the other byte order, the low."""
    packed = _raw_mode(opened)
    if opened.mode not in ("RGB", "RGBA"):
        return np.asarray(_upright(opened)).astype(dtype)
    native = "B" if sys.byteorder == "little" else "L"
    other = packed.replace("16B", "16?").replace("16L", "16B").replace("16N", f"16{native}").replace("16?", "16L")
    tiles = []
    for tile in twin.tile:
        arguments = (other, *tile[3][1:]) if isinstance(tile[3], tuple) else other
        tiles.append(tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments))
    twin.tile = tiles
    high, low = (np.asarray(_upright(image)).astype(np.uint16) for image in (opened, twin))
    return high * 256 + low


def _recoloured(array: np.ndarray, colour: str, alpha: str) -> np.ndarray:
    """(h, w) or (h, w, c) of any type as "gray" (h, w), "rgb" or "rgba" (h, w, c), of the same type."""
    top = float(np.iinfo(array.dtype).max) if array.dtype.kind in "iu" else 1.0
    if array.ndim == 3 and array.shape[2] == 4 and colour != "rgba":
        cover, array = array[..., 3:], array[..., :3]
        if alpha in ("white", "black"):
            ground = top if alpha == "white" else 0.0
            array = (ground + (array - ground) * (cover / top)).round().astype(cover.dtype)
    if colour == "gray":
        return array if array.ndim == 2 else (array[..., :3] @ np.array(LUMA)).round().astype(array.dtype)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, -1)
    if colour == "rgba" and array.shape[2] == 3:
        array = np.concatenate([array, np.full_like(array[..., :1], top)], -1)
    return array
