"""Files as other people write them."""

import struct
import zlib

import numpy as np
from PIL import Image


def digits(n=60):
    """`(n, 8, 8)` uint8 from 0 to 255, and their classes."""
    from sklearn.datasets import load_digits
    from sklearn.utils import Bunch

    bunch = load_digits()
    assert isinstance(bunch, Bunch)
    return (bunch.images[:n] / 16 * 255).round().astype(np.uint8), bunch.target[:n]


def png16(array):
    """A PNG of 16 bits from (h, w, c), c = 1, 3 or 4, which Pillow cannot write."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    h, w, c = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", w, h, 16, {1: 0, 3: 2, 4: 6}[c], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def class_folders(root, images, labels):
    """root/LABEL/00i.png."""
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        (root / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / str(label) / f"{i:03}.png")
    return root


def idx(array, code=8):
    """The bytes of an IDX file."""
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
