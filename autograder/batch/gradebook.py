"""The gradebook: one SQLite file that several people may read and write at once, and that no crash can spoil.

Every change is one transaction that begins by taking the write lock, so that two writers follow each other and a killed
one leaves nothing half done. Marks given by hand are only ever added: the latest counts, the others stay readable, and
no grading touches them. What a batch writes is in `ledger`. The file has to lie on a local disk (write-ahead logging
needs shared memory).
"""

from __future__ import annotations

import getpass
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from autograder.batch.models import Person
from autograder.batch.people import IDENTIFIERS, Directory, Student, merged
from autograder.errors import UserError

NAME = "gradebook.sqlite"
APPLICATION = 0x7469746F  # "tito", in the file's header
WAIT_SECONDS = 60.0

# Each entry takes the file from the version before to its own; a file says in its header which it has.
MIGRATIONS = (
    """
    CREATE TABLE students (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, sid TEXT NOT NULL, canvas TEXT NOT NULL,
        login TEXT NOT NULL, enrolled INTEGER NOT NULL DEFAULT 0);
    CREATE UNIQUE INDEX students_email ON students (email COLLATE NOCASE) WHERE email <> '';
    CREATE UNIQUE INDEX students_sid ON students (sid COLLATE NOCASE) WHERE sid <> '';
    CREATE UNIQUE INDEX students_canvas ON students (canvas COLLATE NOCASE) WHERE canvas <> '';
    CREATE UNIQUE INDEX students_login ON students (login COLLATE NOCASE) WHERE login <> '';

    CREATE TABLE batches (
        id INTEGER PRIMARY KEY, assignment TEXT NOT NULL, source TEXT NOT NULL, out TEXT NOT NULL,
        regrade INTEGER NOT NULL, seed INTEGER, only_of TEXT NOT NULL, extensions TEXT NOT NULL,
        course_version TEXT NOT NULL, course_digest TEXT NOT NULL, image TEXT NOT NULL, who TEXT NOT NULL,
        started TEXT NOT NULL, finished TEXT);

    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY, assignment TEXT NOT NULL, upload TEXT NOT NULL, sha256 TEXT NOT NULL,
        label TEXT NOT NULL, source TEXT NOT NULL, submitted TEXT, marked_late INTEGER NOT NULL,
        UNIQUE (assignment, upload, sha256));
    CREATE UNIQUE INDEX attempts_label ON attempts (assignment, label COLLATE NOCASE);

    CREATE TABLE submitters (
        attempt INTEGER NOT NULL REFERENCES attempts, student INTEGER NOT NULL REFERENCES students,
        PRIMARY KEY (attempt, student)) WITHOUT ROWID;
    CREATE INDEX submitters_student ON submitters (student);

    CREATE TABLE gradings (
        attempt INTEGER PRIMARY KEY REFERENCES attempts, batch INTEGER NOT NULL REFERENCES batches,
        state TEXT NOT NULL CHECK (state IN ('graded', 'rejected', 'refused', 'grader error')),
        score REAL NOT NULL, earned REAL NOT NULL, deduction REAL NOT NULL, possible REAL NOT NULL,
        rejected TEXT NOT NULL, fault TEXT NOT NULL, explanation TEXT NOT NULL, policies TEXT NOT NULL,
        due TEXT, late_seconds REAL NOT NULL, late_percent REAL NOT NULL, free_days INTEGER NOT NULL,
        digest TEXT NOT NULL, seed INTEGER NOT NULL, course_version TEXT NOT NULL, course_digest TEXT NOT NULL,
        image TEXT NOT NULL, versions TEXT NOT NULL, graded_at TEXT NOT NULL, seconds REAL NOT NULL,
        results BLOB NOT NULL, record BLOB NOT NULL);

    CREATE TABLE cases (
        attempt INTEGER NOT NULL REFERENCES attempts, position INTEGER NOT NULL, key TEXT NOT NULL,
        file TEXT NOT NULL, number TEXT NOT NULL, title TEXT NOT NULL, hidden INTEGER NOT NULL, points REAL NOT NULL,
        earned REAL NOT NULL, status TEXT NOT NULL, unwritten INTEGER NOT NULL, seed INTEGER NOT NULL,
        seconds REAL NOT NULL, cpu_seconds REAL NOT NULL, memory_kb INTEGER NOT NULL,
        PRIMARY KEY (attempt, key)) WITHOUT ROWID;

    CREATE TABLE earlier (
        assignment TEXT NOT NULL, student INTEGER NOT NULL REFERENCES students, upload TEXT NOT NULL,
        submitted TEXT NOT NULL, score REAL, PRIMARY KEY (assignment, student, upload)) WITHOUT ROWID;

    CREATE TABLE marks (
        id INTEGER PRIMARY KEY, assignment TEXT NOT NULL, student INTEGER NOT NULL REFERENCES students,
        points REAL NOT NULL, comment TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL);
    CREATE INDEX marks_student ON marks (student, assignment);

    CREATE TABLE events (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, batch INTEGER REFERENCES batches,
        attempt INTEGER REFERENCES attempts, what TEXT NOT NULL, detail TEXT NOT NULL);
    CREATE INDEX events_attempt ON events (attempt);
    """,
    """
    CREATE TABLE leaderboard (
        attempt INTEGER NOT NULL REFERENCES attempts, name TEXT NOT NULL, value REAL NOT NULL,
        PRIMARY KEY (attempt, name)) WITHOUT ROWID;
    """,
)


@dataclass(frozen=True)
class Mark:
    """Points given by hand, with who gave them and when."""

    assignment: str
    student: int
    points: float
    comment: str
    who: str
    at: str


class Gradebook:
    """An open gradebook. Use as a context manager; belongs to the thread that made it.

    Args:
        path: the file; it is made when it is not there, unless `existing`.
        who: recorded with every change; the name of the user by default.
    """

    def __init__(self, path: Path, existing: bool = False, who: str | None = None):
        self.path, self.who = path, who or _user()
        if existing and not path.is_file():
            raise UserError(f"there is no gradebook {path}; name it with --gradebook FILE or $TITO_GRADEBOOK")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are begun here by hand, never behind our back.
            self.db = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"cannot open {path}: {error}; choose another place with --gradebook") from error
        self.db.row_factory = sqlite3.Row
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise UserError(f"{path} cannot be used as a gradebook: {error}; choose another file") from error
        except BaseException:
            self.db.close()
            raise

    def _prepare(self) -> None:
        self.db.execute("PRAGMA foreign_keys = ON")
        self.db.execute("PRAGMA synchronous = FULL")
        if self._pragma("application_id") not in (0, APPLICATION) or self._foreign():
            raise UserError(f"{self.path} is a database of another program; choose another file with --gradebook")
        self._write_ahead()
        if self._pragma("user_version") < len(MIGRATIONS):
            with self.transaction():
                self._migrate()
        if self._pragma("user_version") > len(MIGRATIONS):
            raise UserError(f"{self.path} was made by a newer tito; update this one")

    def _pragma(self, name: str) -> int:
        return self.db.execute(f"PRAGMA {name}").fetchone()[0]

    def _foreign(self) -> bool:
        tables = self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return bool(tables) and self._pragma("application_id") != APPLICATION

    def _write_ahead(self) -> None:
        """Asked again while somebody else opens the file too: this one change does not wait for its lock."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self._pragma("journal_mode") != "wal":
            try:
                self.db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _migrate(self) -> None:
        """Bring the file up to date. Somebody else may have done so while this waited for the lock."""
        for version in range(self._pragma("user_version"), len(MIGRATIONS)):
            for statement in MIGRATIONS[version].split(";"):
                self.db.execute(statement)
            self.db.execute(f"PRAGMA user_version = {version + 1}")
        self.db.execute(f"PRAGMA application_id = {APPLICATION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. The write lock is taken at once, so that nothing read in here can be out of date."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def log(self, what: str, detail: str = "", attempt: int | None = None, batch: int | None = None) -> None:
        """One line of what happened; inside a transaction."""
        self.db.execute(
            "INSERT INTO events (at, who, batch, attempt, what, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (now(), self.who, batch, attempt, what, detail),
        )

    # Students.

    def directory(self) -> Directory:
        return Directory(_student(row) for row in self.db.execute("SELECT * FROM students ORDER BY id"))

    def add_people(self, people: Iterable[Person], enrolled: bool = False) -> dict[Person, int]:
        """The students whom these records are of, added or completed; inside a transaction."""
        found: dict[Person, int] = {}
        directory = self.directory()
        for person in dict.fromkeys(people):
            known = directory.same(person)
            said = self._agreed(known, person, enrolled, directory)
            if known is None or said != known:
                known = self._put(said)
                directory.put(known)
            found[person] = known.id
        return found

    def _agreed(self, known: Student | None, person: Person, enrolled: bool, directory: Directory) -> Student:
        """What is now known of a student. Sources may disagree on whose a number is: whoever has it keeps it."""
        number = known.id if known else 0
        whole = merged(known.person, person) if known else person
        taken = {
            field: ""
            for field in IDENTIFIERS
            if (owner := directory.owner(field, getattr(whole, field))) and owner.id != number
        }
        return Student(number, replace(whole, **taken), enrolled or (known is not None and known.enrolled))

    def _put(self, student: Student) -> Student:
        """Write a student, a new one under a new number."""
        values = {**asdict(student.person), "enrolled": int(student.enrolled)}
        if student.id:
            changes = ", ".join(f"{column} = ?" for column in values)
            self.db.execute(f"UPDATE students SET {changes} WHERE id = ?", (*values.values(), student.id))
            return student
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        cursor = self.db.execute(f"INSERT INTO students ({columns}) VALUES ({marks})", tuple(values.values()))
        return replace(student, id=int(cursor.lastrowid or 0))

    # Marks by hand.

    def add_marks(self, marks: Iterable[tuple[str, int, float, str]]) -> int:
        """Add (assignment, student, points, comment), all or none; the number of those that say something new."""
        added = 0
        with self.transaction():
            for assignment, student, points, comment in marks:
                last = self.mark(assignment, student)
                if last is not None and (last.points, last.comment) == (points, comment):
                    continue
                self.db.execute(
                    "INSERT INTO marks (assignment, student, points, comment, who, at) VALUES (?, ?, ?, ?, ?, ?)",
                    (assignment, student, points, comment, self.who, now()),
                )
                added += 1
        return added

    def marks(self, student: int | None = None) -> tuple[Mark, ...]:
        """Every mark ever given (to one student), the oldest first."""
        rows = self.db.execute(
            "SELECT assignment, student, points, comment, who, at FROM marks WHERE ? IN (student, 0) ORDER BY id",
            (student or 0,),
        )
        return tuple(Mark(**dict(row)) for row in rows)

    def mark(self, assignment: str, student: int) -> Mark | None:
        """The mark that counts: the latest."""
        given = [mark for mark in self.marks(student) if mark.assignment == assignment]
        return given[-1] if given else None

    def close(self) -> None:
        self.db.close()

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def now() -> str:
    return stamp(datetime.now(timezone.utc))


def stamp(moment: datetime) -> str:
    """How times stand in the gradebook: UTC, so that they sort."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _student(row: sqlite3.Row) -> Student:
    person = Person(row["name"], row["email"], row["sid"], row["canvas"], row["login"])
    return Student(row["id"], person, bool(row["enrolled"]))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
