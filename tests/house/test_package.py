"""The package as a package: what is shipped, what is imported when, and that a user's files cannot break it."""

import tomllib
from importlib import import_module

import pytest

import idealscore

from checkout import MODULES, ROOT, python_files, run_python

FACES = [
    name for name in MODULES if hasattr(import_module(name), "__all__") and hasattr(import_module(name), "__path__")
]


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="runs in a checkout only")
def test_the_listed_packages_are_the_folders():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {"idealscore"} | {
        "idealscore." + ".".join(path.parent.relative_to(ROOT).parts)
        for path in python_files()
        if path.name == "__init__.py" and path.parent != ROOT
    }
    assert set(listed) == folders


@pytest.mark.parametrize("name", [*FACES, "idealscore"])
def test_every_public_name_exists_and_is_not_also_a_module(name):
    face = import_module(name)
    submodules = {module.rsplit(".", 1)[1] for module in MODULES if module.rsplit(".", 1)[0] == name}
    for public in face.__all__:
        value = getattr(face, public)
        is_module = type(value).__name__ == "module"
        assert (public in submodules) == is_module, f"{name}.{public} is both a name and a module"


def test_dir_shows_only_names_that_work():
    code = (
        "import idealscore; names = dir(idealscore); assert names == sorted(idealscore.__all__), names;"
        "assert {'NoiseLevel', '__version__', 'cite', 'theory', 'compare'} <= set(names);"
        "[getattr(idealscore, name) for name in names]"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_user_with_files_named_like_our_folders_is_safe(tmp_path):
    for folder in ("theory", "simulate", "learned", "compare", "errors"):
        (tmp_path / f"{folder}.py").write_text("raise SystemExit('the user file was imported')\n")
    code = (
        "import idealscore.theory, idealscore.simulate, idealscore.learned, idealscore.compare;"
        "from idealscore.theory import GaussianDenoiser; from idealscore.compare import track;"
        "from idealscore.simulate import sample; print('safe')"
    )
    done = run_python(code, cwd=tmp_path)
    assert done.stdout.strip() == "safe", done.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"]])
def test_the_first_screen_imports_nothing_heavy(arguments):
    code = (
        f"import sys; from idealscore.cli import main; assert main({arguments!r}) == 0;"
        "heavy = {'torch', 'numba', 'matplotlib', 'xarray', 'scipy'} & set(sys.modules); assert not heavy, heavy"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_no_torch():
    done = run_python("import sys, idealscore; idealscore.NoiseLevel(1.0); assert 'torch' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_nothing_unpickles_or_evaluates():
    banned = ("pickle.load", "weights_only=False", "allow_pickle=True", " eval(", " exec(", "os.system", "shell=True")
    for path in python_files():
        parts = path.relative_to(ROOT).parts
        if parts[0] == "tests":
            continue
        text = path.read_text()
        if parts == ("docs", "_site", "notebooks.py"):  # runs the project's own notebooks for the documentation
            text = text.replace('exec(compile(code, name, "exec"), namespace)', "")
        assert not [word for word in banned if word in text], path


def test_version_is_the_one_of_the_metadata():
    from importlib.metadata import version

    assert idealscore.__version__ == version("idealscore")
