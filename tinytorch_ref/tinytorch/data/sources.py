"""The data sets: where their files lie, whether they are whole, and reading them into arrays.

`datasets/registry.json` (beside the package in a composition) names every file with its size and checksum. A set is
looked for in $TINYTORCH_DATA, then in the user's cache, then among the sets that come with the course; files put there
by hand count. Getting one from the network is `tinytorch.data.download`'s job, cutting it into batches assignment 8's.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

# Not resolved: in a linked composition this file is a link, and the data lie beside the composition, not beside its
# target.
EMBEDDED = Path(__file__).absolute().parents[2] / "datasets"
IDX_UINT8 = 8
CIFAR_RECORD = 3073
AGAIN = "delete it, then restore it (a set that comes with the course) or run: tito data fetch"
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class DataError(OSError):
    """A data set that is not there or not whole. The message names the file and the remedy."""


@dataclass(frozen=True)
class File:
    """A file of a data set. `sha256` is empty where only the archive it comes in has a known checksum."""

    path: str
    bytes: int
    sha256: str = ""
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Archive:
    """A compressed archive that holds a data set's files. MD5 is what its publisher states."""

    name: str
    bytes: int
    md5: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """One data set of the registry."""

    name: str
    title: str
    source: str
    licence: str
    embedded: bool
    files: tuple[File, ...]
    archive: Archive | None = field(default=None)

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)


@cache
def registry() -> dict[str, Source]:
    """All data sets by name."""
    file = EMBEDDED / "registry.json"
    if not file.is_file():
        raise DataError(
            f"{file} is missing; the framework's data sets are described there: compose the framework again"
        )
    entries = json.loads(file.read_text(encoding="utf-8"))
    return {name: _source(name, entry) for name, entry in entries.items()}


def _source(name: str, entry: dict) -> Source:
    files = tuple(
        File(path, f["bytes"], f.get("sha256", ""), tuple(f.get("urls", ()))) for path, f in entry["files"].items()
    )
    a = entry.get("archive")
    archive = Archive(a["name"], a["bytes"], a["md5"], tuple(a["urls"])) if a else None
    return Source(name, entry["title"], entry["source"], entry["licence"], entry["embedded"], files, archive)


def source(name: str) -> Source:
    """A data set by name. ValueError names the known ones."""
    if name not in registry():
        raise ValueError(f"no data set is called '{name}'; known are {', '.join(registry())}")
    return registry()[name]


def cache_folder() -> Path:
    """Where fetched data sets are kept: $TINYTORCH_DATA, else the user's cache folder."""
    if named := os.environ.get("TINYTORCH_DATA"):
        return Path(named).expanduser()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "tinytorch"
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "tinytorch"


def folders(name: str) -> tuple[Path, ...]:
    """Where a data set is looked for, in order."""
    return cache_folder() / name, EMBEDDED / name


def locate(name: str) -> Path:
    """The folder that holds all files of a data set.

    Raises:
        DataError: none does; says which file is missing and how to get the set.
    """
    wanted = source(name)
    for folder in folders(name):
        if all((folder / file.path).is_file() for file in wanted.files):
            return folder
    remedy = f"run: tito data fetch {name}" if not wanted.embedded else "it comes with the course: look into datasets/"
    first = next(file.path for file in wanted.files if not (folders(name)[0] / file.path).is_file())
    places = folders(name) if wanted.embedded else folders(name)[:1]
    raise DataError(f"{name} is not here: {first} is missing in {' or '.join(map(str, places))}; {remedy}")


def problems(name: str, folder: Path) -> tuple[str, ...]:
    """What is wrong with the files of a data set in a folder, a line each; reads every byte."""
    found = []
    for file in source(name).files:
        try:
            check(folder / file.path, file)
        except DataError as error:
            found.append(str(error))
    return tuple(found)


def check(path: Path, file: File) -> bytes:
    """The content of a file, if it is whole.

    Raises:
        DataError: missing, of another size, or with another checksum; names the file.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; {AGAIN}")
    size = path.stat().st_size
    if size != file.bytes:
        raise DataError(f"{path} is damaged: {size:,} bytes instead of {file.bytes:,}; {AGAIN}")
    content = path.read_bytes()
    if file.sha256 and hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"{path} is damaged: its checksum is not the stated one; {AGAIN}")
    return content


# ---- reading ---------------------------------------------------------------------------------------------------------


def _read(name: str, path: str) -> tuple[Path, bytes]:
    folder = locate(name)
    file = next(f for f in source(name).files if f.path == path)
    return folder / path, check(folder / path, file)


def read_idx(name: str, path: str) -> np.ndarray:
    """An array of an IDX file (the format of MNIST), uint8 of the shape it states."""
    file, content = _read(name, path)
    try:
        raw = gzip.decompress(content)
        zero, kind, ndim = struct.unpack_from(">HBB", raw)
        shape = struct.unpack_from(f">{ndim}I", raw, 4)
        if zero != 0 or kind != IDX_UINT8:
            raise ValueError("not an IDX file of bytes")
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape)
    except (OSError, EOFError, struct.error, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}; {AGAIN}") from error


def tinydigits() -> tuple[np.ndarray, np.ndarray]:
    """Images (1797, 8, 8) uint8 of 0 to 16, labels (1797,) uint8."""
    return read_idx("tinydigits", "images-idx3-ubyte.gz"), read_idx("tinydigits", "labels-idx1-ubyte.gz")


def mnist(train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) uint8 of 0 to 255, labels (N,) uint8; N is 60,000 to train, 10,000 to test."""
    part = "train" if train else "t10k"
    return read_idx("mnist", f"{part}-images-idx3-ubyte.gz"), read_idx("mnist", f"{part}-labels-idx1-ubyte.gz")


def cifar10(train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) uint8, labels (N,) uint8; N is 50,000 to train, 10,000 to test."""
    names = [f"data_batch_{i}" for i in range(1, 6)] if train else ["test_batch"]
    images, labels = [], []
    for name in names:
        file, content = _read("cifar10", f"cifar-10-batches-bin/{name}.bin")
        records = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD)
        if records[:, 0].max() > 9:
            raise DataError(f"{file} is damaged: a label of {records[:, 0].max()}; {AGAIN}")
        labels.append(records[:, 0])
        images.append(records[:, 1:].reshape(-1, 3, 32, 32))
    return np.concatenate(images), np.concatenate(labels)


def tinyshakespeare() -> str:
    """The text, 1,115,394 characters."""
    return _read("tinyshakespeare", "input.txt")[1].decode("utf-8")
