import io
import os
import signal
import subprocess
import sys
import time

import h5netcdf
import numpy as np
import pytest
import xarray as xr
from known import known
from xarray.backends import H5NetCDFStore

from idealscore._support import results as _results
from idealscore.errors import DataFileError

DATASET = xr.Dataset({"q": ("p", [1.0, 2.0])}, coords={"p": [0.1, 0.2]}, attrs={"seed": "0"})


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "r.nc"
    _results.save(DATASET, path)
    with pytest.raises(RuntimeError), _results.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert _results.load(path).identical(DATASET)
    assert os.listdir(tmp_path) == ["r.nc"]


@pytest.mark.parametrize("damage", ["truncate", "empty", "text"])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "r.nc"
    _results.save(DATASET, path)
    content = path.read_bytes()
    path.write_bytes({"truncate": content[: len(content) // 2], "empty": b"", "text": b"hello"}[damage])
    with pytest.raises(DataFileError, match=r"r\.nc"):
        _results.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataFileError, match=r"nothing\.nc"):
        _results.load(tmp_path / "nothing.nc")


def test_the_file_is_that_of_xarray_and_h5netcdf_alone(tmp_path):
    """Names of each kind: dimensions with and without coordinates, written before and after what uses them."""
    values = {"late": (("p", "t"), [[1, 2], [3, 4]]), "flag": ("t", [True, False]), "word": ("r", ["a", "long one"])}
    dataset = DATASET.assign(values).assign_coords(t=[0.5, np.nan], name="Größe", both=(("t", "p"), np.eye(2)))
    dataset.q.attrs["unit"] = "nats"
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        dataset.dump_to_store(H5NetCDFStore(file))
    assert _results.image(dataset) == buffer.getvalue()
    path = _results.save(dataset, tmp_path / "r.nc")
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        assert _results.load(path).identical(opened.load())


def test_killed_at_random_moments_the_file_is_whole(tmp_path):
    path = tmp_path / "r.nc"
    code = (
        "import xarray as xr, numpy as np; from idealscore._support import results as _results;"
        f"d = xr.Dataset({{'q': ('i', np.arange(200000.0))}});\nprint('go', flush=True)\n"
        f"while True: _results.save(d, {str(path)!r})"
    )
    for delay in (0.02, 0.11):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        known(child.stdout).readline()
        while not path.exists():
            time.sleep(0.01)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        known(child.stdout).close()
        assert float(_results.load(path).q[-1]) == 199999.0


def test_provenance_says_what_made_it():
    made = _results.provenance(seed=3, command="idealscore compare digits")
    assert made["seed"] == "3" and made["command"] == "idealscore compare digits" and "torch" in made


def test_words_from_a_file_do_not_cut_longer_ones(tmp_path):
    short = _results.save(xr.Dataset({"closest": ((), "none")}), tmp_path / "short.nc")
    long = xr.Dataset({"closest": ((), "gaussian")})
    for first in (_results.load(short), xr.load_dataset(short, engine="h5netcdf")):
        both = xr.concat([first, long], dim="sigma")
        again = _results.load(_results.save(both, tmp_path / "both.nc"))
        assert again.closest.values.tolist() == ["none", "gaussian"]
