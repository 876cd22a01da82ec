"""Finding a student by whatever somebody calls them, and CSV files that people wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.batch import tables
from autograder.batch.gradebook import Gradebook
from autograder.batch.models import Person
from autograder.batch.people import Directory, Student, read_roster
from autograder.errors import UserError

ANN = Person("Ann Lee", "ann@uni.edu", "0042")
BEN = Person("Poe, Ben", "bpoe@uni.edu", "77")
BEN2 = Person("Ben Fox", "bfox@uni.edu", "78")
ODA = Person("Øda Müller-Käs", "oda@uni.edu", "79", canvas="4711")
KNOWN = Directory(Student(number, person) for number, person in enumerate((ANN, BEN, BEN2, ODA), 1))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ann@uni.edu", 1), ("ANN@uni.edu", 1), ("0042", 1), ("ann lee", 1), ("Lee Ann", 1), ("leeann", 1),
        ("lee_ann", 1), ("ann", 1), (" 0042 ", 1), ("benpoe", 2), ("poe, ben", 2), ("bpoe", 2), ("4711", 4),
        ("øda müller-käs", 4),
    ],
)  # fmt: skip
def test_a_student_is_found_by_number_mail_or_name_in_any_order(text, number):
    assert KNOWN.find(text).id == number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("42", "no student is called '42'"),
        ("amn lee", "no student is called 'amn lee'; the nearest are ann lee"),
        ("zzz", "see who is known"),
        ("", "no student is called ''"),
        ("---", "no student"),
    ],
)
def test_who_is_not_known_is_an_error_that_names_the_nearest(text, words):
    with pytest.raises(UserError, match=words):
        KNOWN.find(text)


def test_a_name_of_two_students_is_an_error_that_names_both():
    two = Directory([Student(1, Person("Ann Lee", "a@x.edu")), Student(2, Person("Ann Lee", "b@x.edu"))])
    with pytest.raises(UserError, match=r"may be any of a@x.edu, b@x.edu"):
        two.find("ann lee")


@pytest.mark.parametrize(
    ("person", "number"),
    [
        (Person(sid="0042", name="A. L."), 1),
        (Person(email="ANN@UNI.EDU"), 1),
        (Person(login="leeann"), 1),
        (Person(name="leeann", canvas="99"), 1),  # Canvas's number is news
        (Person(name="muellerkaes", canvas="4711"), 4),
        (Person(name="øda müller-käs", canvas="4712"), None),  # another number is another person
        (Person(name="Ann Lee", email="other@uni.edu"), None),  # so is another mail address
        (Person(name="Ann Lee", sid="43"), None),
        (Person(login="ben"), None),
    ],
)
def test_two_records_are_one_person_when_they_share_what_identifies(person, number):
    found = KNOWN.same(person)
    assert (found.id if found else None) == number


def book(tmp_path: Path) -> Gradebook:
    return Gradebook(tmp_path / "g.sqlite")


def test_a_roster_and_uploads_complete_each_other(tmp_path):
    with book(tmp_path) as g:
        with g.transaction():
            g.add_people([Person("Ann Lee", "ann@uni.edu", "0042")], enrolled=True)
            same = g.add_people([Person(login="ann_lee"), Person(name="leeann", canvas="9"), Person(sid="0042")])
        (student,) = g.directory()
        assert set(same.values()) == {student.id}
        assert student.person == Person("Ann Lee", "ann@uni.edu", "0042", "9", "ann_lee")
        assert student.enrolled


def test_an_identifier_stays_with_who_has_it(tmp_path):
    with book(tmp_path) as g:
        with g.transaction():
            g.add_people([Person("Ann", "ann@uni.edu", "1"), Person("Ben", "ben@uni.edu", "2")])
            g.add_people([Person("Ben", "ann@uni.edu", "2")])
        assert [s.person for s in g.directory()] == [
            Person("Ann", "ann@uni.edu", "1"),
            Person("Ben", "ben@uni.edu", "2"),
        ]


ROSTERS = {
    "Canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,a01 (1)\n    Points Possible,,,,,100\n"
        '"Lee, Ann",9,0042,ann,S1,\n"Student, Test",10,,x,S1,\n',
        (Person("Lee, Ann", "", "0042", "9", "ann"),),
    ),
    "Gradescope": (
        "\ufeffFirst Name,Last Name,SID,Email,Role\r\nAnn,Lee,0042,ann@uni.edu,Student\r\n\r\n",
        (Person("Ann Lee", "ann@uni.edu", "0042"),),
    ),
    "semicolons": ("name;email\nAnn Lee;ann@uni.edu\n", (Person("Ann Lee", "ann@uni.edu"),)),
}


@pytest.mark.parametrize("kind", ROSTERS)
def test_rosters_as_platforms_export_them(kind, tmp_path):
    text, people = ROSTERS[kind]
    (tmp_path / "r.csv").write_text(text, encoding="utf-8", newline="")
    assert read_roster(tmp_path / "r.csv") == people


BAD_TABLES = {
    "no header": ("", r"t.csv:1: there is no column 'points'"),
    "an unknown column": ("student,point\n", r"t.csv:1: unknown column 'point'; did you mean 'points'\? \(known: "),
    "a column twice": ("sid,student id,points\n", "t.csv:1: two columns both mean 'sid'"),
    "nobody": ("points,comment\n1,x\n", "t.csv:1: no column says who the student is"),
    "too many fields": ("student,points\na,1,2,3\n", "t.csv:2: 4 fields, but the first line names 2 columns"),
    "an open quote": ('student,points\n"a,1\n', "t.csv:2: not valid CSV"),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_a_table_that_is_wrong_is_refused_with_its_line(kind):
    text, words = BAD_TABLES[kind]
    with pytest.raises(UserError, match=words):
        list(tables.read_rows(text, "t.csv", ("points", "comment"), required=("points",)))


def test_a_line_whose_columns_mean_different_students_is_refused():
    row = next(tables.read_rows("sid,email\n0042,bpoe@uni.edu\n", "t.csv", ()))
    with pytest.raises(UserError, match=r"t.csv:2: email 'bpoe@uni.edu' is not that of Ann Lee \('ann@uni.edu'\)"):
        KNOWN.of_row(row)


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\n")
    with pytest.raises(UserError, match=r"x.csv is not UTF-8 \(byte 4\)"):
        read_roster(tmp_path / "x.csv")
    with pytest.raises(UserError, match="cannot read"):
        read_roster(tmp_path / "gone.csv")
