"""Pictures as phones, microscopes, notebooks and other systems leave them."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from foreign import class_folders, digits, png16
from PIL import Image

from idealscore.errors import DataFileError
from idealscore.learned.data import load


def rgba(seed=0, size=12):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 4), dtype=np.uint8)


def raw_values(data):
    return data.normalisation.undo(data.images.double()).round().long().numpy()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(tmp_path, orientation):
    upright = np.zeros((16, 8, 3), np.uint8)
    upright[:4], upright[4:, :3] = 255, 128
    turn = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.transpose(1, 0, 2),
        6: np.rot90, 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("jpg", "png", "tif"):
        folder = tmp_path / kind
        folder.mkdir()
        Image.fromarray(np.ascontiguousarray(turn(upright))).save(folder / f"a.{kind}", exif=exif, quality=100)
        data = load(folder)
        assert data.shape == (3, 16, 8)
        assert np.abs(raw_values(data)[0].transpose(1, 2, 0) - upright).mean() < 3


@pytest.mark.parametrize("kind", ["tif", "gif", "webp", "png"])
def test_pages_are_images(tmp_path, kind):
    pages = [Image.fromarray(image) for image in np.kron(digits(5)[0], np.ones((2, 2), np.uint8))]
    (tmp_path / "s").mkdir()
    options: dict[str, Any] = {"lossless": True} if kind == "webp" else {}
    pages[0].save(tmp_path / "s" / f"stack.{kind}", save_all=True, append_images=pages[1:], **options)
    data = load(tmp_path / "s")
    assert len(data) == 5 and data.shape[1:] == (16, 16)
    assert any("several pages" in note for note in data.understood.notes)
    single = load(tmp_path / "s" / f"stack.{kind}", mode="gray")
    assert np.abs(raw_values(single)[:, 0] - np.stack([np.asarray(page) for page in pages])).max() <= 1


def test_pages_belong_to_their_class(tmp_path):
    images, _ = digits(4)
    class_folders(tmp_path, images, [1, 1, 2, 2])
    Image.fromarray(images[0]).save(tmp_path / "1" / "s.tif", save_all=True, append_images=[Image.fromarray(images[1])])
    data = load(tmp_path)
    assert data.labels is not None and data.labels.tolist() == [0, 0, 0, 0, 1, 1]


def test_what_is_hidden_is_no_data(tmp_path):
    images, labels = digits()
    class_folders(tmp_path, images, labels)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    for name in (".ipynb_checkpoints/0-checkpoint.png", "__MACOSX/0.png"):
        Image.fromarray(images[0]).save(tmp_path / name)
    (tmp_path / "0" / "._000.png").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    for name in (".DS_Store", "Thumbs.db", "3/desktop.ini"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "readme.txt").write_text("x")
    data = load(tmp_path)
    assert (len(data), data.n_classes) == (60, 10)
    assert data.understood.skipped == ("hidden files: 6", "other files: 1 (.txt)")


def test_train_and_test_are_no_classes(tmp_path):
    images, labels = digits()
    class_folders(tmp_path / "train", images[:40], labels[:40])
    class_folders(tmp_path / "test", images[40:], labels[40:])
    with pytest.raises(DataFileError, match=r"the splits test, train; pass --split test"):
        load(tmp_path)
    assert len(load(tmp_path, split="train")) == 40 and len(load(tmp_path, split="test")) == 20
    with pytest.raises(DataFileError, match="there is no 'val'"):
        load(tmp_path, split="val")


def test_mixed_modes_become_one(tmp_path):
    colours = rgba()
    Image.fromarray(colours[..., 0]).save(tmp_path / "gray.png")
    Image.fromarray(colours[..., :3]).save(tmp_path / "rgb.png")
    Image.fromarray(colours).save(tmp_path / "rgba.png")
    Image.fromarray(colours[..., :3]).quantize(16).save(tmp_path / "palette.png")
    Image.fromarray(colours[..., :3]).convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(colours[..., :2], "LA").save(tmp_path / "la.png")
    data = load(tmp_path)
    assert data.shape == (3, 12, 12) and len(data) == 6
    [note] = [note for note in data.understood.notes if "--mode" in note]
    assert "1 CMYK" in note and "1 palette" in note and "all read as RGB" in note
    values = raw_values(data)
    assert np.array_equal(values[1], np.repeat(colours[None, ..., 0], 3, 0))  # gray.png
    assert np.array_equal(values[5].transpose(1, 2, 0), colours[..., :3])  # rgba.png, transparency dropped
    assert load(tmp_path, mode="gray").shape == (1, 12, 12)


@pytest.mark.parametrize("depth", [8, 16])
def test_transparency(tmp_path, depth):
    colours = rgba() if depth == 8 else rgba().astype(np.uint16) * 257
    top = 2**depth - 1
    content = png16(colours) if depth == 16 else None
    if content is None:
        stream = io.BytesIO()
        Image.fromarray(colours).save(stream, format="PNG")
        content = stream.getvalue()
    (tmp_path / "a.png").write_bytes(content)
    plain, cover = colours[..., :3].astype(float), colours[..., 3:] / top
    for alpha, right in {
        "drop": plain, "white": plain * cover + top * (1 - cover), "black": plain * cover, "keep": colours,
    }.items():  # fmt: skip
        data = load(tmp_path, alpha=alpha)
        assert np.abs(raw_values(data)[0].transpose(1, 2, 0) - right).max() <= 1.5
        said = "transparency of 1 of 1 is " + ("dropped" if alpha == "drop" else f"composited over {alpha}")
        assert alpha == "keep" or any(said in note for note in data.understood.notes)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["png", "tif", "deflated tif"])
def test_sixteen_bits_are_kept(tmp_path, channels, kind):
    array = np.random.default_rng(0).integers(0, 65536, (3, 7, 6, channels), dtype=np.uint16)
    for i, image in enumerate(array):
        path = tmp_path / f"{i}.{kind[-3:]}"
        if kind == "png":
            path.write_bytes(png16(image))
        elif channels == 1:
            Image.fromarray(image[..., 0]).save(path, compression="tiff_deflate" if "deflated" in kind else None)
        else:
            path.write_bytes(tiff16(image))
    data = load(tmp_path)
    assert data.understood.dtype == "uint16"
    assert np.array_equal(raw_values(data).transpose(0, 2, 3, 1), array)


def tiff16(array):
    """An uncompressed little-endian TIFF of RGB with 16 bits."""
    import struct

    h, w, _ = array.shape
    content = array.astype("<u2").tobytes()
    bits = 8 + len(content)
    tags = [
        (256, 3, 1, w), (257, 3, 1, h), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8),
        (277, 3, 1, 3), (278, 3, 1, h), (279, 4, 1, len(content)), (284, 3, 1, 1),
    ]  # fmt: skip
    table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    start = struct.pack("<2sHI", b"II", 42, bits + 6)
    return start + content + struct.pack("<3H", 16, 16, 16) + struct.pack("<H", len(tags)) + table + bytes(4)


def test_depths_are_not_mixed(tmp_path):
    (tmp_path / "a.png").write_bytes(png16(np.zeros((8, 8, 1), np.uint16)))
    Image.fromarray(digits(1)[0][0]).save(tmp_path / "b.png")
    with pytest.raises(DataFileError, match="several depths: 1 of uint16, 1 of uint8"):
        load(tmp_path)


@pytest.mark.parametrize("damage", ["header", "body"])
def test_one_broken_picture_is_named_and_can_be_skipped(tmp_path, damage):
    images, labels = digits()
    class_folders(tmp_path, images, labels)
    broken = tmp_path / "3" / "003.png"
    broken.write_bytes(b"no picture" if damage == "header" else broken.read_bytes()[:-30])
    with pytest.raises(DataFileError, match=r"003\.png is not a readable image"):
        load(tmp_path)
    data = load(tmp_path, on_error="skip")
    assert len(data) == 59 and data.understood.skipped == (f"broken: 1 ({broken})",)
    assert torch.equal(data.images, load(tmp_path, on_error="skip").images)
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(DataFileError, match="none of 60 pictures is readable"):
        load(tmp_path, on_error="skip")
