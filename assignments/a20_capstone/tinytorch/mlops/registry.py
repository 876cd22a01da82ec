"""A registry of models: numbered versions that never change, and one of them that is in use.

Arrays lie in `.npz` files, what is known about them in an SQLite database beside them. The order of writing makes a
registry that may be killed at any moment: a file is complete before the database speaks of it, and the database moves
from one state to the next in transactions. Pickle is used nowhere: a model that comes from elsewhere runs no code here.
What makes a version good enough to promote is said in other files (monitor, abtest).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PATIENCE = 30.0  # seconds that a writer waits for another one

SCHEMA = """
CREATE TABLE IF NOT EXISTS models (name TEXT PRIMARY KEY, last INTEGER NOT NULL, promotion INTEGER);
CREATE TABLE IF NOT EXISTS versions (
    name TEXT, version INTEGER, sha256 TEXT NOT NULL, created REAL NOT NULL, metadata TEXT NOT NULL,
    file TEXT NOT NULL, PRIMARY KEY (name, version));
CREATE TABLE IF NOT EXISTS promotions (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL,
    below INTEGER);
"""


@dataclass(frozen=True)
class ModelVersion:
    """What is known about one version. `created` is in seconds since 1970, `sha256` that of its file."""

    name: str
    version: int
    sha256: str
    created: float
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Promotion:
    """That a version came into use. `kind` is "promote" or "rollback", `at` in seconds since 1970."""

    name: str
    version: int
    at: float
    kind: str


class DamagedFile(ValueError):
    """The file of a version is not what was registered."""


# ---- given: arrays as bytes


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Named arrays as the bytes of an uncompressed `.npz` file. The same arrays give the same bytes.

    Raises:
        ValueError: an array of Python objects, which only pickle could write.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, Array]:
    """The arrays that `pack` was given."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


# ---- Task 1: files and transactions ----------------------------------------------------------------------------------


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there in full or not at all, whatever happens while it is written.

    Nobody ever sees a part of it under its name, and once this returns it outlives a loss of power.
    """
    # Another name first, in the same folder: renaming within a file system is one step, copying across is not. Before
    # that, os.fsync: a rename may reach the disk earlier than what was written. A folder is a file too (`sync_folder`).
    raise NotImplementedError("a20_capstone: write_file is yours to write")


def sync_folder(folder: Path) -> None:
    """Have the system write down which names a folder holds (given)."""
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ModelRegistry:
    """Versions of models, by name and number, and which version of each is in use.

    Any number of processes and threads may use one folder at the same time, each with a registry of its own or with
    this one. Killing any of them at any moment leaves every registered version readable and every promotion done or
    not done.

    Args:
        root: a folder of its own; it is made if it does not exist.
        clock: seconds since 1970.
    """

    def __init__(self, root: str | Path, clock: Callable[[], float] = time.time):
        self.root, self.clock = Path(root), clock
        self.files = self.root / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._prepare()

    def _prepare(self) -> None:
        """Make the tables. Readers of a database in WAL mode never wait for a writer (given)."""
        patient_until = time.monotonic() + PATIENCE
        while True:
            connection = self._connect()
            try:
                if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(SCHEMA)
                return
            except sqlite3.OperationalError:  # SQLite waits for nobody while it changes the mode
                if time.monotonic() > patient_until:
                    raise
                time.sleep(0.01)
            finally:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        """A connection on which transactions begin and end only where we say so (given)."""
        connection = sqlite3.connect(self.root / "registry.db", timeout=PATIENCE, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose statements count together or not at all. One writer at a time; others wait.

            with self._transaction() as db:
                db.execute("UPDATE ...")

        If the block raises, nothing of it has happened.
        """
        # Say "BEGIN IMMEDIATE": that makes this the writer at once. A plain "BEGIN" becomes the writer with the first
        # change, and what was read before that may be old by then. Then COMMIT, or ROLLBACK, and close() in any case.
        raise NotImplementedError("a20_capstone: ModelRegistry._transaction is yours to write")

    def _query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one SELECT, which needs no transaction: it sees one state (given)."""
        connection = self._connect()
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    # ---- Task 2: versions

    def register(self, name: str, arrays: Mapping[str, Array], metadata: Mapping[str, Any] | None = None) -> int:
        """Keep arrays under the next number of `name`: 1, 2, ... No number is given twice, not even a deleted one.

        Args:
            name: letters, digits, dots, dashes, underscores.
            arrays: of numbers, bools or texts, any shape and dtype; they may change afterwards.
            metadata: whatever JSON can hold.

        Returns:
            The number of the version. It is not in use yet: see `promote`.

        Raises:
            ValueError: a name of other characters, no arrays, an array of objects. TypeError: metadata that JSON cannot
                hold. In both cases nothing is kept.
        """
        if not NAME.fullmatch(name):
            raise ValueError(f"a model's name is made of letters, digits, '.', '-' and '_', got {name!r}")
        if not arrays:
            raise ValueError(f"{name}: a version needs at least one array")
        content, text = pack(arrays), json.dumps(dict(metadata or {}), sort_keys=True)
        # The file first, under a name that nobody else has (the number is not known yet): os.urandom(8).hex() + ".npz"
        # in self.files. Then one transaction that takes the next number and adds the row. `models.last` is the last
        # number given; INSERT ... ON CONFLICT (name) DO UPDATE SET last = last + 1 makes or moves it.
        raise NotImplementedError("a20_capstone: ModelRegistry.register is yours to write")

    def names(self) -> list[str]:
        """All models, in alphabetical order."""
        return [name for (name,) in self._query("SELECT name FROM models ORDER BY name")]

    def versions(self, name: str) -> list[ModelVersion]:
        """The versions of a model by number, without the deleted ones; an unknown model has none."""
        rows = self._query("SELECT * FROM versions WHERE name = ? ORDER BY version", name)
        return [ModelVersion(*row[:4], json.loads(row[4])) for row in rows]

    def load(self, name: str, version: int | None = None) -> tuple[dict[str, Array], ModelVersion]:
        """The arrays of a version (by default the one in use), exactly as registered, and what is known about it.

        Raises:
            LookupError: no such model or version, or none is in use. DamagedFile: the file is not what was registered.
        """
        # self._find(name, number) gives a ModelVersion and its file's name. Compare the sha256 of the bytes that you
        # unpack: a file that is checked and then read again may have changed in between.
        raise NotImplementedError("a20_capstone: ModelRegistry.load is yours to write")

    def _find(self, name: str, version: int) -> tuple[ModelVersion, str]:
        """A version and the name of its file; LookupError if there is none (given)."""
        rows = self._query("SELECT * FROM versions WHERE name = ? AND version = ?", name, version)
        if not rows:
            known = ", ".join(str(v.version) for v in self.versions(name)) or "none"
            raise LookupError(f"there is no version {version} of {name!r}; there are {known}")
        return ModelVersion(*rows[0][:4], json.loads(rows[0][4])), rows[0][5]

    def _intact(self, found: ModelVersion, file: str) -> bytes:
        """The bytes of a version's file; DamagedFile if they are missing or not those that were registered."""
        raise NotImplementedError("a20_capstone: ModelRegistry._intact is yours to write")

    def delete(self, name: str, version: int) -> None:
        """Remove a version that is not in use. Its number is never given again.

        Raises:
            LookupError: no such version. ValueError: it is in use.
        """
        # The row first: a row without a file would be worse than a file without a row.
        raise NotImplementedError("a20_capstone: ModelRegistry.delete is yours to write")

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove files that no version speaks of: left by processes that were killed. Returns how many (given).

        Younger ones may belong to a `register` that is under way; how old a file is says the file system.
        """
        count = 0
        for path in self.files.iterdir():
            known = self._query("SELECT 1 FROM versions WHERE file = ?", path.name)
            if not known and path.stat().st_mtime < time.time() - older_than:
                path.unlink(missing_ok=True)
                count += 1
        return count

    # ---- Task 3: the version in use
    #
    # Every promotion is a row of `promotions`, never changed. `models.promotion` is the number of the one that counts.
    # `below` of a promotion is the number of the one that a rollback goes back to, so promotions form a stack: three
    # promotions and two rollbacks lead to the first one.

    def promote(self, name: str, version: int) -> None:
        """Bring a version into use, at once for everybody. To promote the one that is in use changes nothing.

        Raises:
            LookupError: no such version. DamagedFile: its file is not what was registered; the one in use stays.
        """
        # Check the file before the transaction: reading it may take long. In the transaction look whether the version
        # is still there, and what is in use now. A second promotion of the same version (somebody tried again after a
        # lost connection) must not put it on the stack twice, or a rollback would lead to itself.
        raise NotImplementedError("a20_capstone: ModelRegistry.promote is yours to write")

    def _put(self, db: sqlite3.Connection, name: str, version: int, kind: str, below: int | None) -> None:
        """Add a promotion and make it the one that counts (given)."""
        statement = "INSERT INTO promotions (name, version, at, kind, below) VALUES (?, ?, ?, ?, ?)"
        number = db.execute(statement, (name, version, self.clock(), kind, below)).lastrowid
        db.execute("UPDATE models SET promotion = ? WHERE name = ?", [number, name])

    def _in_use(self, db: sqlite3.Connection, name: str) -> int | None:
        """The version in use, as a transaction sees it (given)."""
        statement = "SELECT version FROM models JOIN promotions ON promotion = number WHERE models.name = ?"
        row = db.execute(statement, [name]).fetchone()
        return row[0] if row else None

    def current(self, name: str) -> int | None:
        """The version in use, None if there is none."""
        connection = self._connect()
        try:
            return self._in_use(connection, name)
        finally:
            connection.close()

    def rollback(self, name: str) -> int:
        """Go back to the version that was in use before the present one, and return it.

        It is the one before in time, whatever its number. A second rollback goes back one further. Versions that were
        deleted meanwhile are passed over.

        Raises:
            LookupError: nothing was in use before.
        """
        # From the promotion that counts go to the one below it, and on as long as its version is deleted. The new row
        # has the version and the `below` of the one you arrive at.
        raise NotImplementedError("a20_capstone: ModelRegistry.rollback is yours to write")

    def history(self, name: str) -> list[Promotion]:
        """All promotions and rollbacks of a model, the oldest first."""
        rows = self._query("SELECT name, version, at, kind FROM promotions WHERE name = ? ORDER BY number", name)
        return [Promotion(*row) for row in rows]
