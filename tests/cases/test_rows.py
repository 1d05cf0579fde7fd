"""The situations of public bug reports, each with its right value: data, curves and networks of other people."""

import gzip
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from idealscore.compare import read_curves
from idealscore.compare.measures import handover
from idealscore.errors import ArgumentError, DataFileError, DataWarning, MissingDependencyError
from idealscore.learned import load_network, wrap
from idealscore.learned.data import load
from idealscore.theory import DiscreteSchedule, GaussianDenoiser, MixtureDenoiser
from idealscore.theory.levels import within_known_range

RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 255, (12, 12, 4), dtype=np.uint8)


def folder(path: Path, **pictures) -> Path:
    path.mkdir(parents=True)
    for name, image in pictures.items():
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path / name.replace("_", "."))
    return path


def test_photographs_stand_upright(tmp_path):
    image = Image.fromarray(RGBA[:8, :12, :3])
    exif = image.getexif()
    exif[0x0112] = 6
    for i in range(3):
        image.save(tmp_path / f"{i}.jpg", exif=exif)
    assert load(tmp_path).shape == (3, 12, 8)


def test_a_stack_has_as_many_images_as_pages(tmp_path):
    pages = [Image.fromarray(RGBA[..., i]) for i in range(2)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    data = load(tmp_path)
    assert len(data) == 2 and data.shape == (1, 12, 12)


def test_hidden_folders_are_no_classes(tmp_path):
    folder(tmp_path / "cats", **{f"{i}_png": RGBA[..., 0] for i in range(3)})
    folder(tmp_path / ".ipynb_checkpoints", x_png=RGBA[..., 0])
    (tmp_path / "Thumbs.db").write_text("x")
    data = load(tmp_path)
    assert (len(data), data.class_names) == (3, ("cats",))


def test_standardised_data_are_kept_and_a_mask_is_warned_about(tmp_path):
    values = RNG.standard_normal((20, 8, 8)).astype("f4")
    np.savez(tmp_path / "standardised.npz", images=values)
    assert np.array_equal(load(tmp_path / "standardised.npz").images[:, 0].numpy(), values)
    np.savez(tmp_path / "mask.npz", images=RNG.integers(0, 2, (20, 8, 8), dtype=np.uint8))
    with pytest.warns(DataWarning, match="use 1 of 255"):
        load(tmp_path / "mask.npz")
    assert load(tmp_path / "mask.npz", values=(0, 1)).images.unique().tolist() == [-1, 1]


def test_what_becomes_of_transparency_is_said(tmp_path):
    clear = RGBA.copy()
    clear[..., 3] = 0
    data = load(folder(tmp_path / "clear", a_png=clear, b_png=clear))
    assert data.shape[0] == 3 and any("transparency of 2 of 2 is dropped" in note for note in data.understood.notes)


def test_modes_are_brought_to_one(tmp_path):
    colour = Image.fromarray(RGBA[..., :3])
    path = folder(
        tmp_path / "mixed", l_png=RGBA[..., 0], rgb_png=colour, rgba_png=RGBA, p_png=colour.convert("P"),
        cmyk_jpg=colour.convert("CMYK"),
    )  # fmt: skip
    data = load(path)
    assert (len(data), data.shape) == (5, (3, 12, 12))


def test_sixteen_bits_are_read(tmp_path):
    deep = (RNG.random((4, 12, 12)) * 65535).astype(np.uint16)
    data = load(folder(tmp_path / "gray16", **{f"{i}_png": image for i, image in enumerate(deep)}))
    assert np.array_equal(data.normalisation.undo(data.images.double()).round().numpy()[:, 0], deep)


@pytest.mark.parametrize("zipped", [False, True])
def test_the_files_of_mnist_are_read_with_their_labels(tmp_path, zipped):
    images, labels = bytes(range(256)), bytes([7, 2, 1, 0])
    files = {
        "images-idx3": struct.pack(">IIII", 2051, 4, 8, 8) + images,
        "labels-idx1": struct.pack(">II", 2049, 4) + labels,
    }
    for name, content in files.items():
        path = tmp_path / f"t10k-{name}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(content) if zipped else content)
    for source in (tmp_path, tmp_path / f"t10k-images-idx3-ubyte{'.gz' if zipped else ''}"):
        data = load(source)
        assert data.labels is not None and (data.labels.tolist(), data.shape) == ([7, 2, 1, 0], (1, 8, 8))
        raw = data.normalisation.undo(data.images.double()).round().flatten().int()
        assert raw.tolist() == list(range(256))


def test_points_are_data(tmp_path):
    np.savez(tmp_path / "points.npz", RNG.standard_normal((200, 2)))
    data = load(tmp_path / "points.npz")
    assert (len(data), data.shape) == (200, (2,))


@pytest.mark.parametrize(
    ("text", "options", "joint"),
    [
        ("step,shape,color,joint\n0,0.5,0.5,0.25\n10,,0.6,0.3\n20,0.9,0.9,0.8\n", {}, [0.25, 0.8]),
        ("step,shape,color,joint\n0,50,50,25\n10,60,70,40\n", {"percent": True}, [0.25, 0.4]),
        ("step;shape;color;joint\n0;0,5;0,5;0,25\n10;0,6;0,7;0,4\n", {}, [0.25, 0.4]),
        (
            "Step,run-1 - joint,run-1 - joint__MIN,run-1 - joint__MAX\n0,0.25,0.25,0.25\n10,0.4,0.4,0.4\n",
            {},
            [0.25, 0.4],
        ),
    ],
)
def test_curves_as_they_are_exported(tmp_path, text, options, joint):
    (tmp_path / "curves.csv").write_text(text)
    found = read_curves(tmp_path / "curves.csv", **options)
    assert found.sel(label="joint").values.tolist() == joint
    assert found.attrs["dropped"] == (1 if ",," in text else 0)


def test_percent_is_asked_for(tmp_path):
    (tmp_path / "percent.csv").write_text("step,shape,color,joint\n0,50,50,25\n10,60,70,40\n")
    with pytest.raises(ArgumentError, match="percent"):
        read_curves(tmp_path / "percent.csv")


def test_unlabelled_data_are_no_class():
    with pytest.raises(ArgumentError, match="are -1"):
        MixtureDenoiser.fit(RNG.normal(size=(8, 2)), [0, 1, 0, 1, 0, 1, -1, -1])


def test_one_broken_picture_among_thousands(tmp_path):
    names = [f"{i:04}.bmp" for i in range(2000)]
    stream = (tmp_path / names[0]).open("wb")
    with stream:
        Image.fromarray(RGBA[:4, :4, 0]).save(stream, format="BMP")
    content = (tmp_path / names[0]).read_bytes()
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(content if i != 1234 else content[:30])
    with pytest.raises(DataFileError, match=r"1234\.bmp is not a readable image"):
        load(tmp_path)
    data = load(tmp_path, on_error="skip")
    assert len(data) == 1999 and "1234.bmp" in data.understood.skipped[0]


class Table(torch.nn.Module):
    """A network whose steps are rows of a table; it answers with the step that it was told."""

    def __init__(self):
        super().__init__()
        self.rows = torch.nn.Embedding.from_pretrained(torch.arange(1000.0)[:, None])

    def forward(self, z, t):
        return self.rows(t).expand_as(z)


@pytest.mark.parametrize("kind", ["plain", "data parallel"])
def test_a_table_of_steps_is_told_the_steps_of_the_levels(kind):
    schedule = DiscreteSchedule.linear(1000, 1e-4, 0.02)
    net = Table() if kind == "plain" else torch.nn.DataParallel(Table())
    denoiser = wrap.function(net, predicts="x0", clock="index", schedule=schedule)
    steps = [0, 1, 299, 300, 776, 998, 999]
    told = [float(denoiser(torch.zeros(1, 1), float(schedule.sigmas[step + 1]))) for step in steps]
    assert told == pytest.approx(steps, abs=1e-3)


def test_levels_are_cut_to_those_that_a_schedule_has():
    denoiser = wrap.function(
        lambda z, t: 0 * z, predicts="noise", clock="index", schedule=DiscreteSchedule.linear(100, 1e-3, 0.2)
    )
    low, high = within_known_range(denoiser, 1e-3, 1e3)
    assert 0.02 < low < 0.05 and 10 < high < 1e3


def test_a_network_of_another_range_is_told_with_both_numbers():
    x0 = 2 * torch.rand(200, 16, generator=torch.Generator().manual_seed(0)) - 1
    other = GaussianDenoiser.fit((x0 + 1) / 2)
    found = " ".join(handover(lambda x, sigma: other(x, sigma), x0).warnings)
    numbers = re.search(r"have mean (\S+) and standard deviation .* of the data (\S+) and", found)
    assert numbers is not None and "range=(0, 1)" in found
    assert [float(number) for number in numbers.groups()] == pytest.approx([0.5, 0.0], abs=0.02)


def test_a_pickle_is_refused_with_the_lines_that_load_it(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(ArgumentError, match="weights_only=True"):
        load_network(tmp_path / "last.ckpt")


def test_help_says_which_networks_there_are(capsys):
    from idealscore.cli import main

    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    assert "diffusers" in capsys.readouterr().out


def test_a_store_whose_codec_runs_code_is_refused_unopened(tmp_path, monkeypatch):
    described = {"zarr_format": 2, "shape": [3, 4], "chunks": [3, 4], "dtype": "|O", "compressor": None, "order": "C",
                 "fill_value": 0, "filters": [{"id": "pickle", "protocol": 5}]}  # fmt: skip
    (tmp_path / ".zarray").write_text(json.dumps(described))
    (tmp_path / "0.0").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    pytest.importorskip("zarr")
    with pytest.raises(DataFileError, match="'pickle', which may run code"):
        load(tmp_path)
    (tmp_path / ".zarray").write_text(json.dumps({**described, "filters": None}))
    with pytest.raises(DataFileError, match="instead of numbers"):
        load(tmp_path)
    from idealscore.learned.data import readers

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(readers, "import_module", absent)
    with pytest.raises(MissingDependencyError, match=r"idealscore\[zarr\]"):
        load(tmp_path)


def test_large_tables_with_decimal_commas(tmp_path):
    values = RNG.normal(size=(30_000, 5)).round(5)
    rows = "\n".join(";".join(f"{value:.5f}".replace(".", ",") for value in row) for row in values)
    (tmp_path / "large.csv").write_text("a;b;c;d;e\n" + rows)
    assert (tmp_path / "large.csv").stat().st_size > 2**20
    np.testing.assert_allclose(load(tmp_path / "large.csv").images.numpy(), values, atol=1e-6)
