"""Reading CSV files that people wrote or platforms exported: columns by name, every complaint with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from autograder.batch.models import Person
from autograder.errors import UserError

# How rosters, Gradescope's and Canvas's exports call what names a student, in lower case.
PERSON_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "student": ("student", "who"),
    "name": ("name", "full name", "student name"),
    "first": ("first name", "first"),
    "last": ("last name", "last"),
    "email": ("email", "email address", "e-mail"),
    "sid": ("sid", "student id", "sis user id"),
    "canvas": ("canvas", "canvas id", "id"),
    "login": ("login", "login id", "sis login id"),
}


@dataclass(frozen=True)
class Row:
    """One line of a table: where it stands, and its fields under our names for the columns, stripped."""

    file: str
    line: int
    fields: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields.get(column, "")

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    def wrong(self, problem: str) -> UserError:
        return UserError(f"{self.where}: {problem}")

    @property
    def full_name(self) -> str:
        return self["name"] or " ".join(part for part in (self["first"], self["last"]) if part)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything in the line that says who the student is, the surest first."""
        said = [self[column] for column in ("sid", "email", "canvas", "login", "student")]
        return tuple(name for name in (*said, self.full_name) if name)

    @property
    def person(self) -> Person:
        name = self.full_name or self["student"]
        return Person(name, self["email"], self["sid"], self["canvas"], self["login"])


def read_text(file: Path) -> str:
    """The file as text; spreadsheets put a mark in front."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 (byte {error.start}); save it as 'CSV UTF-8'") from error


def read_rows(
    text: str, file: str, columns: Collection[str], required: Collection[str] = (), others: bool = False
) -> Iterator[Row]:
    """The lines of a table as rows.

    Args:
        file: its name, for complaints.
        columns: the columns that it may have besides those that name a student; `required` ones must be there.
        others: whether columns that nobody knows are passed over, as in an export with a column for everything.
    """
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    known = {**PERSON_COLUMNS, **{column: (column, column.replace("_", " ")) for column in columns}}
    try:
        header = _header(next(reader, []), file, known, required, others)
        for values in reader:
            if any(value.strip() for value in values):
                yield _row(values, header, file, reader.line_num)
    except csv.Error as error:
        raise UserError(f"{file}:{reader.line_num}: not valid CSV: {error}; close every quote") from error


def _header(
    names: list[str], file: str, known: Mapping[str, tuple[str, ...]], required: Collection[str], others: bool
) -> list[str]:
    """Our name for each column; an empty one for a column that is passed over."""
    ours = {alias: column for column, aliases in known.items() for alias in aliases}
    header = [ours.get(name.strip().casefold(), "") for name in names]
    if not others and (unknown := [name.strip() for name, column in zip(names, header, strict=True) if not column]):
        near = get_close_matches(unknown[0].casefold(), ours, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UserError(f"{file}:1: unknown column '{unknown[0]}'{hint} (known: {', '.join(known)})")
    if twice := [column for column in set(header) if column and header.count(column) > 1]:
        raise UserError(f"{file}:1: two columns both mean '{twice[0]}'; keep one")
    if missing := [column for column in required if column not in header]:
        raise UserError(f"{file}:1: there is no column '{missing[0]}'; the first line has to name the columns")
    if not set(header) & set(PERSON_COLUMNS):
        raise UserError(f"{file}:1: no column says who the student is; add one of {', '.join(PERSON_COLUMNS)}")
    return header


def _row(values: list[str], header: list[str], file: str, line: int) -> Row:
    if len(values) > len(header) and any(value.strip() for value in values[len(header) :]):
        raise UserError(f"{file}:{line}: {len(values)} fields, but the first line names {len(header)} columns")
    fields = {column: value.strip() for column, value in zip(header, values, strict=False) if column}
    return Row(file, line, fields)


def number(row: Row, column: str, least: float = 0.0) -> float:
    """A field as a number that is at least `least`."""
    text = row[column]
    try:
        found = float(text)
    except ValueError:
        raise row.wrong(f"{column} is '{text}'; write a number such as 8 or 7.5") from None
    if not least <= found < float("inf"):
        raise row.wrong(f"{column} is {text}; it cannot be less than {least:g} or without end")
    return found
