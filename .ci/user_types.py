"""What a user's type checker sees: the wheel is built and installed in a separate environment, and pyright and mypy
read the Python of the README, the tutorial and the examples against it; `pyright --verifytypes` counts what is typed.

    python .ci/user_types.py [MINIMUM]     # exit 1 on an error, or below MINIMUM per cent (98)
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def run(*command: str | Path, quiet: bool = False, first: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command, with the folder `first` in front of the PATH; show its output, if `quiet` only where it fails."""
    path = os.pathsep.join([*([str(first)] if first else []), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(list(map(str, command)), cwd=ROOT, text=True, capture_output=True, env=environment)
    if not quiet or (done.returncode and first is None):
        print(done.stdout + done.stderr, end="")
    return done


def user_environment(folder: Path) -> Path:
    """A Python that has the wheel installed, and everything else from the environment of this one."""
    run(BIN / "python", "-m", "build", "--wheel", "--outdir", folder / "dist", ROOT, quiet=True).check_returncode()
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    site = next((folder / "env" / "lib").glob("python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = next((folder / "dist").glob("*.whl"))
    run(BIN / "pip", "--quiet", "install", "--no-deps", "--target", site, wheel, quiet=True).check_returncode()
    return python


def snippets(folder: Path) -> Path:
    """The Python blocks of each page as one file, and the examples."""
    folder.mkdir()
    for page in PAGES:
        if blocks := BLOCK.findall(page.read_text(encoding="utf-8")):
            name = "_".join(page.relative_to(ROOT).with_suffix("").parts).lower()
            (folder / f"{name}.py").write_text("\n".join(blocks), encoding="utf-8")
    for example in (ROOT / "examples").glob("*.py"):
        (folder / f"example_{example.name}").write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def main(minimum: float = 98.0) -> int:
    """The number of checks that failed."""
    with tempfile.TemporaryDirectory(prefix="idealscore-types-") as temporary:
        folder = Path(temporary)
        python = user_environment(folder)
        code = snippets(folder / "code")
        settings = {"include": ["code"], "typeCheckingMode": "standard"}
        (folder / "pyrightconfig.json").write_text(json.dumps(settings))
        failed = run(BIN / "pyright", "-p", folder, "--pythonpath", python).returncode != 0
        options = ("--python-executable", python, "--cache-dir", folder / "cache", "--ignore-missing-imports")
        failed += run(BIN / "mypy", *options, *sorted(code.glob("*.py"))).returncode != 0
        verified = run(
            BIN / "pyright", "--verifytypes", "idealscore", "--ignoreexternal", "--outputjson",
            quiet=True, first=python.parent,
        )  # fmt: skip  # this mode takes its Python from the PATH
        report = json.loads(verified.stdout)
        if not report["typeCompleteness"]["modules"]:
            raise SystemExit(f"pyright verified nothing: {report['generalDiagnostics']}")
        found = report["typeCompleteness"]
        share = 100 * found["completenessScore"]
        print(f"pyright --verifytypes: {share:.1f} % of {sum(found['exportedSymbolCounts'].values())} names are typed")
        for symbol in found["symbols"]:
            if symbol["isExported"] and not symbol["isTypeKnown"]:
                print(f"  {symbol['name']}")
        return failed + (share < minimum)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
