"""The SLURM script, run as written: jobs are handed to a stand-in for `sbatch` that starts them at once."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import idealscore
from idealscore import sweeping

SCRIPT = Path(idealscore.__file__).parent / "examples" / "sweep_slurm.py"
SBATCH = """#!/bin/bash
cp "$1" "$JOBS/script"
nohup bash "$JOBS/script" > "$JOBS/log" 2>&1 &
echo "Submitted batch job $!"
"""
STANDINS = {"sbatch": SBATCH, "scancel": '#!/bin/bash\npkill -P "$1"\n'}


@pytest.mark.slow
@pytest.mark.skipif(not SCRIPT.exists(), reason="runs in a checkout only")
@pytest.mark.skipif(find_spec("dask_jobqueue") is None, reason="needs dask-jobqueue")
def test_the_slurm_script_submits_jobs_that_compute(tmp_path):
    for name, text in STANDINS.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "JOBS": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", SCRIPT, tmp_path / "s", "--queue", "short", "--jobs", "1"]
    done = subprocess.run(
        [*map(str, command), "--seeds", "1", "--runs", "5"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    script = (tmp_path / "script").read_text()
    assert (
        "#SBATCH -p short" in script and "#SBATCH -t 01:00:00" in script and "dask worker" in script.replace("_", " ")
    )
    found = sweeping.results(tmp_path / "s")
    assert found.attrs["finished"] == 15 and found.attrs["failed"] == 0 and "0.59" in done.stdout
