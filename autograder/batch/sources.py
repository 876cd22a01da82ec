"""What a folder of uploads holds, and whose they are: a plain folder, a Gradescope export, or a Canvas download.

Uploads are told apart by name only; none is opened here. Names come from students and platforms: they are compared and
shown, never used as a path. Whoever handed in something that cannot be graded is listed all the same.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml

from autograder.batch.models import Earlier, Person, Shelf, Upload, folder_name
from autograder.course import Assignment
from autograder.errors import UserError
from autograder.intake.paths import safe

METADATA = "submission_metadata.yml"
GRADED = (".zip", ".ipynb")

# leeann_LATE_4711_815_a05_submission-1.zip: name, mark, Canvas's number of the student, number of the file, its name
_CANVAS = re.compile(r"(?P<who>.+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<file>\d+)_(?P<name>.+)", re.DOTALL)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))? ?(Z|UTC|[+-]\d\d:?\d\d)?")
_ABSENT = ("", "~", "null")


def is_submission(folder: Path, writes: tuple[str, ...]) -> bool:
    """Whether a folder is one submission: it holds tinytorch/, or a file by a name that the assignment writes."""
    names = {Path(path).name for path in writes}
    return (folder / "tinytorch").is_dir() or any((folder / name).is_file() for name in names)


def open_shelf(folder: Path, assignment: Assignment) -> Shelf:
    """Every upload in a folder. UserError if there is none."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give the folder that holds the submissions")
    shelf = _gradescope(folder) if (folder / METADATA).is_file() else _by_file_name(folder, assignment)
    if not shelf.uploads:
        raise UserError(f"{folder} holds no zip, notebook or folder; give the folder that holds the submissions")
    return shelf


def _entries(folder: Path) -> Iterator[tuple[Path, bool]]:
    """What lies in a folder and is not clutter, sorted; with whether it is a folder. A pipe or a device is neither."""
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}; check its permissions") from error
    for path in found:
        if path.name.startswith((".", "__")):
            continue
        try:
            mode = path.stat().st_mode
        except OSError:  # a link to nowhere
            mode = 0
        yield path, stat.S_ISDIR(mode)


# A plain folder, or Canvas's download.


def _by_file_name(folder: Path, assignment: Assignment) -> Shelf:
    uploads: list[Upload] = []
    others: list[Path] = []
    for path, is_folder in _entries(folder):
        if is_folder or path.suffix.casefold() in GRADED:
            uploads.append(_canvas(path) or _plain(path, assignment, is_folder))
        else:
            others.append(path)
    # On Canvas every file is somebody's: one who handed in only a PDF must not be lost without a word.
    handed_in = {upload.people for upload in uploads}
    for path in others:
        upload = _canvas(path)
        if upload and upload.people not in handed_in:
            uploads.append(upload)
            handed_in.add(upload.people)
    used = {upload.path for upload in uploads}
    notes = tuple(
        f"{safe(path.name)} was not used: it is no zip, notebook or folder" for path in others if path not in used
    )
    kind = "Canvas download" if any(upload.people[0].canvas for upload in uploads) else "folder"
    return Shelf(kind, tuple(uploads), notes=notes)


def _canvas(path: Path) -> Upload | None:
    match = _CANVAS.fullmatch(path.name)
    if match is None:
        return None
    person = Person(name=match["who"], canvas=match["user"])
    label = folder_name(f"{match['who']}_{match['user']}_{match['file']}")
    # The number of a file grows with time, so that attempts sort by it; twenty digits hold any.
    key = f"canvas {match['user']} {match['file']:0>20}"
    return Upload(key, path, (person,), label, marked_late=match["late"] is not None)


def _plain(path: Path, assignment: Assignment, is_folder: bool) -> Upload:
    stem = path.name if is_folder else path.stem
    login = _without_assignment(stem, assignment)
    person = Person(email=login) if re.fullmatch(r"[^@\s]+@[^@\s]+", login) else Person(login=login)
    return Upload(path.name, path, (person,), folder_name(stem))


def _without_assignment(stem: str, assignment: Assignment) -> str:
    """`ann_a05_submission` is of ann: what `tito submit` calls a zip says nothing of its student."""
    own = rf"(?:{re.escape(assignment.key)}|{assignment.short})(?:[ _-]submission)?"
    rest = re.sub(rf"^{own}[ _-]+|[ _-]+{own}$", "", stem, flags=re.IGNORECASE)
    return stem if not rest or rest.casefold().startswith("submission") else rest


# Gradescope's export.


def _gradescope(folder: Path) -> Shelf:
    """One entry a submission in the metadata, one folder (or file) by the entry's name beside it."""
    entries = _read_metadata(folder / METADATA)
    present = {path.name: path for path, _ in _entries(folder)}
    uploads: list[Upload] = []
    earlier: list[Earlier] = []
    notes: list[str] = []
    for key, entry in entries.items():
        names = (key, *(key + suffix for suffix in GRADED))
        path = next((present.pop(name) for name in names if name in present), None)
        people = _submitters(key, entry)
        if path is None:
            notes.append(f"{safe(key)} of {safe(people[0].shown)} is in {METADATA} but not in the folder: not graded")
            continue
        submitted = _moment(entry.get("created_at"))
        if submitted is None:
            notes.append(f"{safe(key)}: created_at is not known, so the late policy is not applied")
        label = folder_name(f"{people[0].shown}-{key.removeprefix('submission_')}")
        uploads.append(Upload(key, path, people, label, submitted))
        # The history may name the submission itself.
        earlier += (one for one in _history(people, key, entry) if one.submitted != submitted)
    present.pop(METADATA)
    for name, path in present.items():
        if path.is_dir() or path.suffix.casefold() in GRADED:
            notes.append(f"{safe(name)} is not in {METADATA}: graded as a student of that name")
            stem = path.name if path.is_dir() else path.stem
            uploads.append(Upload(name, path, (Person(login=stem),), folder_name(stem)))
        else:
            notes.append(f"{safe(name)} was not used: it is not in {METADATA}")
    return Shelf("Gradescope export", tuple(uploads), tuple(earlier), tuple(notes))


def _read_metadata(file: Path) -> dict[str, dict[str, Any]]:
    """The entries as plain texts. No value is resolved: among the results stand texts that students wrote, and what
    looks like a date or a Ruby object there must stop nobody."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        data = yaml.load(file.read_bytes(), Loader=loader)
    except (OSError, yaml.YAMLError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise UserError(f"{file} cannot be read: {problem}; export the submissions again") from error
    if not isinstance(data, dict) or not all(isinstance(entry, dict) for entry in data.values()):
        raise UserError(f"{file} is not what Gradescope exports: one entry a submission; export them again")
    return {str(key): _symbols(entry) for key, entry in data.items()}


def _symbols(mapping: Any) -> dict[str, Any]:
    """Ruby writes its symbols with a colon in front (`:name`)."""
    return {str(key).lstrip(":"): value for key, value in mapping.items()} if isinstance(mapping, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) and value.strip() not in _ABSENT else ""


def _submitters(key: str, entry: dict[str, Any]) -> tuple[Person, ...]:
    people = []
    for submitter in _list(entry.get("submitters")):
        fields = _symbols(submitter)
        person = Person(name=_text(fields.get("name")), email=_text(fields.get("email")), sid=_text(fields.get("sid")))
        if person != Person():
            people.append(person)
    return tuple(people) or (Person(login=key),)


def _history(people: tuple[Person, ...], key: str, entry: dict[str, Any]) -> Iterator[Earlier]:
    for number, item in enumerate(_list(entry.get("history")), 1):
        fields = _symbols(item)
        submitted = _moment(fields.get("created_at"))
        if submitted is not None:
            yield Earlier(people, f"{key} {_text(fields.get('id')) or number}", submitted, _number(fields.get("score")))


def _moment(value: Any) -> datetime | None:
    """`2027-02-19 23:58:01.512345000 Z` and its kin; a time without a zone is UTC, as in Gradescope's exports."""
    match = _MOMENT.fullmatch(_text(value))
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z", "UTC") else f"{zone[:3]}:{zone[-2:]}"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{offset}").astimezone(timezone.utc)
        return moment + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))
    except (ValueError, OverflowError):
        return None


def _number(value: Any) -> float | None:
    try:
        return float(_text(value))
    except ValueError:
        return None
