"""What is shipped can be made again, byte by byte, from pinned parts."""

import os
import re
import subprocess
import sys
from hashlib import sha256

import pytest

from checkout import ROOT

checkout = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="runs in a checkout only")


@checkout
def test_every_requirement_is_pinned():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines and all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", line) for line in lines)
    names = [re.sub(r"[-_.]+", "-", line.split("==")[0].lower()) for line in lines]
    assert len(set(names)) == len(names)


@checkout
@pytest.mark.slow
def test_two_clones_give_the_same_wheel(tmp_path):
    pytest.importorskip("setuptools", "77")
    digests = []
    for name in ("one", "two"):
        subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / name)], check=True)
        time = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=tmp_path / name, capture_output=True, text=True)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "out", "."]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": time.stdout.strip()}
        subprocess.run(command, cwd=tmp_path / name, env=environment, check=True, capture_output=True)
        (wheel,) = (tmp_path / name / "out").glob("*.whl")
        digests.append(sha256(wheel.read_bytes()).hexdigest())
    assert digests[0] == digests[1]
