"""The suite on one machine as on several: other instruction sets, threads, locales, homes and users.

    python tests/portable.py [NAME ...] [-- PYTEST OPTIONS]

runs pytest once in each setting (all of them without a name) and ends with 1 where one failed. A row of SETTINGS holds
what is put into the environment and how the run differs beyond it; an instruction set that this processor does not
have is left as it is. `optimized` reaches only the Pythons that the tests start, since without `assert` a test tests
nothing: the package in them relies on no `assert`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOBODY = 65534
BASELINE = "all that NumPy chooses at run time"
NO_AVX512 = "AVX512"

#           threads, torch,    OpenBLAS,   NumPy goes without, further
SETTINGS = {
    "plain": (1, None, None, None, ()),
    "oldest": (2, "default", "Nehalem", BASELINE, ("C locale",)),
    "avx2": (1, "avx2", "Haswell", NO_AVX512, ("nobody", "read-only home")),
    "zen": (2, "avx2", "Zen", NO_AVX512, ("optimized", "C locale")),
    "avx512": (2, None, "SkylakeX", None, ("optimized", "read-only home")),
    "last-bits": (1, None, None, None, ("last bits 1",)),
}
NEEDS = {"Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512f"}
STARTS_ANOTHER = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', 'import pytest']).returncode)"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def flags() -> set[str]:
    """What this processor can do."""
    info = Path("/proc/cpuinfo")
    return set(info.read_text().split()) if info.exists() else set()


def numpy_features(without: str | None) -> list[str]:
    """The instruction sets that NumPy shall not use, of those that it would choose here."""
    core = "numpy._core" if find_spec("numpy._core") else "numpy.core"  # NumPy 1
    umath = import_module(f"{core}._multiarray_umath")

    chosen = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]
    return {None: [], BASELINE: chosen, NO_AVX512: [name for name in chosen if name.startswith(("AVX512", "X86_V4"))]}[
        without
    ]


def command(name: str, options: Iterable[str], scratch: Path) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a setting."""
    threads, torch, blas, without, further = SETTINGS[name]
    environment = dict(os.environ) | dict.fromkeys(THREADS, str(threads))
    # several threads in each of several workers: those that wait for work shall sleep, not spin on the cores of others
    environment |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"} if threads > 1 else {}
    environment |= {"ATEN_CPU_CAPABILITY": torch} if torch else {}
    if blas and NEEDS.get(blas, "") in flags() | {""}:
        environment["OPENBLAS_CORETYPE"] = blas
    if features := numpy_features(without):
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(features)
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={scratch / 'tests'}", *options]
    for one in further:
        if one == "C locale":
            environment |= {"LC_ALL": "C", "LANG": "C"}
        elif one == "read-only home":
            home = scratch / "home"
            home.mkdir()
            home.chmod(0o555)
            # numba and matplotlib may write next to the tests, nothing else anywhere
            environment |= {"HOME": str(home), "NUMBA_CACHE_DIR": str(scratch / "numba")}
            environment |= {"MPLCONFIGDIR": str(scratch / "matplotlib"), "XDG_CACHE_HOME": str(scratch / "cache")}
        elif one == "optimized":
            run.append("--optimized-children")
        elif one.startswith("last bits"):
            run.append(f"--last-bits={one.split()[-1]}")
        elif one == "nobody" and os.geteuid() == 0:
            as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            if subprocess.run([*as_nobody, sys.executable, "-c", STARTS_ANOTHER], capture_output=True).returncode:
                print(f"== {name}: as this user, since no other one may run {os.path.realpath(sys.executable)}")
                continue
            os.chown(scratch, NOBODY, NOBODY)
            environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
            run = [*as_nobody, *run]
    return run, environment


def main(arguments: list[str]) -> int:
    """Run the settings named; 1 where a run failed."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    names, options = arguments[:at] or list(SETTINGS), arguments[at + 1 :]
    if unknown := [name for name in names if name not in SETTINGS]:
        print(f"no setting {', '.join(unknown)}; there are {', '.join(SETTINGS)}", file=sys.stderr)
        return 2
    failed = []
    for name in names:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            run, environment = command(name, options, Path(folder))
            changed = {key: value for key, value in environment.items() if os.environ.get(key) != value}
            print(f"== {name}: {' '.join(f'{key}={value!r}' for key, value in changed.items())}", flush=True)
            if subprocess.run(run, cwd=ROOT, env=environment).returncode:
                failed.append(name)
    print(f"== failed: {', '.join(failed)}" if failed else f"== passed: {', '.join(names)}")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
