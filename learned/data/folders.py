"""Folders of pictures: hidden files are not data, train and test are not classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ...errors import DataFileError
from .idx import idx_of_folder, read_idx
from .pictures import SUFFIXES
from .readers import SPLITS, Raw, Reading, labelled
from .stacks import stack

HIDDEN = ("__MACOSX", "Thumbs.db", "desktop.ini")


def read_folder(path: Path, reading: Reading) -> Raw:
    """The pictures of a folder, in one sub-folder per class or in none; else the IDX files in it."""
    root, said = _root(path, reading)
    files, hidden, others = _files(root)
    if not files:
        return _no_pictures(path, reading, hidden, others)
    raw, owners = stack(lambda: ((str(file), file) for file in files), reading)
    raw.notes[:0] = said
    raw.skipped[:0] = [
        *([f"hidden files: {hidden}"] if hidden else []),
        *([f"other files: {sum(others.values())} ({', '.join(map(str, others))})"] if others else []),
    ]
    folders = [files[i].relative_to(root).parts[:-1] for i in owners]
    if all(folders):
        return labelled(raw, [parts[0] for parts in folders])
    if any(folders):
        loose = sum(not parts for parts in folders)
        raw.notes.append(f"no classes: {loose} of {len(folders)} images lie outside of any class folder")
    return raw


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") or part in HIDDEN for part in file.relative_to(root).parts)


def _files(root: Path) -> tuple[list[Path], int, Counter[str]]:
    """The pictures in order, how many hidden files there are, and the endings of the others."""
    pictures, hidden, others = [], 0, Counter()
    for file in sorted(file for file in root.rglob("*") if file.is_file()):
        if _hidden(file, root):
            hidden += 1
        elif file.suffix.lower() in SUFFIXES:
            pictures.append(file)
        else:
            others[file.suffix.lower() or file.name] += 1
    return pictures, hidden, others


def _root(path: Path, reading: Reading) -> tuple[Path, list[str]]:
    """The folder of the split: where a folder holds train/ and test/, these are no classes."""
    split = reading.split
    inside = [entry for entry in sorted(path.iterdir()) if entry.is_dir() and not _hidden(entry, path)]
    parts = {entry.name: entry for entry in inside if entry.name.lower() in SPLITS}
    if split is not None:
        chosen = next((entry for entry in inside if entry.name == split), None)
        if chosen is not None:
            reading.used.add("split")
            return chosen, [f"split '{split}'"]
        if parts:
            raise DataFileError("split", f"there is no '{split}' in {path}", f"it holds: {', '.join(parts)}")
        return path, []
    if not parts or len(parts) < len(inside):
        return path, [] if not parts else [f"{', '.join(parts)} taken for classes, next to others"]
    if len(parts) == 1:
        [(name, entry)] = parts.items()
        return entry, [f"split '{name}', the only one"]
    names = ", ".join(parts)
    raise DataFileError(
        "split", f"{path} holds the splits {names}", f"pass --split {next(iter(parts))}, or that folder"
    )


def _no_pictures(path: Path, reading: Reading, hidden: int, others: Counter[str]) -> Raw:
    file = idx_of_folder(path, reading)
    if file is not None:
        return read_idx(file, reading)
    remedy = f"known endings: {', '.join(SUFFIXES)}"
    if ".parquet" in others:
        remedy = f"it holds {others['.parquet']} .parquet files: pass one of them, or hf:{path}"
    elif ".npy" in others or ".npz" in others:
        remedy = "pass one of its .npy or .npz files"
    raise DataFileError("data", f"folder {path} holds no images" + (f" ({hidden} hidden)" if hidden else ""), remedy)
