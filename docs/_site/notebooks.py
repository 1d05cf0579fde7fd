"""Each script of `examples/notebooks/` has a pair `NAME.ipynb` with its outputs, and the pair becomes a page.

The site is built from the committed outputs, so that it costs nothing to build and needs no kernel. The scripts are in
the percent format of jupytext. `python docs/_site/notebooks.py [NAME ...]` runs them and writes their pairs anew.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
CELL = re.compile(r"^# %%(.*)$", re.M)


def cells(script: Path) -> list[tuple[str, str]]:
    """(kind, text) of the cells of a script in the percent format; kind is "markdown" or "code"."""
    parts = CELL.split(script.read_text(encoding="utf-8"))[1:]
    made = []
    for mark, body in zip(parts[::2], parts[1::2], strict=True):
        if "[markdown]" in mark:
            made.append(("markdown", re.sub(r"^# ?", "", body.strip(), flags=re.M)))
        else:
            made.append(("code", body.strip()))
    return made


def pair(script: Path) -> dict[str, Any]:
    """The notebook of a script, run cell by cell in the working directory."""
    namespace, made, count = {"__name__": "__main__"}, [], 0
    for index, (kind, text) in enumerate(cells(script)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{index}", "metadata": {}, "source": lines(text)}
        if kind == "code":
            count += 1
            cell |= {"execution_count": count, "outputs": outputs(text, namespace, f"{script.name}, cell {index}")}
        made.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    formats = {"formats": "ipynb,py:percent"}
    return {"cells": made, "metadata": {"jupytext": formats, "kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def lines(text: str) -> list[str]:
    """A text as notebooks keep it: a list of lines with their ends."""
    return text.splitlines(keepends=True)


def outputs(code: str, namespace: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What a cell prints and draws."""
    import matplotlib.pyplot as plt

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, name, "exec"), namespace)
    text = printed.getvalue()
    found: list[dict[str, Any]] = [{"output_type": "stream", "name": "stdout", "text": lines(text)}] if text else []
    for number in plt.get_fignums():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="png", dpi=110)
        data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
        found.append({"output_type": "display_data", "data": data, "metadata": {}})
    plt.close("all")
    return found


def write(names: list[str]) -> None:
    """Run the scripts in a folder that is thrown away and write their pairs."""
    import matplotlib

    matplotlib.use("Agg")
    sys.argv = sys.argv[:1]
    with tempfile.TemporaryDirectory() as away, contextlib.chdir(away):
        for name in names or sorted(path.stem for path in FOLDER.glob("*.py")):
            script, started = FOLDER / f"{name}.py", time.process_time()
            text = json.dumps(pair(script), indent=1, ensure_ascii=False) + "\n"
            script.with_suffix(".ipynb").write_text(text, encoding="utf-8")
            print(
                f"{script.with_suffix('.ipynb').name}: {time.process_time() - started:.0f} s of processor", flush=True
            )


def pictures(notebook: Path) -> Iterator[tuple[str, bytes]]:
    """(name of the file, PNG) of each picture of a notebook, in order."""
    found = 0
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                found += 1
                yield f"{notebook.stem}-{found}.png", base64.b64decode(output["data"]["image/png"])


def page(notebook: Path) -> str:
    """The page of an executed notebook: text, code, what the code printed, and its pictures."""
    names, made = (name for name, _ in pictures(notebook)), []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        made.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        for output in cell.get("outputs", []):
            if "text" in output:
                made.append("```text\n" + "".join(output["text"]).rstrip() + "\n```")
            elif "image/png" in output.get("data", {}):
                made.append(f"![What this cell draws]({next(names)})")
    made.append(
        f"This page is the notebook `examples/notebooks/{notebook.name}`, with the outputs of one run; the script of"
        " the same name beside it is its text, and `--small` runs it in seconds on tiny settings."
    )
    return "\n\n".join(made) + "\n"


def on_files(files: Any, config: Any) -> None:
    """Add the page of each notebook and its pictures."""
    from mkdocs.structure.files import File

    for notebook in sorted(FOLDER.glob("*.ipynb")):
        files.append(File.generated(config, f"examples/notebooks/{notebook.stem}.md", content=page(notebook)))
        for name, picture in pictures(notebook):
            files.append(File.generated(config, f"examples/notebooks/{name}", content=picture))


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    write(sys.argv[1:])
