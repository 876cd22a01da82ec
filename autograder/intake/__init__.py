"""Phase 1 of grading: take in a zip, a folder or a notebook, and lay out exactly the files the assignment may write.

An upload is hostile until shown otherwise: it is listed first, its files are chosen by comparing names with
`course.yaml`, and only those are read, each with a cap, and written under the name the course declares. No name from
an upload ever becomes a path on disk. What the code says is left to `autograder.lint`, where it stands in a framework
to `autograder.compose`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from autograder.course import Assignment, Course, Limits
from autograder.errors import GraderError
from autograder.intake.choose import Choice, Chosen, choose, without_clutter
from autograder.intake.content import ATTACHMENT_BYTES, SOURCE_BYTES, check_source
from autograder.intake.folders import list_folder, list_single
from autograder.intake.models import Entry, Ignored, IntakeError, Listing, Submission, SubmittedFile, digest_of
from autograder.intake.notebooks import NOTEBOOK_BYTES, files_in_notebook
from autograder.intake.paths import safe
from autograder.intake.zips import list_zip
from autograder.messages import message

__all__ = ["Entry", "Ignored", "IntakeError", "Listing", "Submission", "SubmittedFile", "find_files", "receive", "safe"]

LAYER = "layer"
ATTACHMENTS = "attachments"


def receive(source: Path, course: Course, assignment: Assignment, into: Path) -> Submission:
    """Take `source` in as a submission to `assignment`, writing its files below the empty folder `into`.

    The code goes to into/layer and reflection.md to into/attachments. Raises IntakeError with one line for the student.
    """
    if into.exists() and any(into.iterdir()):
        raise GraderError(f"the folder {into} that a submission is to be unpacked into is not empty; give an empty one")
    limits = course.limits_of(assignment)
    listing = _list(Path(source), limits)
    choice = find_files(listing, course, assignment, limits)
    sources = [(chosen.path, *_read_source(chosen)) for chosen in choice.files]
    notes = choice.notes + tuple(note for _, _, found in sources for note in found)
    files = _lay_out(into / LAYER, [(path, data) for path, data, _ in sources])
    attachments, ignored = _attach(into / ATTACHMENTS, choice)
    return Submission(
        assignment=assignment.key,
        root=into / LAYER,
        files=files,
        digest=digest_of(files),
        missing=choice.missing,
        attachments_root=into / ATTACHMENTS,
        attachments=attachments,
        ignored=ignored,
        notes=notes,
    )


def find_files(listing: Listing, course: Course, assignment: Assignment, limits: Limits | None = None) -> Choice:
    """What of a listing belongs to the assignment. Without `limits` its size does not matter (a folder at home)."""
    tidy = without_clutter(listing)
    if limits is not None:
        _check_size(tidy, limits)
    return choose(_with_cells(tidy, assignment), course, assignment)


def _list(source: Path, limits: Limits) -> Listing:
    if source.is_dir():
        return list_folder(source)
    if not source.is_file():
        raise IntakeError(message("intake.nothing_there", source=safe(str(source))))
    if source.suffix.casefold() == ".ipynb":
        return list_single(source, "notebook")
    if source.suffix.casefold() == ".py":
        raise IntakeError(message("intake.python_file", file=safe(source.name)))
    return list_zip(source, limits.upload_mb << 20)


def _check_size(listing: Listing, limits: Limits) -> None:
    entries = listing.entries
    if len(entries) > limits.upload_files:
        told = {"label": listing.label, "count": len(entries), "limit": limits.upload_files}
        raise IntakeError(message("intake.many_files", **told))
    total = sum(entry.size for entry in entries)
    if total > limits.upload_mb << 20:
        largest = max(entries, key=lambda entry: entry.size)
        told = {"label": listing.label, "total": total / 2**20, "limit": limits.upload_mb}
        raise IntakeError(message("intake.large", **told, path=safe(largest.path)))


def _with_cells(listing: Listing, assignment: Assignment) -> Listing:
    """Where no file of the assignment is there by name, the files that notebooks' cells write join the listing."""
    names = {path.rsplit("/", 1)[1].casefold() for path in assignment.writes}
    if any(entry.path.rsplit("/", 1)[-1].casefold() in names for entry in listing.entries):
        return listing
    entries: list[Entry] = []
    ignored = list(listing.ignored)
    for entry in listing.entries:
        if not entry.path.casefold().endswith(".ipynb"):
            entries.append(entry)
            continue
        try:
            # A notebook none of whose cells writes a file stays in the listing as what it is: one more file.
            entries += files_in_notebook(entry.path, entry.read(NOTEBOOK_BYTES)) or (entry,)
        except IntakeError as error:
            if listing.kind == "notebook":
                raise
            ignored.append(Ignored(safe(entry.path), str(error)))
    return Listing(listing.label, listing.kind, tuple(entries), tuple(ignored), listing.notes)


def _read_source(chosen: Chosen) -> tuple[bytes, tuple[str, ...]]:
    return check_source(chosen.path, chosen.entry.read(SOURCE_BYTES))


def _lay_out(root: Path, sources: list[tuple[str, bytes]]) -> tuple[SubmittedFile, ...]:
    """Write files under names that the course declares; never under a name that an upload chose."""
    root.mkdir(parents=True)
    files = []
    for path, data in sorted(sources):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        files.append(SubmittedFile(path, hashlib.sha256(data).hexdigest(), len(data)))
    return tuple(files)


def _attach(root: Path, choice: Choice) -> tuple[tuple[SubmittedFile, ...], tuple[Ignored, ...]]:
    """Keep the reflection for hand marking. A bad one is named and costs nothing: the code is graded all the same."""
    attachment = choice.attachment
    if attachment is None:
        return _lay_out(root, []), choice.ignored
    try:
        data = attachment.entry.read(ATTACHMENT_BYTES)
        data.decode("utf-8")
    except IntakeError as error:
        reason = str(error)
    except UnicodeDecodeError:
        reason = message("intake.reflection_not_utf8")
    else:
        return _lay_out(root, [(attachment.path, data)]), choice.ignored
    return _lay_out(root, []), (*choice.ignored, Ignored(safe(attachment.entry.path), reason))
