"""Reading Gradescope's submission_metadata.json: when something was uploaded, and until when it was to be.

The file is the platform's, but its fields come and go with settings and years. Whatever is missing or odd becomes a
note for the instructor and "not known"; nothing in it can stop the grading.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, TypeAdapter, ValidationError

_MOMENT = TypeAdapter(AwareDatetime)
_YEARS = range(2000, 2200)
_SHOWN = 80


@dataclass(frozen=True)
class Metadata:
    """What is known about an upload. `due` is the student's own date, extensions included; None means the course's."""

    submitted: datetime | None = None
    due: datetime | None = None
    title: str = ""
    earlier: tuple[datetime, ...] = ()  # when the attempts before this one came
    notes: tuple[str, ...] = ()


def read_metadata(file: Path | None, zone: str) -> Metadata:
    """The metadata of one submission, its times told in the time zone `zone`.

    Args:
        file: submission_metadata.json; None or an absent file means that nothing is known.
    """
    if file is None or not file.is_file():
        return Metadata(notes=("no submission_metadata.json: no late policy is applied",))
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        return Metadata(notes=(f"submission_metadata.json is not readable ({error}): no late policy is applied",))
    if not isinstance(data, dict):
        return Metadata(notes=("submission_metadata.json holds no fields: no late policy is applied",))
    return _Reader(ZoneInfo(zone)).read(data)


class _Reader:
    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.notes: list[str] = []

    def read(self, data: dict[str, Any]) -> Metadata:
        assignment = _fields(data.get("assignment"))
        submitted = self._moment("created_at", data.get("created_at"))
        if submitted is None:
            self.notes.append("created_at is not known: no late policy is applied")
        title = assignment.get("title")
        due = self._due(assignment, data.get("users"))
        earlier = self._earlier(data.get("previous_submissions"))
        return Metadata(submitted, due, title if isinstance(title, str) else "", earlier, tuple(self.notes))

    def _earlier(self, attempts: Any) -> tuple[datetime, ...]:
        found = []
        for number, attempt in enumerate(attempts if isinstance(attempts, list) else ()):
            name = f"previous_submissions[{number}].submission_time"
            moment = self._moment(name, _fields(attempt).get("submission_time"))
            found += [moment] if moment else []
        return tuple(found)

    def _due(self, assignment: dict[str, Any], users: Any) -> datetime | None:
        """The latest of the submitters' own due dates: of a group, the member with an extension decides."""
        common = self._moment("assignment.due_date", assignment.get("due_date"))
        own = []
        for number, user in enumerate(users if isinstance(users, list) else ()):
            stated = _fields(_fields(user).get("assignment")).get("due_date")
            own.append(self._moment(f"users[{number}].assignment.due_date", stated) or common)
        return max((due for due in own if due is not None), default=common)

    def _moment(self, name: str, value: Any) -> datetime | None:
        """A time with a zone, or None with a note that says what stood there instead."""
        if value is None:
            return None
        try:
            if not isinstance(value, str):
                raise ValueError("not a text")
            moment = _MOMENT.validate_python(value)
            if moment.year not in _YEARS:
                raise ValueError("not of our time")
        except (ValidationError, ValueError):
            self.notes.append(f"{name} is no time with a zone and was not used: {ascii(value)[:_SHOWN]}")
            return None
        return moment.astimezone(self.zone)


def _fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
