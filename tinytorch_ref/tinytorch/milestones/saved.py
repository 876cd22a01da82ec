"""A trained writer in a folder: `writer.json` says what it is, `model.npz` holds its arrays. Nothing in them executes.

What travels and is stored is a dict of three parts: "plan" and "tokenizer" are numbers, strings and lists of them,
"arrays" the model's parameters by name. Making a model of them is the transformer program's part.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

ABOUT, ARRAYS = "writer.json", "model.npz"
PARTS = ("plan", "tokenizer", "arrays")


class SavedError(ValueError):
    """A folder that holds no writer, or a damaged one. The message names the file and the remedy."""


def write(folder: Path, parts: Mapping[str, Any]) -> list[Path]:
    """Write both files, each complete or not at all; returns their paths.

    Raises:
        SavedError: the parts are not what this module stores.
    """
    arrays = parts["arrays"]
    if not all(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in arrays.values()):
        raise SavedError("a model's arrays hold floats")
    about = json.dumps({name: parts[name] for name in PARTS[:2]}, allow_nan=False)
    folder.mkdir(parents=True, exist_ok=True)
    with _replacing(folder / ARRAYS) as path, path.open("wb") as file:
        np.savez(file, **{name: arrays[name] for name in arrays})
    with _replacing(folder / ABOUT) as path:
        path.write_text(about + "\n", encoding="utf-8")
    return [folder / ARRAYS, folder / ABOUT]


class _replacing:
    """`with _replacing(path) as other:` write other; it takes the place of path unless something was raised."""

    def __init__(self, path: Path):
        self.path, self.other = path, path.with_name(path.name + ".new")

    def __enter__(self) -> Path:
        return self.other

    def __exit__(self, kind: Any, *problem: Any) -> None:
        if kind is None:
            os.replace(self.other, self.path)
        else:
            self.other.unlink(missing_ok=True)


def read(folder: Path) -> dict[str, Any]:
    """The parts that `write` was given."""
    if not folder.is_dir():
        raise SavedError(
            f"there is no folder {folder}; a milestone's run leaves one, such as runs/transformer/characters"
        )
    for name in (ABOUT, ARRAYS):
        if not (folder / name).is_file():
            raise SavedError(f"{folder} holds no {name}: no model was saved there; run: tito milestone run transformer")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        parts = {name: dict(about[name]) for name in PARTS[:2]}
    except (ValueError, KeyError, TypeError) as error:
        raise SavedError(f"{folder / ABOUT} is damaged ({_brief(error)}); restore it or train again") from error
    try:
        with (folder / ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            parts["arrays"] = dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise SavedError(f"{folder / ARRAYS} is damaged ({_brief(error)}); restore it or train again") from error
    return parts


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:120]
