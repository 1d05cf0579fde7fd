"""What the tests know of the checkout: the root of the package, its modules, and a fresh Python."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import walk_packages

import idealscore

ROOT = Path(idealscore.__file__).parent
TESTS = Path(__file__).parent
NOT_SHIPPED = ("idealscore.tests", "idealscore.benchmarks", "idealscore.docs", "idealscore.examples")
MODULES = sorted(
    module.name
    for module in walk_packages(idealscore.__path__, "idealscore.")
    if not module.name.startswith(NOT_SHIPPED) and not module.name.endswith("__main__")
)


def python_files() -> Iterator[Path]:
    """The Python files of the checkout; what is installed or built in it is not walked through."""
    for folder, inside, names in os.walk(ROOT):
        inside[:] = [name for name in inside if not name.startswith(".") and name not in ("build", "site")]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def run_python(code, cwd=None):
    """Run `code` in a separate Python process."""
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=120)
