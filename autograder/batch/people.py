"""Who a student is. Platforms, file names and CSV files call the same person by a number, a mail address or a name.

Two records are one person when they share a student number, a mail address, a Canvas number or a login. A mere name is
trusted only to find somebody in what is known already, and only when nobody else bears it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from autograder.batch import tables
from autograder.batch.models import Person, letters
from autograder.errors import UserError

IDENTIFIERS = ("sid", "email", "canvas", "login")


@dataclass(frozen=True)
class Student:
    """A person in the gradebook."""

    id: int
    person: Person
    enrolled: bool = False

    @property
    def shown(self) -> str:
        return self.person.shown

    @property
    def names(self) -> frozenset[str]:
        """Everything that finds this student, in small letters."""
        known = (*(getattr(self.person, field) for field in IDENTIFIERS), self.person.name)
        return frozenset(name.casefold() for name in known if name)


class Directory:
    """Finds students by whatever they are called."""

    def __init__(self, students: Iterable[Student] = ()):
        self._students: dict[int, Student] = {}
        self._by_identifier: dict[tuple[str, str], int] = {}
        self._by_name: defaultdict[str, set[int]] = defaultdict(set)
        self._by_spelling: defaultdict[str, set[int]] = defaultdict(set)
        for student in students:
            self.put(student)

    def put(self, student: Student) -> None:
        """Add a student, or one who is known with more said of them."""
        self._students[student.id] = student
        for field in IDENTIFIERS:
            if value := getattr(student.person, field):
                self._by_identifier.setdefault((field, value.casefold()), student.id)
        for name in student.names:
            self._by_name[name].add(student.id)
        for spelling in _spellings(student.person):
            self._by_spelling[spelling].add(student.id)

    def __iter__(self) -> Iterator[Student]:
        return iter(self._students.values())

    def __getitem__(self, number: int) -> Student:
        return self._students[number]

    def owner(self, field: str, value: str) -> Student | None:
        """Who has an identifier."""
        return self._students.get(self._by_identifier.get((field, value.casefold()), 0))

    def same(self, person: Person) -> Student | None:
        """The student whom a record is of: by a shared identifier, else by the name that a file bears."""
        for field in IDENTIFIERS:
            value = getattr(person, field)
            if value and (found := self.owner(field, value)):
                return found
        if person.sid or person.email:
            return None
        found = self._bearer(person.login or person.name)
        # Another Canvas number is another person, though the names are alike.
        return None if found and person.canvas and found.person.canvas else found

    def _bearer(self, name: str) -> Student | None:
        """Whom a file's name means: a number, the front of a mail address, or first and last name in any order."""
        found = self._by_name.get(name.casefold(), set()) | self._by_spelling.get(letters(name) or name, set())
        return self._students[next(iter(found))] if len(found) == 1 else None

    def find(self, text: str) -> Student:
        """The student whom a person means by `text`; UserError naming the nearest when there is none or several."""
        wanted = text.strip().casefold()
        found = self._by_name.get(wanted) or self._by_spelling.get(letters(wanted) or wanted) or set()
        if len(found) == 1:
            return self._students[next(iter(found))]
        if found:
            people = [self._students[number].person for number in sorted(found)]
            several = ", ".join(p.email or p.sid or p.login or p.canvas for p in people)
            raise UserError(f"'{text}' may be any of {several}; use the mail address or the student number")
        near = get_close_matches(wanted, sorted(self._by_name), n=3, cutoff=0.5)
        hint = f"; the nearest are {', '.join(near)}" if near else "; see who is known: tito gradebook show"
        raise UserError(f"no student is called '{text}'{hint}")

    def of_row(self, row: tables.Row) -> Student:
        """The student of a line of a table: all that the line says has to mean the same one."""
        if not row.names:
            raise row.wrong("no student is named; fill in one of the columns that name a student")
        try:
            found = self.same(row.person) or self.find(row.names[0])
        except UserError as error:
            raise row.wrong(str(error)) from None
        for field in IDENTIFIERS:
            said, known = getattr(row.person, field), getattr(found.person, field)
            if said and known and said.casefold() != known.casefold():
                raise row.wrong(f"{field} '{said}' is not that of {found.shown} ('{known}'); correct one of them")
        return found


def _spellings(person: Person) -> frozenset[str]:
    """What a file of this student may be called: annlee, leeann (Canvas puts the last name first), or the front of the
    mail address."""
    parts = [part for part in person.name.replace(",", " ").split() if part]
    turned = (parts[-1:] + parts[:-1], parts[1:] + parts[:1])
    names = (person.name, *("".join(order) for order in turned), person.email.partition("@")[0])
    return frozenset(letters(name) for name in names) - {""}


def read_roster(file: Path) -> tuple[Person, ...]:
    """The people of a roster: any CSV with columns for names and numbers, such as Gradescope's or Canvas's export."""
    rows = tables.read_rows(tables.read_text(file), file.name, (), others=True)
    # Canvas puts a line with the points possible, and one of a test student, among the people.
    people = [row.person for row in rows if row.person.shown not in ("Points Possible", "Student, Test")]
    people = [person for person in people if person != Person()]
    if not people:
        raise UserError(f"{file.name} names nobody; the first line has to name the columns (name, email, sid, ...)")
    return tuple(people)


def merged(known: Person, said: Person) -> Person:
    """What is known of a student, with the gaps filled by what another source says."""
    fields = ("name", *IDENTIFIERS)
    return Person(**{field: getattr(known, field) or getattr(said, field) for field in fields})
