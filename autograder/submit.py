"""Making the zip that a student uploads, and refusing to make one that the grader would refuse.

The zip is written from the same choice of files that intake makes, then taken in again by intake itself and read by
the lint, so that a student hears at home, in the same words, what the grader would say. Whether the code is right is
left to `tito check`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.intake import Submission, find_files, receive
from autograder.intake.choose import Choice
from autograder.intake.content import ATTACHMENT_BYTES, SOURCE_BYTES
from autograder.intake.folders import list_folder
from autograder.intake.paths import safe
from autograder.lint import Finding, lint_source, policy_for
from autograder.messages import message

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold: the same files give the same bytes on any day


class SubmitError(UserError):
    """The workspace cannot be submitted as it is; one line for each reason."""


@dataclass(frozen=True)
class SubmitReport:
    """The zip that was written."""

    path: Path
    files: tuple[str, ...]
    size: int
    sha256: str
    warnings: tuple[str, ...]


def write_submission(course: Course, assignment: Assignment, workspace: Path, out: Path | None = None) -> SubmitReport:
    """Write <short>_submission.zip from a workspace (or to `out`). On any error nothing is written or replaced."""
    workspace = Path(workspace)
    if not workspace.is_dir():
        raise SubmitError(message("submit.no_folder", folder=safe(str(workspace))))
    target = _target(assignment, workspace, out)
    choice = find_files(list_folder(workspace), course, assignment)
    contents = _contents(choice)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        _write_zip(part, contents)
        warnings = tuple(dict.fromkeys((*choice.notes, *_examine(part, course, assignment))))
        data = part.read_bytes()
        os.replace(part, target)
    except OSError as error:
        raise SubmitError(message("submit.unwritable", file=safe(str(target)), reason=error.strerror)) from error
    finally:
        part.unlink(missing_ok=True)
    return SubmitReport(target, tuple(sorted(contents)), len(data), hashlib.sha256(data).hexdigest(), warnings)


def recognise_assignment(course: Course, folder: Path) -> Assignment:
    """The assignment that a folder is about: by its name (a01_tensor, a01-tensor, a01), else by the files it holds."""
    named = re.match(r"(a\d\d)(?![0-9A-Za-z])", folder.resolve().name)
    if named:
        known = [a for a in course.assignments if a.short == named.group(1)]
        if known:
            return known[0]
    held = [a for a in course.assignments if any((folder / path).is_file() for path in a.writes)]
    if len(held) == 1:
        return held[0]
    if held:
        keys = ", ".join(a.key for a in held)
        raise UserError(message("submit.several", folder=safe(str(folder)), keys=keys, short=held[-1].short))
    raise UserError(message("submit.none", folder=safe(str(folder.resolve()))))


def _target(assignment: Assignment, workspace: Path, out: Path | None) -> Path:
    name = f"{assignment.short}_submission.zip"
    if out is None:
        return workspace / name
    target = Path(out) / name if Path(out).is_dir() else Path(out)
    if not target.parent.is_dir():
        raise SubmitError(message("submit.no_place", folder=safe(str(target.parent)), file=safe(target.name)))
    if target.suffix.casefold() != ".zip":
        raise SubmitError(message("submit.no_zip", file=safe(target.name), stem=safe(target.stem)))
    return target


def _contents(choice: Choice) -> dict[str, bytes]:
    contents = {chosen.path: chosen.entry.read(SOURCE_BYTES) for chosen in choice.files}
    if choice.attachment is not None:
        contents[choice.attachment.path] = choice.attachment.entry.read(ATTACHMENT_BYTES)
    return contents


def _write_zip(path: Path, contents: dict[str, bytes]) -> None:
    """The same contents give the same bytes: sorted, dateless, and stored, since compressors differ by machine."""
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(contents.items()):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data)


def _examine(path: Path, course: Course, assignment: Assignment) -> tuple[str, ...]:
    """Take the zip in as the grader will; raise what it would refuse, return what is worth a second look."""
    with tempfile.TemporaryDirectory(prefix="tito-") as scratch:
        submission = receive(path, course, assignment, Path(scratch) / "submission")
        findings = _lint(submission, course, assignment)
    if fatal := [finding for finding in findings if finding.fatal]:
        raise SubmitError("\n".join(str(finding) for finding in fatal))
    unwritten = [f for f in findings if f.rule == "unwritten"]
    left_out = (message("submit.left_out", path=i.path, reason=i.reason) for i in submission.ignored)
    warnings = [*submission.notes, *left_out]
    warnings += [str(finding) for finding in findings]
    if len(unwritten) == 1:
        warnings.append(message("submit.one_unwritten"))
    elif unwritten:
        warnings.append(message("submit.unwritten", count=len(unwritten)))
    return tuple(warnings)


def _lint(submission: Submission, course: Course, assignment: Assignment) -> list[Finding]:
    # In this process, unlike in the grader: it is the student's own file on the student's own machine.
    policy = policy_for(course, assignment)
    found: list[Finding] = []
    for file in submission.files:
        found += lint_source(file.path, (submission.root / file.path).read_bytes(), policy)
    return found
