"""Names that are code for a terminal, a browser, a typesetter, a file system; and small files of huge data."""

import io
import os
import struct
import sys
import zipfile

import numpy as np
import pytest

from idealscore._support.style import literal
from idealscore.cli import main
from idealscore.cli._edge.terminal import Escaped
from idealscore.compare import Comparison, compare
from idealscore.compare.comparison._figure import figure
from idealscore.compare.comparison._report import report
from idealscore.errors import ArgumentError, CheckpointError, DataFileError, DeviceMemoryError, IdealScoreError
from idealscore.learned import checkpoint, data
from idealscore.theory import GaussianDenoiser

CLEAR = "\x1b[2J\x1b]0;owned\x07"  # clears the screen and renames the window
CONTROLS = set(map(chr, [*range(32), *range(127, 160), 0x202E, 0x2028])) - set("\n\r\t")


def test_an_error_cannot_command_the_terminal(capsys):
    for words in (["compare", f"{CLEAR}.npy"], ["nonsense\x9b2J"], ["compare", "one\ntwo\u202e.npy"]):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert not CONTROLS & set(said) and len(said.splitlines()) == 1 and "\\" in said
    assert str(ArgumentError("data", f"is {CLEAR}", "pass another")) == (
        "data: is \\u001b[2J\\u001b]0;owned\\u0007; pass another"
    )


def test_what_a_command_prints_cannot_command_the_terminal(tmp_path, capsys):
    path = tmp_path / f"data{CLEAR}.npy"
    np.save(path, np.random.default_rng(0).normal(size=(20, 1, 4, 4)).astype(np.float32))
    assert main(["train", str(path), "--network", "mlp", "--dry-run", "--out", f"run{CLEAR}"]) == 0
    said = capsys.readouterr()
    assert not CONTROLS & set(said.out + said.err) and "owned" in said.out


def test_progress_bars_may_move_the_cursor_and_words_may_not():
    stream = io.StringIO()
    for text in ("\r\x1b[K", "\n\x1b[A", "\rhalf done\x1b[A", "\ud800"):
        Escaped(stream).write(text)
    assert stream.getvalue() == "\r\x1b[K\n\x1b[A\rhalf done\\u001b[A\\ud800"


@pytest.fixture(scope="module")
def small():
    training, held_out = data.load("digits").subset(60).split(0.5, seed=0)
    config = Comparison(levels=2, n_images=4, n_noise=1, theories=("gaussian", "empirical"))
    return compare(GaussianDenoiser.fit(training.images), training, held_out, config, show=False)


NAMES = [r"cost $\frac{$ gain", "$_$", r"\$", "<script>alert(1)</script>", f"a{CLEAR}"]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])])
def test_no_name_is_typeset(small, name):
    """matplotlib raises where a formula is none."""
    import matplotlib.pyplot as plt

    renamed = {"theory": [name, "b"], "panel": [*small.panel.values[:3], name, "b"], "transition": small.transition}
    drawn = figure(small.assign_coords(renamed))
    try:
        drawn.savefig(io.BytesIO(), dpi=20)
        labels = [text.get_text() for legend in drawn.subfigs[0].legends for text in legend.get_texts()]
    finally:
        plt.close(drawn)
    assert literal(name) in labels


def test_a_name_as_it_is_would_be_typeset():
    import matplotlib.pyplot as plt

    drawn = plt.figure()
    drawn.text(0, 0, NAMES[0])
    with pytest.raises(ValueError, match="frac"):
        drawn.savefig(io.BytesIO())
    plt.close(drawn)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_no_name_is_markup(small, tmp_path):
    evil = "</script><img src=x onerror=alert(1)>\"'"
    renamed = small.assign_coords({"theory": [evil, "b"], "panel": [*small.panel.values[:3], evil, "b"]})
    renamed = renamed.assign(closest=small.closest.copy(data=np.full(small.closest.shape, evil)))
    attrs = {"network": evil, "data": evil, "command": evil, "data_range_found": evil}
    report(renamed.assign_attrs(attrs), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<img src=x" not in page and "&lt;img src=x" in page


@pytest.mark.parametrize("name", ["../../out", "/tmp/idealscore-out", "..\\out", "images"])
def test_an_archive_is_read_and_never_unpacked(tmp_path, name):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    buffer = io.BytesIO()
    np.save(buffer, np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8))
    with zipfile.ZipFile(inside / "a.npz", "w") as archive:
        archive.writestr(f"{name}.npy", buffer.getvalue())
    before = sorted(tmp_path.rglob("*"))
    try:
        assert data.load(inside / "a.npz").shape == (1, 4, 4)
    except DataFileError:
        assert name != "images"
    assert sorted(tmp_path.rglob("*")) == before and not os.path.exists("/tmp/idealscore-out.npy")


LIMIT = 2**20


def bomb_npz(path):
    np.savez_compressed(path, images=np.zeros((2**14, 32, 32), np.uint8))


def bomb_parquet(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = pa.array([[0.0] * 64] * 2**15, pa.list_(pa.float64()))
    pq.write_table(pa.table({"x": row}), path, compression="zstd")


def bomb_png(path):
    from PIL import Image

    Image.fromarray(np.zeros((4000, 4000), np.uint8)).save(path, compress_level=9)


@pytest.mark.parametrize("make", [bomb_npz, bomb_parquet, bomb_png])
def test_a_small_file_of_large_data_is_refused_before_it_is_unpacked(tmp_path, make):
    """Each is whole and true: what it holds is 16 times the limit and more."""
    path = tmp_path / f"bomb.{make.__name__.removeprefix('bomb_')}"
    make(path)
    assert path.stat().st_size < LIMIT / 4
    with pytest.raises(DeviceMemoryError):
        data.load(path if path.suffix != ".png" else tmp_path, memory_limit=LIMIT)


@pytest.mark.parametrize("length", [2**63 - 1, 2**40, 10**8])
def test_a_header_that_is_longer_than_its_file(tmp_path, length):
    path = tmp_path / "n.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b'{"a":' + b"[" * 1000)
    with pytest.raises(CheckpointError):
        checkpoint.load(path)
    with pytest.raises(IdealScoreError):
        data.load(path)


def test_a_header_that_declares_overlapping_or_endless_tensors(tmp_path):
    path = tmp_path / "n.safetensors"
    for offsets, shape in (((0, 8), [2]), ((0, 2**50), [2**48]), ((-8, 0), [2]), ((8, 0), [2])):
        one = f'{{"dtype":"F32","shape":{shape},"data_offsets":[{offsets[0]},{offsets[1]}]}}'
        header = f'{{"a":{one},"b":{one}}}'.encode()
        path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
        with pytest.raises(CheckpointError):
            checkpoint.load(path)


def test_a_sweep_file_imports_nothing_that_is_not_listed(tmp_path, capsys):
    (tmp_path / "evil_module.py").write_text("open('was-imported', 'w').close()\ndef f(a): return a\n")
    (tmp_path / "c.toml").write_text('function = "evil_module:f"\n[grid]\na = [1]\n')
    sys.path.insert(0, str(tmp_path))
    try:
        assert main(["sweep", str(tmp_path / "c.toml"), "--out", str(tmp_path / "s")]) == 2
    finally:
        sys.path.remove(str(tmp_path))
    assert "may not choose what is run" in capsys.readouterr().err
    assert "evil_module" not in sys.modules and not os.path.exists("was-imported") and not (tmp_path / "s").exists()
